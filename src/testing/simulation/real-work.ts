/**
 * What a simulated program waits for that takes real time: files, compression, cryptography. Virtual time stands still while
 * any of it is under way. Node does not count it, but tells when its resources are made, call back and end.
 */
import { asyncWrapProviders, createHook, type AsyncHook } from "node:async_hooks";
import { makeVirtual } from "./node-timers.js";
import { running } from "./running.js";
import type { VirtualClock } from "./virtual-clock.js";

/** Requests to libuv's pool of threads: Node's own types only, since packages make resources with names like these, too. */
const THREAD_WORK = Object.keys(asyncWrapProviders).filter(
  (type) =>
    type !== "HTTPCLIENTREQUEST" &&
    /^(?:FSREQ|FILEHANDLECLOSEREQ|GETADDRINFO|GETNAMEINFO|QUERYWRAP)|(?:REQUEST|JOB)$/.test(type),
);

/** The types of resources that call back once. An `Immediate` is a turn of the event loop. */
const ONCE: ReadonlySet<string> = new Set([...THREAD_WORK, "Immediate"]);

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
        if (type === "PROMISE" || type === "TickObject" || running.getStore() === undefined) return;
        if (type === "Immediate") this.turns++;
        if (ONCE.has(type)) pending.add(id);
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
