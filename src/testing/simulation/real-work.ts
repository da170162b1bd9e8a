/**
 * What a simulated program waits for that takes real time: files, compression, cryptography. Virtual time stands still while
 * any of it is under way. Node does not count it, but tells when its resources are made, call back and end.
 */
import { asyncWrapProviders, createHook, type AsyncHook } from "node:async_hooks";
import { makeVirtual, type MadeVirtual } from "./node-timers.js";
import { runningProgram } from "./running.js";
import { answerForSocket } from "./tls-handle.js";
import type { VirtualClock } from "./virtual-clock.js";

/** Node's own types only: packages make resources with names like these, too. */
const TYPES = Object.keys(asyncWrapProviders);

/** The types of requests to libuv, which call back once. */
const ONCE: ReadonlySet<string> = new Set(
  TYPES.filter((type) => /^(?:FSREQ|FILEHANDLECLOSEREQ|GETADDRINFO|GETNAMEINFO|QUERYWRAP)/.test(type)),
);

/** The types of work of cryptography. */
const CRYPTOGRAPHY: ReadonlySet<string> = new Set(
  TYPES.filter((type) => type.endsWith("REQUEST") && type !== "HTTPCLIENTREQUEST"),
);

interface CryptographicWork {
  readonly run: (...args: unknown[]) => unknown;
}

interface Compressor {
  readonly write: (...args: unknown[]) => unknown;
}

export class RealWork {
  /** How many pieces of work the program has begun since time has moved. */
  begun = 0;
  readonly #pending = new Set<number>();
  /** Calls of `setImmediate` that are still to come: no work, but time stands still until they have. */
  readonly #turns = new Set<number>();
  /** Timers of Node's that were made virtual. */
  readonly #timers = new Map<number, MadeVirtual>();
  /** Message ports. A message that is on its way cannot be seen, but comes in the next turn. */
  readonly #ports = new Set<number>();
  #hasMessage = false;
  readonly #hook: AsyncHook;
  #lastWait = 0;

  constructor(clock: VirtualClock) {
    const pending = this.#pending;
    const turns = this.#turns;
    const timers = this.#timers;
    const ports = this.#ports;
    const begin = (id: number): void => {
      this.begun++;
      pending.add(id);
    };
    const end = (id: number): void => {
      if (turns.size > 0) turns.delete(id);
      if (pending.size > 0) pending.delete(id);
    };
    this.#hook = createHook({
      init: (id, type, _trigger, resource) => {
        if (type === "PROMISE" || type === "TickObject" || runningProgram() === undefined) return;
        if (type === "Immediate") turns.add(id);
        else if (ONCE.has(type)) begin(id);
        else if (CRYPTOGRAPHY.has(type))
          noteRun(
            resource as CryptographicWork,
            () => begin(id),
            () => end(id),
          );
        else if (type === "Timeout") timers.set(id, makeVirtual(clock, resource));
        else if (type === "MESSAGEPORT") ports.add(id);
        else if (type === "ZLIB") noteWrites(resource as Compressor, () => begin(id));
        else if (type === "TLSWRAP") answerForSocket(resource);
      },
      // Before the callback, which may begin the next piece of work on the same resource.
      before: (id) => {
        end(id);
        if (ports.size > 0 && ports.has(id)) this.#hasMessage = true;
      },
      destroy: (id) => {
        end(id);
        ports.delete(id);
        if (timers.size === 0) return;
        timers.get(id)?.cancel();
        timers.delete(id);
      },
    });
  }

  start(): void {
    this.#hook.enable();
  }

  get isUnderWay(): boolean {
    return this.#pending.size > 0;
  }

  /** Whether the program is to go on in a later turn of the event loop, or has gone on by a message since this was asked. */
  takeTurns(): boolean {
    const hasMessage = this.#hasMessage;
    this.#hasMessage = false;
    return hasMessage || this.#turns.size > 0;
  }

  /** Waits for work that no hook tells of, until its promise settles. */
  during<T extends PromiseLike<unknown>>(promise: T): T {
    // No resource of Node's has a number below 0.
    const id = --this.#lastWait;
    this.begun++;
    this.#pending.add(id);
    const end = (): void => void this.#pending.delete(id);
    promise.then(end, end);
    return promise;
  }

  stop(): void {
    this.#hook.disable();
    this.#pending.clear();
    this.#turns.clear();
    for (const timer of this.#timers.values()) timer.end();
    this.#timers.clear();
  }
}

/** Work that is done at once, as that of `randomUUID()`, returns its outcome and never calls back. */
function noteRun(work: CryptographicWork, begun: () => void, ended: () => void): void {
  Object.defineProperty(work, "run", {
    configurable: true,
    value(this: CryptographicWork, ...args: unknown[]): unknown {
      begun();
      const { run } = Object.getPrototypeOf(this) as CryptographicWork;
      const outcome = run.apply(this, args);
      if (Array.isArray(outcome)) ended();
      return outcome;
    },
  });
}

/** A compressor lives as long as its stream; each write of it calls back once. */
function noteWrites(compressor: Compressor, begun: () => void): void {
  Object.defineProperty(compressor, "write", {
    configurable: true,
    value(this: Compressor, ...args: unknown[]): unknown {
      begun();
      const { write } = Object.getPrototypeOf(this) as Compressor;
      return write.apply(this, args);
    },
  });
}
