import type { TLSSocket } from "node:tls";
import { StreamTransport } from "../duplex.js";
import type { Transport } from "../transport.js";

/** How a transport over a TLS socket behaves. */
export interface SecureOptions {
  /** Whether a peer that ends TCP without TLS's close_notify has ended the stream. If not, the stream has failed. */
  readonly allowTruncation: boolean;
}

type MakeTransport = (socket: TLSSocket, options: SecureOptions) => Transport;

/** A transport over a TLS socket. A socket that is in its handshake gets one, too. */
export const secureTransport: MakeTransport = (socket) => new StreamTransport(socket);
