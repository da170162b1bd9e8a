import { systemClock, type Clock } from "../../core/timing/clock.js";
import { currentProcess } from "./process.js";
import type { VirtualClock } from "./virtual-clock.js";

/**
 * The clock of this library while a simulation runs: that of the program that calls, whose timeouts wait while its host is
 * stalled, and end with it. Code outside of the simulation has the time of the machine.
 */
export function libraryClock({ setImmediate }: VirtualClock): Clock {
  return {
    now: () => ofCaller().now(),
    setTimeout: (callback, ms) => ofCaller().setTimeout(callback, ms),
    // Turns are for all: a call in the turn of one program may go on by the turn that another one has asked for.
    setImmediate,
    ofCaller,
  };
}

function ofCaller(): Clock {
  return currentProcess()?.clock ?? systemClock;
}
