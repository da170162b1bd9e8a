/** The handshake of a client, over any stream of bytes. */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { ConnectionOptions, PeerCertificate } from "node:tls";
import { clock } from "../core/timing/clock.js";
import { resetBeneath } from "../core/transport/tls/beneath.js";
import { secureTransport } from "../core/transport/tls/secure-transport.js";
import type { Transport } from "../core/transport/transport.js";
import type { Subject } from "../errors.js";
import { clientContextOf, type ClientContext, type Session } from "./contexts.js";
import { tlsFailed } from "./failures.js";
import { identityOf, type Identity } from "./identity.js";
import { nodeTls } from "./node-tls.js";
import { rememberFacts } from "./snapshot.js";

/** The options of `tls: true`, which share sessions, too. */
export const TLS_DEFAULTS: ConnectionOptions = {};

/** What a client's handshakes with one server have in common. */
export class TlsClient {
  readonly #options: ConnectionOptions;
  readonly #identity: Identity;
  readonly #context: ClientContext;
  readonly #allowTruncation: boolean;
  /** What the sessions of the server are kept by. */
  readonly #server: string;
  readonly #subject: Subject;

  /**
   * @param host - as the program named it; `undefined` if there was no name
   * @param subject - how errors name the server
   * @param given - the program's own object of options: contexts and sessions are kept for it
   * @throws TypeError, NetError for options that cannot be used
   */
  constructor(
    options: ConnectionOptions,
    host: string | undefined,
    subject: Subject,
    allowTruncation = false,
    given: object = options,
  ) {
    this.#options = { ...options };
    this.#identity = identityOf(host, options);
    this.#context = clientContextOf(options, given, subject);
    this.#allowTruncation = allowTruncation;
    this.#server = JSON.stringify([this.#identity.servername, this.#identity.name, subject.port]);
    this.#subject = subject;
  }

  /**
   * Resolves to a transport over the secure stream, in an event of its own: behind the records that the server sends after
   * the handshake, and with nothing of OpenSSL's on the stack. If this rejects, `raw` is reset.
   *
   * @param signal - gives up
   */
  handshake(raw: Duplex, signal: AbortSignal | undefined): Promise<Transport> {
    return new Promise((resolve, reject) => {
      const giveUp = (reason: unknown): void => {
        signal?.removeEventListener("abort", onAbort);
        reject(reason);
        resetBeneath(raw);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      raw.on("error", ignore);
      let certificate: Buffer | undefined;
      let session: Session | undefined;
      let isSecure = false;
      const kept = this.#options.session === undefined ? this.#context.sessionOf(this.#server) : undefined;
      try {
        const socket = nodeTls().connect({
          ...this.#options,
          socket: raw,
          host: this.#identity.name,
          servername: this.#identity.servername,
          secureContext: this.#context.secureContext,
          session: this.#options.session ?? kept?.ticket,
          checkServerIdentity: (_host, shown) => {
            certificate = shown.raw;
            return this.#check(shown);
          },
        });
        const onFailure = (cause: unknown): void => giveUp(tlsFailed(cause, this.#subject));
        const onClose = (): void => onFailure(endedInHandshake());
        socket.once("error", onFailure).once("close", onClose);
        socket.on("session", (ticket: Buffer) => {
          session = { ticket, certificate };
          if (isSecure) this.#context.keep(this.#server, session);
        });
        socket.once("secureConnect", () => {
          isSecure = true;
          if (socket.isSessionReused()) certificate ??= kept?.certificate;
          if (session !== undefined) this.#context.keep(this.#server, { ...session, certificate });
          rememberFacts(socket, certificate);
          // What `detach()` leaves by default.
          socket.allowHalfOpen = false;
          const transport = secureTransport(socket, { allowTruncation: this.#allowTruncation });
          clock.setImmediate(() => {
            signal?.removeEventListener("abort", onAbort);
            socket.off("error", onFailure).off("close", onClose);
            resolve(transport);
          });
        });
      } catch (error) {
        giveUp(tlsFailed(error, this.#subject));
      }
    });
  }

  /** What is wrong with the certificate of the server. Node does not catch what the program's function throws. */
  #check(certificate: PeerCertificate): Error | undefined {
    const { name } = this.#identity;
    const { checkServerIdentity = name === "" ? undefined : nodeTls().checkServerIdentity } = this.#options;
    try {
      return checkServerIdentity?.(name, certificate);
    } catch (error) {
      return error instanceof Error ? error : new Error("checkServerIdentity has thrown", { cause: error });
    }
  }
}

function endedInHandshake(): Error {
  const message = "the peer ended the connection in the handshake";
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}

function ignore(): void {
  // The TLS socket fails with it.
}
