/**
 * The messages of the channels of `node:diagnostics_channel`: `tcp6:lookup`, `tcp6:attempt:start`, `:fail`, `:lose` and
 * `:win`, `tcp6:connection:open`, `tcp6:connection:close`, `tcp6:listener:refused`.
 *
 * The guides: [connecting](../connecting.md#seeing-what-happened), [serving](../serving.md).
 *
 * @module diagnostics
 */
export type {
  AttemptEvent,
  ConnectionCloseEvent,
  ConnectionEvent,
  ConnectionOrigin,
  DialEvent,
  LookupEvent,
  RefusedEvent,
  RefusedReason,
} from "../../src/index.js";
