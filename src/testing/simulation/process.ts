import type { Kernel } from "./kernel.js";
import { running, type Running } from "./running.js";
import type { VirtualClock } from "./virtual-clock.js";

/** The program that the running code belongs to; `undefined` outside of the simulation. */
export function currentProcess(): SimulatedProcess | undefined {
  return running.getStore() as SimulatedProcess | undefined;
}

/** The program on a host, from one start of the host to its crash; or the body of the simulation, which is on no host. */
export class SimulatedProcess implements Running {
  readonly host: Kernel | null;
  readonly #clock: VirtualClock;
  /** Whether it has crashed: nothing of it runs any more. */
  isGone = false;
  /** Until when it is handed no event. */
  stalledUntil = 0;
  /** What is told of the crash. */
  readonly #onGone = new Set<() => void>();

  constructor(host: Kernel | null, clock: VirtualClock) {
    this.host = host;
    this.#clock = clock;
  }

  /** Runs `act` in the next turn of the event loop, or once the process is no longer stalled; never if it has crashed. */
  soon(act: () => void): void {
    this.#clock.setImmediate(() => this.enter(act));
  }

  /** Runs `act` now, or once the process is no longer stalled; never if it has crashed. */
  enter(act: () => void): void {
    if (this.isGone) return;
    const wait = this.stalledUntil - this.#clock.now();
    if (wait > 0) this.#clock.schedule(() => this.enter(act), wait);
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
  }
}
