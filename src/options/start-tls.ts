import type { ConnectionOptions, TlsOptions } from "node:tls";
import { checkBoolean, wrongType } from "./checks.js";
import { checkedOperation, type OperationOptions } from "./operation.js";
import { checkStartTls, isTlsOptions } from "./tls.js";
import { ownOptions } from "../tls/own-options.js";
import type { TlsSide } from "../tls/start-tls.js";

/** How to begin TLS on a connection: Node's own options for that end, and these. */
export type StartTlsOptions = (ConnectionOptions | TlsOptions) &
  OperationOptions & {
    /**
     * Whether this end is the server of the handshake, and the options are those of `tls.createServer`: `key` and `cert`
     * at least.
     *
     * @default false
     * @example await connection.startTls({ isServer: true, key, cert });
     */
    isServer?: boolean | undefined;
    /**
     * Whether the peer may end its side without TLS's close_notify; see the option of {@link connect}.
     *
     * @default what the connection has captured
     */
    allowTruncation?: boolean | undefined;
  };

interface StartTls {
  readonly side: TlsSide;
  readonly operation: OperationOptions;
  readonly allowTruncation: boolean | undefined;
}

/** The options of `startTls` as they are at the call, checked. */
export function checkedStartTls(given: StartTlsOptions): StartTls {
  if (!isTlsOptions(given)) throw wrongType("options", "an object of options", given);
  const { timeout, signal, isServer = false, allowTruncation, ...options } = ownOptions(given);
  checkBoolean("isServer", isServer);
  if (allowTruncation !== undefined) checkBoolean("allowTruncation", allowTruncation);
  checkStartTls(options, isServer);
  const operation = checkedOperation({ timeout, signal });
  return { side: { isServer, options, given } as TlsSide, operation, allowTruncation };
}
