/**
 * One timer for all the waits of all connections, set lazily: a wait that ends in time costs a comparison, not a timer. It
 * keeps no process alive: the connections do, as `link.ts` says.
 */
import { AsyncResource } from "node:async_hooks";
import { nextTick } from "node:process";
import { cancel, clock, LONGEST_TIMER_MS, type Timer } from "./clock.js";
import { letArrive } from "./let-arrive.js";
import { WakeQueue, type Sleeper } from "./wake-queue.js";

const sleepers = new WakeQueue();

/** When the timer that is set goes off. */
let ringsAt = Infinity;
let timer: Timer | undefined;

/** Where the timer belongs: in the scope of whoever happens to set it, what that has in an AsyncLocalStorage would stay. */
const scope = new AsyncResource("tcp6.alarm");

/** Sees to it that the sleeper is woken at `due`, if not earlier. */
export function wakeBy(sleeper: Sleeper, due: number): void {
  if (due >= sleeper.due) return;
  const at = Math.ceil(due);
  sleepers.put(sleeper, at);
  if (at < ringsAt) setTimer(at);
}

/** Lets the sleeper sleep, whatever it was to be woken for. */
export function letSleep(sleeper: Sleeper): void {
  sleepers.remove(sleeper);
}

/** When a wait of so many milliseconds ends that begins now: a whole number, which needs no memory of its own. */
export function deadlineIn(bound: number): number {
  return Math.ceil(clock.now() + bound);
}

function setTimer(at: number): void {
  cancel(timer);
  ringsAt = at;
  const delay = Math.min(Math.max(Math.ceil(at - clock.now()), 1), LONGEST_TIMER_MS);
  timer = scope.runInAsyncScope(() => clock.setTimeout(timeUp, delay));
  timer.unref();
}

/**
 * What has come by now is let in first. Until that is done other turns may be busy for long, and what comes in them has
 * not been let in: so it counts whose time was up before.
 */
function timeUp(): void {
  const now = clock.now();
  letArrive(() => wakeDue(now));
}

/** Wakes all that were due at `now`. */
function wakeDue(now: number): void {
  ringsAt = Infinity;
  const due: Sleeper[] = [];
  for (let { first } = sleepers; first !== undefined && first.due <= now; { first } = sleepers) {
    sleepers.remove(first);
    due.push(first);
  }
  for (const sleeper of due) expire(sleeper, now);
  const { first } = sleepers;
  if (first !== undefined && first.due < ringsAt) setTimer(first.due);
}

function expire(sleeper: Sleeper, now: number): void {
  try {
    wakeBy(sleeper, sleeper.expire(now));
  } catch (error) {
    // A stream of somebody else's may throw when it is destroyed. That is no reason for others not to be woken.
    nextTick(() => {
      throw error;
    });
  }
}
