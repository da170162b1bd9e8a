/** The handshake of a client, over any stream of bytes. */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { ConnectionOptions, PeerCertificate, PSKCallbackNegotation } from "node:tls";
import { isNativeError, isPromise } from "node:util/types";
import { clock } from "../core/timing/clock.js";
import { markHandled } from "../core/timing/fail-at-caller.js";
import { closeBehindBeneath, resetBeneath } from "../core/transport/tls/beneath.js";
import { secureTransport } from "../core/transport/tls/secure-transport.js";
import type { Transport } from "../core/transport/transport.js";
import type { Subject } from "../errors.js";
import { described } from "../options/described.js";
import { clientContextOf, type ClientContext } from "./contexts.js";
import { endedInHandshake, tlsFailed, tlsOptionsFailed } from "./failures.js";
import { checkIdentity, identityOf, type Identity } from "./identity.js";
import { nodeTls } from "./node-tls.js";
import { ownOptions } from "./own-options.js";
import { checkedClientPsk } from "./psk.js";
import { peerCertificateOf, rememberFacts } from "./snapshot.js";

type PskCallback = NonNullable<ConnectionOptions["pskCallback"]>;

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
    const own = ownOptions(options);
    this.#options = own;
    this.#identity = identityOf(host, own);
    this.#context = clientContextOf(own, given, subject);
    this.#allowTruncation = allowTruncation;
    const { servername, name } = this.#identity;
    this.#server = JSON.stringify([servername, name, subject.port ?? subject.address]);
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
      let isGivenUp = false;
      const giveUp = (reason: unknown): void => {
        isGivenUp = true;
        signal?.removeEventListener("abort", onAbort);
        reject(reason);
        resetBeneath(raw);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      raw.on("error", ignore);
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      closeBehindBeneath(raw);
      let isIdentified = true;
      let ticket: Buffer | undefined;
      let certificate: Buffer | undefined;
      let isSecure = false;
      /** What the program's `pskCallback` has failed with. */
      let fault: { readonly cause: unknown } | undefined;
      const { session: given, pskCallback } = this.#options;
      const kept = given === undefined ? this.#context.sessionOf(this.#server) : undefined;
      // Nothing checks the identity of a server again whose session is resumed.
      const keep = (): void => {
        if (ticket !== undefined && isIdentified) this.#context.keep(this.#server, { ticket, certificate });
      };
      try {
        const socket = nodeTls().connect({
          ...this.#options,
          socket: raw,
          host: this.#identity.name,
          servername: this.#identity.servername,
          secureContext: this.#context.secureContext,
          session: given ?? kept?.ticket,
          pskCallback: pskCallback && ((hint) => pskOf(pskCallback, hint, (cause) => (fault ??= { cause }))),
          checkServerIdentity: (_host, peer) => {
            certificate = peer.raw;
            const wrong = this.#check(peer);
            isIdentified = wrong === undefined;
            return wrong;
          },
        });
        const onFailure = (cause: unknown): void => {
          giveUp(tlsFailed(fault === undefined ? cause : fault.cause, this.#subject));
        };
        // By it Node refuses a certificate, and gives up a handshake. It would send FIN, and a server whose side stays
        // open would wait for ever. The TLS socket is destroyed when the stream beneath has closed.
        socket.destroy = (cause) => {
          Reflect.deleteProperty(socket, "destroy");
          // If that has closed already, in a turn of its own: both in one would be a fault of memory in Node.
          if (raw.destroyed) clock.setImmediate(() => socket.destroy());
          onFailure(cause ?? endedInHandshake());
          return socket;
        };
        const onClose = (): void => onFailure(endedInHandshake());
        socket.on("error", onFailure).once("close", onClose);
        socket.on("session", (session: Buffer) => {
          ticket = session;
          if (isSecure) keep();
        });
        socket.once("secureConnect", () => {
          isSecure = true;
          Reflect.deleteProperty(socket, "destroy");
          // What Node has not checked, it has not shown.
          certificate ??= socket.isSessionReused() ? kept?.certificate : peerCertificateOf(socket);
          rememberFacts(socket, certificate);
          keep();
          // What `detach()` leaves by default.
          socket.allowHalfOpen = false;
          const transport = secureTransport(socket, { allowTruncation: this.#allowTruncation });
          clock.setImmediate(() => {
            signal?.removeEventListener("abort", onAbort);
            // A stream beneath may still fail, and the TLS socket with it.
            if (isGivenUp) transport.reset();
            socket.off("error", onFailure).off("close", onClose);
            resolve(transport);
          });
        });
      } catch (error) {
        giveUp(tlsOptionsFailed(error, this.#subject, this.#options));
      }
    });
  }

  /** What is wrong with the certificate of the server. Node does not catch what the program's function throws. */
  #check(certificate: PeerCertificate): Error | undefined {
    const { checkServerIdentity = checkIdentity } = this.#options;
    try {
      // Typed as Node has it, but this is what the program returns.
      const wrong: unknown = checkServerIdentity(this.#identity.name, certificate);
      if (wrong === undefined || wrong === null) return undefined;
      if (isNativeError(wrong)) return wrong;
      if (isPromise(wrong)) markHandled(wrong);
      return new Error(
        `checkServerIdentity has returned ${described(wrong)}, which is neither undefined nor an Error`,
      );
    } catch (error) {
      if (isNativeError(error)) return error;
      return new Error(`checkServerIdentity has thrown ${described(error)}`, { cause: error });
    }
  }
}

/** The key that the program's function gives; `null`, with which the handshake fails, if there is something wrong with it. */
function pskOf(
  call: PskCallback,
  hint: string | null,
  failed: (cause: unknown) => void,
): PSKCallbackNegotation | null {
  try {
    return checkedClientPsk(call(hint));
  } catch (error) {
    failed(error);
    return null;
  }
}

function ignore(): void {
  // The TLS socket fails with it.
}
