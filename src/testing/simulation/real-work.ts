/**
 * What a simulated program waits for that takes real time: files, compression, cryptography. Virtual time stands still while
 * any of it is under way. Node does not count it, but tells when its resources are made, call back and end.
 */
import { asyncWrapProviders, createHook, type AsyncHook } from "node:async_hooks";
import { makeVirtual } from "./node-timers.js";
import { runningProgram } from "./running.js";
import type { VirtualClock } from "./virtual-clock.js";

/** Node's own types only: packages make resources with names like these, too. */
const TYPES = Object.keys(asyncWrapProviders);

/** The types of resources that call back once: requests to libuv, and turns of the event loop. */
const ONCE: ReadonlySet<string> = new Set([
  ...TYPES.filter((type) => /^(?:FSREQ|FILEHANDLECLOSEREQ|GETADDRINFO|GETNAMEINFO|QUERYWRAP)/.test(type)),
  "Immediate",
]);

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
  /** Turns of the event loop that the program has asked for since time has moved. */
  turns = 0;
  readonly #pending = new Set<number>();
  /** Cancels timers of Node's that were made virtual. */
  readonly #timers = new Map<number, () => void>();
  readonly #hook: AsyncHook;

  constructor(clock: VirtualClock) {
    const pending = this.#pending;
    const timers = this.#timers;
    const end = (id: number): void => {
      if (pending.size > 0) pending.delete(id);
    };
    this.#hook = createHook({
      init: (id, type, _trigger, resource) => {
        if (type === "PROMISE" || type === "TickObject" || runningProgram() === undefined) return;
        if (type === "Immediate") this.turns++;
        if (ONCE.has(type)) pending.add(id);
        else if (CRYPTOGRAPHY.has(type))
          noteRun(
            resource as CryptographicWork,
            () => pending.add(id),
            () => end(id),
          );
        else if (type === "Timeout") timers.set(id, makeVirtual(clock, resource));
        else if (type === "ZLIB") noteWrites(resource as Compressor, () => pending.add(id));
      },
      // Before the callback, which may begin the next piece of work on the same resource.
      before: end,
      destroy: (id) => {
        end(id);
        if (timers.size === 0) return;
        const cancel = timers.get(id);
        timers.delete(id);
        cancel?.();
      },
    });
    this.#hook.enable();
  }

  get isUnderWay(): boolean {
    return this.#pending.size > 0;
  }

  stop(): void {
    this.#hook.disable();
    this.#pending.clear();
    for (const cancel of this.#timers.values()) cancel();
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
