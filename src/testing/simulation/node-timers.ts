/**
 * Timers that Node makes past the functions that a simulation replaces: a program may have taken those before, as Jest does
 * of what is imported by name from `node:timers/promises`. An async hook tells of such a timer when it is made.
 */
import { clearTimeout } from "node:timers";
import { LONGEST_TIMER_MS } from "../../core/timing/clock.js";
import { VirtualTimer, type VirtualClock } from "./virtual-clock.js";

/** Kept: the simulation replaces what `node:timers` exports. */
const clearReal = clearTimeout;

/** What Node's timers are made of, in each release from 20 to 26. */
interface NodeTimer {
  _idleTimeout: number;
  /** Cleared: `null`, or `undefined` from Node 24 on. */
  readonly _onTimeout: ((...args: unknown[]) => void) | null | undefined;
  readonly _timerArgs?: unknown[];
  readonly _repeat: number | null;
  hasRef(): boolean;
  refresh(): unknown;
}

/**
 * A virtual timer that Node's own `clearTimeout` clears, which a program may have taken before, or call afterwards: it takes
 * the callback from a timer that has one, and does no more to one that is destroyed.
 */
export class ClearableTimer extends VirtualTimer {
  get _onTimeout(): unknown {
    return true;
  }

  set _onTimeout(_none: unknown) {
    this.close();
  }

  get _destroyed(): boolean {
    return true;
  }
}

/** One of Node's timers that fires by virtual time. */
export interface MadeVirtual {
  cancel(): void;
  /** The simulation is over. */
  end(): void;
}

/** Has one of Node's timers fire by virtual time. */
export function makeVirtual(clock: VirtualClock, resource: object): MadeVirtual {
  const timer = resource as NodeTimer;
  // A program can set none that is not referred to from the start: this is one of Node's own, which may belong to the whole
  // process, as that of the date in the headers of HTTP does.
  const isNodes = !timer.hasRef();
  const ms = timer._idleTimeout;
  const fire = (): void => {
    const { _onTimeout: callback, _timerArgs: args = [] } = timer;
    if (typeof callback !== "function") return;
    if (timer._repeat === null) clearReal(timer as never);
    callback.apply(timer, args);
  };
  const virtual = new VirtualTimer(clock, fire, ms, timer._repeat);
  // Node begins to wait when the hook has returned.
  queueMicrotask(() => {
    if (typeof timer._onTimeout !== "function") return;
    timer._idleTimeout = LONGEST_TIMER_MS;
    timer.refresh();
  });
  const cancel = (): void => {
    virtual.close();
    clearReal(timer as never);
  };
  const giveBack = (): void => {
    virtual.close();
    timer._idleTimeout = ms;
    timer.refresh();
  };
  const isSet = (): boolean => typeof timer._onTimeout === "function";
  return { cancel, end: () => (isNodes && isSet() ? giveBack() : cancel()) };
}
