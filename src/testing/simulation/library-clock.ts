import { systemClock, type Clock } from "../../core/timing/clock.js";
import { currentProcess } from "./process.js";
import type { VirtualClock } from "./virtual-clock.js";

/**
 * The clock of this library while a simulation runs: that of the program that calls, whose timeouts wait while its host is
 * stalled, and end with it. Code outside of the simulation has the time of the machine.
 */
export function libraryClock(clock: VirtualClock): Clock {
  return {
    now: () => ofCaller().now(),
    setTimeout: (callback, ms) => ofCaller().setTimeout(callback, ms),
    // Time waits for the turns of the simulation only. One that is asked for within such a turn belongs to it as well: a
    // connection of code outside, which a program of the simulation uses, acts in the async context that it was made in.
    setImmediate: (callback, ...args) => {
      const isInside = clock.isInTurn || currentProcess() !== undefined;
      return (isInside ? clock : systemClock).setImmediate(callback, ...args);
    },
    ofCaller,
  };
}

function ofCaller(): Clock {
  return currentProcess()?.clock ?? systemClock;
}
