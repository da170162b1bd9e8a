import type { Duplex } from "node:stream";
import type { Client } from "./client-library.js";

/** A library's client over one stream, which the library does not replace by another. */
export interface Session extends Client {
  /** Makes a request that the server does not answer, if the library has such; resolves once the server works on it. */
  begin(): Promise<Begun>;
  /** What the library has told its user by events; errors as {@link brief} has them. */
  readonly told: readonly string[];
  /** Resolves when the library has told its user that the connection is over. */
  readonly over: Promise<unknown>;
}

export interface Begun {
  readonly request?: Promise<unknown>;
}

/** A client that makes a session over a stream of `open`, and another over another when that one has failed or is over. */
export function clientOfSessions(
  open: () => Duplex | Promise<Duplex>,
  sessionOver: (stream: Duplex) => Session,
): Client {
  let current: { session: Session; stream: Duplex } | undefined;

  async function drop(): Promise<void> {
    const dropped = current;
    current = undefined;
    await dropped?.session.close();
    dropped?.stream.destroy();
  }

  async function attempt(operation: (session: Session) => Promise<void>): Promise<void> {
    if (current === undefined) {
      const stream = await open();
      const made = (current = { session: sessionOver(stream), stream });
      void made.session.over.then(() => {
        if (current === made) current = undefined;
      });
    }
    try {
      await operation(current.session);
    } catch (error) {
      await drop();
      throw error;
    }
  }

  return {
    exchange: () => attempt((session) => session.exchange()),
    transfer: () => attempt((session) => session.transfer()),
    close: drop,
  };
}

/** An error as tests compare it: by its code, if it has one, since the words for it are Node's or this library's. */
export function brief(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : message;
}

/** What the libraries' clients have of an EventEmitter, whose types differ. */
interface Emitter {
  on(name: string, listener: (value: unknown) => void): unknown;
  once(name: string, listener: (value: unknown) => void): unknown;
}

/**
 * Notes what an emitter emits of `'error'` and other events. An error that it emits twice is noted once: a library that does
 * TLS over a Duplex gets it from both.
 */
export function noted(emitter: Emitter, ...names: readonly string[]): readonly string[] {
  const told: string[] = [];
  const errors = new Set<unknown>();
  emitter.on("error", (error) => {
    if (!errors.has(error)) told.push(`error: ${brief(error)}`);
    errors.add(error);
  });
  for (const name of names) emitter.on(name, () => told.push(name));
  return told;
}

/** Resolves when an emitter emits one of some events, whatever else it emits before. */
export function emitted(emitter: Emitter, ...names: readonly string[]): Promise<unknown> {
  return new Promise((resolve) => {
    for (const name of names) emitter.once(name, resolve);
  });
}
