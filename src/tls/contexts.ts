/**
 * What is kept for an object of TLS options, since making it costs more than a handshake: the secure context, and the
 * sessions of the servers. A second connection with the same object resumes the session of the first.
 */
import type { Buffer } from "node:buffer";
import type { ConnectionOptions, SecureContext } from "node:tls";
import type { Subject } from "../errors.js";
import { tlsOptionsFailed } from "./failures.js";
import { nodeTls } from "./node-tls.js";

/** A session that can be resumed. */
export interface Session {
  readonly ticket: Buffer;
  /** The certificate of the server (DER), which a resumed session does not have any more. */
  readonly certificate: Buffer | undefined;
}

/** Most servers whose sessions are kept for one object of options: as many as `https.Agent` keeps. */
const MAX_SESSIONS = 100;

/** What is kept for one object of options. */
export class ClientContext {
  readonly secureContext: SecureContext;
  /** The options as they were when the context was made. */
  readonly options: ConnectionOptions;
  readonly #sessions = new Map<string, Session>();

  constructor(options: ConnectionOptions) {
    this.options = options;
    this.secureContext = options.secureContext ?? nodeTls().createSecureContext(options);
  }

  sessionOf(server: string): Session | undefined {
    return this.#sessions.get(server);
  }

  keep(server: string, session: Session): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, session);
    if (this.#sessions.size <= MAX_SESSIONS) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }
}

/** Whether two objects have the same options: the program may change the one that it gives. */
export function isSame(one: object, other: object): boolean {
  const [a, b] = [one as Record<string, unknown>, other as Record<string, unknown>];
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

const contexts = new WeakMap<object, ClientContext>();

/**
 * The context of options: the one that was made before for the object that they came from, unless that was changed since.
 *
 * @param options - a copy of the program's, which stays as it is
 * @param given - the program's own object
 * @throws NetError for a key, a certificate, a cipher or a version that OpenSSL does not take
 */
export function clientContextOf(options: ConnectionOptions, given: object, subject: Subject): ClientContext {
  const kept = contexts.get(given);
  if (kept !== undefined && isSame(kept.options, options)) return kept;
  let made: ClientContext;
  try {
    made = new ClientContext(options);
  } catch (error) {
    throw tlsOptionsFailed(error, subject, options);
  }
  contexts.set(given, made);
  return made;
}
