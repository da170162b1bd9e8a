import { AsyncResource } from "node:async_hooks";
import type { Clock } from "../../core/timing/clock.js";
import type { Kernel } from "./kernel.js";
import { running, runningProgram, type Running } from "./running.js";
import type { VirtualClock } from "./virtual-clock.js";

/** The program that the running code belongs to; `undefined` outside of the simulation. */
export function currentProcess(): SimulatedProcess | undefined {
  return runningProgram() as SimulatedProcess | undefined;
}

/** The program on a host, from one start of the host to its crash; or the body of the simulation, which is on no host. */
export class SimulatedProcess implements Running {
  readonly host: Kernel | null;
  /** What the timeouts of this library go by in the program. */
  readonly clock: Clock;
  readonly #clock: VirtualClock;
  /** Whether it has crashed: nothing of it runs any more. */
  isGone = false;
  /** Until when it is handed no event. */
  stalledUntil = 0;
  /** What it is handed once it is no longer stalled, in order. */
  #heldBack: (() => void)[] = [];
  /** What is told of the crash. */
  readonly #onGone = new Set<() => void>();

  constructor(host: Kernel | null, clock: VirtualClock) {
    this.host = host;
    this.#clock = clock;
    this.clock = {
      now: clock.now,
      setTimeout: (callback, ms) => running.run(this, () => clock.setTimeout(callback, ms)),
      setImmediate: (callback, ...args) =>
        running.run(this, () => clock.setImmediate(() => this.enter(() => callback(...args)))),
    };
  }

  get isOver(): boolean {
    return this.#clock.isOver;
  }

  /** Hands it no event for `ms` virtual milliseconds. What it gets then comes before its timers that are overdue. */
  stall(ms: number): void {
    const until = this.#clock.now() + ms;
    if (until <= this.stalledUntil) return;
    this.stalledUntil = until;
    this.#clock.schedule(() => this.#goOn(), ms);
  }

  /** Runs `act` in the next turn of the event loop, or once the process is no longer stalled; never if it has crashed. */
  soon(act: () => void): void {
    this.#clock.setImmediate(() => this.enter(act));
  }

  /** Runs `act` now, or once the process is no longer stalled; never if it has crashed. */
  enter(act: () => void): void {
    if (this.isGone) return;
    if (this.stalledUntil > this.#clock.now()) this.#heldBack.push(AsyncResource.bind(act));
    else act();
  }

  /** Calls `act` when the process crashes. The function that is returned takes this back. */
  whenGone(act: () => void): () => void {
    this.#onGone.add(act);
    return () => this.#onGone.delete(act);
  }

  /** Ends the process without a word to it. */
  end(): void {
    this.isGone = true;
    for (const act of this.#onGone) act();
    this.#onGone.clear();
    this.#heldBack = [];
  }

  #goOn(): void {
    if (this.stalledUntil > this.#clock.now()) return;
    const heldBack = this.#heldBack;
    this.#heldBack = [];
    for (const act of heldBack) this.soon(act);
  }
}
