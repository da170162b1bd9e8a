import type { TLSSocket } from "node:tls";
import { StreamTransport } from "../duplex.js";
import { worksPastTls } from "../tls-internals.js";
import type { Transport } from "../transport.js";
import { TlsTransport } from "./tls-transport.js";

/** How a transport over a TLS socket behaves. */
export interface SecureOptions {
  /** Whether a peer that ends TCP without TLS's close_notify has ended the stream. If not, the stream has failed. */
  readonly allowTruncation: boolean;
}

/**
 * A transport over a TLS socket. Called in the event that the handshake is done, it keeps what arrives before the
 * connection is there. A socket that is in its handshake gets one, too.
 */
export function secureTransport(socket: TLSSocket, { allowTruncation }: SecureOptions): Transport {
  return worksPastTls(socket) ? new TlsTransport(socket, allowTruncation) : new StreamTransport(socket);
}
