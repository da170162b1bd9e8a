/**
 * What a program reads the time from and waits with, by virtual time while a simulation runs. Code that runs outside of the
 * simulation keeps the real timers; `Date` is the same for all code, since it cannot tell who asks.
 */
import nodeModule from "node:module";
import { performance } from "node:perf_hooks";
import process from "node:process";
import timers from "node:timers";
import timersPromises from "node:timers/promises";
import { promisify } from "node:util";
import { systemClock } from "../../core/timing/clock.js";
import { checkSize } from "../../options/checks.js";
import { ClearableTimer } from "./node-timers.js";
import type { Random } from "./random.js";
import type { RealWork } from "./real-work.js";
import { runningProgram } from "./running.js";
import { VirtualTimer, type VirtualClock } from "./virtual-clock.js";
import { delayOf, interval, sleep } from "./waits.js";

type Unknown = (...args: unknown[]) => unknown;
type AsyncWork = (...args: unknown[]) => Promise<unknown>;

/** Has all of these go by virtual time. The function that is returned gives everything back. */
export function replaceGlobals(clock: VirtualClock, random: Random, work: RealWork): () => void {
  const replaced = new Replacements();
  const restore = (): void => {
    replaced.undo();
    nodeModule.syncBuiltinESMExports();
  };
  try {
    replaceAll(replaced, clock, random);
    waitForWebAssembly(replaced, work);
    nodeModule.syncBuiltinESMExports();
  } catch (error) {
    // One of them cannot be replaced: a program has frozen it.
    restore();
    throw error;
  }
  return restore;
}

function replaceAll(replaced: Replacements, clock: VirtualClock, random: Random): void {
  for (const owner of [globalThis, timers]) replaceTimers(replaced, owner, clock);
  replaced.inside(timersPromises, "setTimeout", (ms, value, options) => sleep(clock, ms, value, options));
  replaced.inside(timersPromises, "setInterval", (ms, value, options) => interval(clock, ms, value, options));
  replaced.inside(timersPromises.scheduler, "wait", (ms, options) => sleep(clock, ms, undefined, options));
  replaced.inside(AbortSignal, "timeout", (ms) => timeoutSignal(clock, ms));
  replaced.set(globalThis, "Date", clock.fake.Date);
  systemClock.now(); // It keeps the method of the machine from its first call on.
  for (const owner of new Set([performance, globalThis.performance])) {
    replaced.inside(owner, "now", () => clock.now());
  }
  for (const owner of new Set([process, globalThis.process])) {
    replaceHighResolution(replaced, owner, clock);
    replaced.inside(owner, "uptime", () => clock.now() / 1000);
  }
  replaced.inside(Math, "random", () => random.next());
}

/** The compilers of WebAssembly work in threads of V8's, of which Node tells nothing. */
function waitForWebAssembly(replaced: Replacements, work: RealWork): void {
  // Node has none if it was started with --jitless.
  const owner = Reflect.get(globalThis, "WebAssembly") as Record<string, AsyncWork> | undefined;
  if (owner === undefined) return;
  for (const name of ["compile", "instantiate"]) {
    const original = owner[name] as AsyncWork;
    replaced.inside(owner, name, (...args) => work.during(original(...args)));
  }
}

function replaceTimers(replaced: Replacements, owner: object, clock: VirtualClock): void {
  /** Those that were converted to a number, as Node allows. */
  const byNumber = new Map<number, VirtualTimer>();
  const begin = (isRepeated: boolean): Unknown =>
    Object.assign(
      (callback: unknown, ms: unknown, ...args: unknown[]): unknown => {
        if (typeof callback !== "function") {
          const message = 'The "callback" argument must be of type function.';
          throw Object.assign(new TypeError(message), { code: "ERR_INVALID_ARG_TYPE" });
        }
        const delay = delayOf(ms);
        const call = (): void => void (callback as Unknown).apply(timer, args);
        const timer = new ClearableTimer(clock, call, delay, isRepeated ? delay : null);
        return Object.defineProperty(timer, Symbol.toPrimitive, {
          value: () => {
            byNumber.set(timer.id, timer);
            return timer.id;
          },
        });
      },
      isRepeated
        ? {}
        : {
            [promisify.custom]: (ms: unknown, value: unknown, options: unknown) =>
              sleep(clock, ms, value, options),
          },
    );
  const end =
    (original: Unknown): Unknown =>
    (timer) => {
      const found = timer instanceof VirtualTimer ? timer : byNumber.get(Number(timer));
      if (found === undefined) return original(timer);
      byNumber.delete(found.id);
      found.close();
      return undefined;
    };
  replaced.inside(owner, "setTimeout", begin(false));
  replaced.inside(owner, "setInterval", begin(true));
  replaced.by(owner, "clearTimeout", end);
  replaced.by(owner, "clearInterval", end);
}

function replaceHighResolution(replaced: Replacements, owner: object, clock: VirtualClock): void {
  const hrtime = (before?: [number, number]): [number, number] => {
    const now = clock.now();
    const [seconds = 0, nanos = 0] = before ?? [];
    const all = Math.round((now % 1000) * 1e6) - nanos;
    const whole = Math.floor(now / 1000) - seconds;
    return all < 0 ? [whole - 1, all + 1e9] : [whole, all];
  };
  const bigint = (): bigint => BigInt(Math.round(clock.now() * 1e6));
  replaced.inside(owner, "hrtime", Object.assign(hrtime as Unknown, { bigint }));
}

/** As Node has it; what is longer than a timer can run comes after 1 ms. */
const MOST_SIGNAL_MS = 2 ** 32 - 1;

function timeoutSignal(clock: VirtualClock, ms: unknown): AbortSignal {
  checkSize("delay", ms, MOST_SIGNAL_MS);
  const controller = new AbortController();
  const expire = (): void =>
    controller.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
  new VirtualTimer(clock, expire, delayOf(ms), null);
  return controller.signal;
}

/** What a method may have beside itself: a method, which is replaced as well. */
const BESIDE = [promisify.custom, "bigint"] as const;

/** Properties that have other values for a while. */
class Replacements {
  readonly #undo: (() => void)[] = [];
  #isUndone = false;

  /** Replaces a method by one that is made of it. */
  by(owner: object, name: string, make: (original: Unknown) => Unknown): void {
    const { [name]: original } = owner as Record<string, Unknown | undefined>;
    if (typeof original === "function") this.set(owner, name, make(original));
  }

  /**
   * Replaces a method where the code that calls it runs inside the simulation. Code that a simulation has loaded may keep
   * the replacement for good: in a later simulation it calls what stands there by then.
   */
  inside(owner: object, name: string, method: Unknown): void {
    this.by(owner, name, (original) => {
      const either = this.#either(original, method, () => {
        const current: unknown = Reflect.get(owner, name);
        return current === either ? original : (current as Unknown);
      });
      for (const key of BESIDE) {
        const [theirs, ours] = [original, method].map((each) => Reflect.get(each, key) as unknown);
        if (typeof theirs !== "function" || typeof ours !== "function") continue;
        const later = (): Unknown => {
          const current = Reflect.get(owner, name) as object;
          return (current === either ? theirs : Reflect.get(current, key)) as Unknown;
        };
        Object.assign(either, { [key]: this.#either(theirs as Unknown, ours as Unknown, later) });
      }
      return either;
    });
  }

  #either(outside: Unknown, inside: Unknown, later: () => Unknown): Unknown {
    const choose = (): Unknown => {
      if (runningProgram() === undefined) return outside;
      return this.#isUndone ? later() : inside;
    };
    return function (this: unknown, ...args: unknown[]): unknown {
      return choose().apply(this, args);
    };
  }

  set(owner: object, name: string, value: unknown): void {
    const own = Object.getOwnPropertyDescriptor(owner, name);
    const { enumerable = true } = own ?? {};
    Object.defineProperty(owner, name, { configurable: true, enumerable, writable: true, value });
    this.#undo.push(() => {
      if (own === undefined) Reflect.deleteProperty(owner, name);
      else Object.defineProperty(owner, name, own);
    });
  }

  undo(): void {
    this.#isUndone = true;
    for (const undo of this.#undo.reverse()) undo();
  }
}
