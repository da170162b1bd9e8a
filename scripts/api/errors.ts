/**
 * How calls fail.
 *
 * The guides: [every code, and whether trying again is safe](../errors.md), [what each call comes to when a peer or a
 * network fails](../faults.md).
 *
 * @module errors
 */
export {
  NetError,
  NetTimeoutError,
  type NetErrorCode,
  type LibraryCode,
  type PlatformCode,
  type TlsCode,
  type Operation,
  type NetErrorFacts,
  type NetErrorFields,
} from "../../src/index.js";
