import { AsyncLocalStorage } from "node:async_hooks";

/** The program that the running code belongs to, as timers see it. */
export interface Running {
  /** Whether it has crashed, or the simulation is over: nothing of it runs any more. */
  readonly isGone: boolean;
  /** Until when it is handed no event. */
  readonly stalledUntil: number;
}

/** What program of a simulation the running code belongs to; `undefined` outside of the simulation. */
export const running = new AsyncLocalStorage<Running>();
