/** The handshakes of a server: a `tls.Server` that listens nowhere, and is given the clients of any listener. */
import type { Duplex } from "node:stream";
import type { Server, TlsOptions, TLSSocket } from "node:tls";
import { clock } from "../core/timing/clock.js";
import { secureTransport } from "../core/transport/tls/secure-transport.js";
import { streamBeneath } from "../core/transport/tls-internals.js";
import type { Transport } from "../core/transport/transport.js";
import type { Subject } from "../errors.js";
import { tlsOptionsFailed } from "./failures.js";
import { nodeTls } from "./node-tls.js";
import { rememberFacts } from "./snapshot.js";

/** How a handshake has ended. */
export type Handshaken = { readonly transport: Transport } | { readonly failure: unknown };

/** Node's own bound of a handshake would leave the socket open: with a negative time there is none. */
const NO_TIMEOUT = -1;

export class TlsServer {
  readonly server: Server;
  readonly #allowTruncation: boolean;
  readonly #underWay = new Map<Duplex, (ended: Handshaken) => void>();

  /**
   * @param subject - how errors name the listener
   * @throws NetError for a key, a certificate, a cipher or a version that OpenSSL does not take
   */
  constructor(options: TlsOptions, subject: Subject, allowTruncation = false) {
    this.#allowTruncation = allowTruncation;
    try {
      this.server = nodeTls().createServer({ ...options, handshakeTimeout: NO_TIMEOUT });
    } catch (error) {
      throw tlsOptionsFailed(error, subject, options);
    }
    this.server.on("secureConnection", (socket) => this.#secured(socket));
    this.server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
  }

  /**
   * Begins the handshake with a client. `ended` is called once, in an event of its own, unless the client's stream is reset
   * before. If the handshake has failed, the stream is closing by itself: an alert may be on its way.
   */
  handshake(raw: Duplex, ended: (how: Handshaken) => void): void {
    this.#underWay.set(raw, ended);
    raw.once("close", () => this.#underWay.delete(raw));
    // Otherwise a FIN in the handshake would not be noticed.
    raw.allowHalfOpen = false;
    this.server.emit("connection", raw);
  }

  /** Replaces the certificate and what belongs to it. Sessions of before can still be resumed. */
  setTls(options: TlsOptions, subject: Subject): void {
    const { ticketKeys = this.server.getTicketKeys() } = options;
    try {
      this.server.setSecureContext({ ...options, ticketKeys });
    } catch (error) {
      throw tlsOptionsFailed(error, subject, options);
    }
  }

  #secured(socket: TLSSocket): void {
    const raw = streamBeneath(socket);
    const ended = this.#take(raw);
    if (raw === undefined || ended === undefined) {
      socket.destroy();
      return;
    }
    raw.allowHalfOpen = true;
    rememberFacts(socket);
    const transport = secureTransport(socket, { allowTruncation: this.#allowTruncation });
    clock.setImmediate(() => ended({ transport }));
  }

  #failed(error: Error, socket: TLSSocket): void {
    const ended = this.#take(streamBeneath(socket));
    socket.destroy();
    if (ended !== undefined) clock.setImmediate(() => ended({ failure: error }));
  }

  #take(raw: Duplex | undefined): ((how: Handshaken) => void) | undefined {
    if (raw === undefined) return undefined;
    const ended = this.#underWay.get(raw);
    this.#underWay.delete(raw);
    return ended;
  }
}
