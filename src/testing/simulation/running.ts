import { AsyncLocalStorage } from "node:async_hooks";

/** The program that the running code belongs to, as timers see it. */
export interface Running {
  /** Whether it has crashed, or the simulation is over: nothing of it runs any more. */
  readonly isGone: boolean;
  /** Whether the simulation is over. What runs of the program all the same is then outside, as any other code is. */
  readonly isOver: boolean;
  /** Until when it is handed no event. */
  readonly stalledUntil: number;
}

/** What program of a simulation, which may be over, the running code belongs to; `undefined` for all other code. */
export const running = new AsyncLocalStorage<Running>();

/** Whether the running code belongs to a simulation that is over. */
export function isLeftBehind(): boolean {
  return running.getStore()?.isOver === true;
}

/** What program of the simulation under way the running code belongs to; `undefined` outside of the simulation. */
export function runningProgram(): Running | undefined {
  const program = running.getStore();
  return program?.isOver === false ? program : undefined;
}
