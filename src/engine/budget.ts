/**
 * What the connections of a thread may do in one turn of the event loop without waiting.
 *
 * A promise that is settled already lets its caller go on before the event loop turns. A loop over calls that the kernel
 * or the queue can serve at once would never let it turn, and every other connection would wait. So such calls draw on
 * a budget, as tokio's tasks do (https://tokio.rs/blog/2020-04-preemption). Once it is spent, the next call settles in the
 * next turn.
 *
 * The budget is full again whenever the event loop is known to have turned: when the kernel brings bytes, or in the
 * `setImmediate` that a spent budget asks for. A program whose calls wait now and then never sees it.
 */
import { setImmediate } from "node:timers";

/** What one turn has to spend; a unit is about a quarter of a microsecond. */
const UNITS_PER_TURN = 512;

/** What a call costs that the queue or the gathered bytes serve. */
export const MEMORY_UNITS = 1;
/** What it costs to fail at once: most of it is the error's stack. */
export const FAILURE_UNITS = 48;
/** What a call costs that the kernel serves, and what each KiB adds. */
const KERNEL_UNITS = 24;
const BYTES_PER_UNIT = 1024;

let left = UNITS_PER_TURN;
let postponed: (() => void)[] = [];
let turned: Promise<void> | null = null;

/** Spends some of the budget; answers whether the call may settle in this turn. */
export function spend(units: number): boolean {
  return (left -= units) >= 0;
}

/** What a call costs that hands so many bytes to the kernel. */
export function kernelUnits(bytes: number): number {
  return KERNEL_UNITS + bytes / BYTES_PER_UNIT;
}

/** The event loop has turned. */
export function refill(): void {
  left = UNITS_PER_TURN;
}

/** Calls back in the next turn, in the order of the calls. */
export function postpone(callback: () => void): void {
  if (postponed.push(callback) === 1) setImmediate(resume);
}

/** Resolves in the next turn. */
export function nextTurn(): Promise<void> {
  return (turned ??= new Promise((resolve) => postpone(resolve)));
}

/** Resolves in the next turn to a value that is here already. */
export function inNextTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => postpone(() => resolve(value)));
}

/** What a call comes to that fails at once: in this turn if its budget allows it, else in the next. */
export function rejectedInTime(error: unknown): Promise<never> {
  if (spend(FAILURE_UNITS)) return Promise.reject(error);
  return new Promise((_resolve, reject) => postpone(() => reject(error)));
}

function resume(): void {
  const callbacks = postponed;
  postponed = [];
  turned = null;
  refill();
  for (const callback of callbacks) callback();
}
