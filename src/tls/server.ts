/** The handshakes of a server: a `tls.Server` that listens nowhere, and is given the clients of any listener. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import type { Server, TlsOptions, TLSSocket } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import { clock } from "../core/timing/clock.js";
import { closeBehindBeneath } from "../core/transport/tls/beneath.js";
import { secureTransport } from "../core/transport/tls/secure-transport.js";
import { parentOf, streamBeneath, tellsParent } from "../core/transport/tls-internals.js";
import type { Transport } from "../core/transport/transport.js";
import type { Subject } from "../errors.js";
import { wrongValue } from "../options/checks.js";
import { checkCertificate, checkVersions } from "./checks.js";
import { tlsOptionsFailed } from "./failures.js";
import { nodeTls } from "./node-tls.js";
import { ownOptions } from "./own-options.js";
import { withCaughtCallbacks } from "./server-callbacks.js";
import { rememberFacts } from "./snapshot.js";

/** How a handshake has ended. */
export type Handshaken = { readonly transport: Transport } | { readonly failure: unknown };

/** Node's own bound of a handshake would leave the socket open: with a negative time there is none. */
const NO_TIMEOUT = -1;

/** Options that `tls.Server` has for its whole life. All others belong to its secure context, which can be replaced. */
const LASTING = [
  ...["ALPNCallback", "ALPNProtocols", "SNICallback", "enableTrace", "highWaterMark", "pskCallback"],
  ...["pskIdentityHint", "rejectUnauthorized", "requestCert"],
] as const;

/** Options that say who the server is: one of them replaces all of them. */
const IDENTITY = [
  ...["cert", "clientCertEngine", "key", "passphrase", "pfx", "privateKeyEngine", "privateKeyIdentifier"],
] as const;

/** The stream of a handshake that begins, for those whose TLS socket does not tell it. */
const beginning = new AsyncLocalStorage<Duplex>();

export class TlsServer {
  readonly server: Server;
  readonly #allowTruncation: boolean;
  /** The options in force. */
  #options: TlsOptions;
  readonly #underWay = new WeakMap<Duplex, (how: Handshaken) => void>();
  /** What the program's own functions have failed with, by their TLS sockets. */
  readonly #faults = new WeakMap<object, unknown>();

  /**
   * @param subject - how errors name the listener
   * @throws NetError for a key, a certificate, a cipher or a version that OpenSSL does not take
   */
  constructor(given: TlsOptions, subject: Subject, allowTruncation = false) {
    const options = ownOptions(given);
    this.#allowTruncation = allowTruncation;
    this.#options = options;
    try {
      const caught = withCaughtCallbacks(options, (socket, cause) => this.#faults.set(socket, cause));
      this.server = nodeTls().createServer({ ...caught, handshakeTimeout: NO_TIMEOUT });
    } catch (error) {
      throw tlsOptionsFailed(error, subject, options);
    }
    this.server.on("secureConnection", (socket) => this.#secured(socket));
    this.server.on("tlsClientError", (error, socket) => this.#failed(error, socket));
  }

  /**
   * Begins the handshake with a client. `ended` is called once, unless the client's stream is reset before: in an event of its
   * own when the handshake is done, or within Node's event when it has failed. The stream is closing by itself then, since an
   * alert may be on its way.
   */
  handshake(raw: Duplex, ended: (how: Handshaken) => void): void {
    this.#underWay.set(raw, ended);
    // Otherwise a FIN in the handshake would not be noticed.
    raw.allowHalfOpen = false;
    closeBehindBeneath(raw);
    if (tellsParent()) this.server.emit("connection", raw);
    else beginning.run(raw, () => this.server.emit("connection", raw));
  }

  /**
   * Replaces the secure context. What is not given stays as it is; of the options that say who the server is, one replaces
   * all.
   *
   * @throws TypeError for an option that belongs to the server, and is not as it was; and if no certificate or no version
   *   of TLS would be left
   */
  setTls(given: TlsOptions, subject: Subject): void {
    const options = ownOptions(given);
    for (const name of LASTING) {
      if (options[name] === undefined || isDeepStrictEqual(options[name], this.#options[name])) continue;
      throw wrongValue(`options.${name}`, "left out, or as it was given to listen", options[name]);
    }
    const isOther = IDENTITY.some((name) => options[name] !== undefined);
    const kept: TlsOptions = { ...this.#options };
    if (isOther) for (const name of IDENTITY) kept[name] = undefined;
    const next = { ...kept, ...defined(options) };
    checkCertificate("options", next);
    checkVersions("options", next);
    try {
      this.server.setSecureContext({
        ...next,
        ticketKeys: options.ticketKeys ?? this.#ticketKeys(),
      });
    } catch (error) {
      throw tlsOptionsFailed(error, subject, options);
    }
    this.#options = next;
  }

  /** The keys in force, without which no session of before could be resumed; `undefined` where the runtime has none (Bun). */
  #ticketKeys(): Buffer | undefined {
    try {
      return this.server.getTicketKeys();
    } catch {
      return undefined;
    }
  }

  #secured(socket: TLSSocket): void {
    const raw = streamOf(socket);
    const ended = this.#take(raw);
    if (raw === undefined || ended === undefined) {
      socket.destroy();
      return;
    }
    const { requestCert = false, rejectUnauthorized = true } = this.#options;
    // Node's own server has checked it. Another runtime's may not have.
    if (requestCert && rejectUnauthorized && !socket.authorized) {
      socket.destroy();
      ended({ failure: untrusted(socket) });
      return;
    }
    raw.allowHalfOpen = true;
    // At a server Node gives it as often as it is asked.
    rememberFacts(socket, requestCert ? socket.getPeerX509Certificate() : undefined);
    socket.on("error", ignore);
    const transport = secureTransport(socket, { allowTruncation: this.#allowTruncation });
    clock.setImmediate(() => {
      ended({ transport });
      socket.off("error", ignore);
    });
  }

  #failed(error: Error, socket: TLSSocket): void {
    const ended = this.#take(streamOf(socket));
    socket.destroy();
    // Node closes an untrusted client's socket without a word of why.
    const cause = this.#faults.has(socket) ? this.#faults.get(socket) : (untrusted(socket) ?? error);
    ended?.({ failure: cause });
  }

  #take(raw: Duplex | undefined): ((how: Handshaken) => void) | undefined {
    if (raw === undefined) return undefined;
    const ended = this.#underWay.get(raw);
    this.#underWay.delete(raw);
    return ended;
  }
}

/** The stream beneath a TLS socket, which may have closed. */
function streamOf(socket: TLSSocket): Duplex | undefined {
  return streamBeneath(socket) ?? parentOf(socket) ?? beginning.getStore();
}

/** The error of a client whose certificate is not trusted; `undefined` if that is not what is wrong. */
function untrusted({ authorizationError }: TLSSocket): Error | undefined {
  // A code, other than its type says.
  const code = authorizationError as unknown;
  if (typeof code !== "string") return authorizationError;
  return Object.assign(new Error("the certificate of the client is not trusted"), { code });
}

/** The options that are given: `undefined` is none. */
function defined(options: TlsOptions): TlsOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function ignore(): void {
  // The connection is told of it when it is made.
}
