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
import { clock } from "./clock.js";

/** What one turn has to spend: about an eighth of a millisecond, in units of a sixteenth of a microsecond. */
const UNITS_PER_TURN = 2048;

/** What a call costs that only puts bytes to others. */
export const GATHER_UNITS = 1;
/** What a read costs that the queue serves. */
export const QUEUE_UNITS = 4;
/** What a call costs that the kernel serves; each 256 bytes add a unit. */
const KERNEL_UNITS = 48;
/** What it costs to make a connection of a client that waits. */
export const ACCEPT_UNITS = 128;
/** What it costs to fail at once: most of it is the error's stack. */
export const FAILURE_UNITS = 256;

let left = UNITS_PER_TURN;
let postponed: (() => void)[] = [];
let turned: Promise<void> | null = null;

/** Spends some of the budget; answers whether the call may settle in this turn. */
export function spend(units: number): boolean {
  return (left -= units) >= 0;
}

/** What a call costs that hands so many bytes to the kernel. */
export function kernelUnits(bytes: number): number {
  // A whole number: others would each need memory.
  return KERNEL_UNITS + (bytes >>> 8);
}

/** The event loop has turned. */
export function refill(): void {
  left = UNITS_PER_TURN;
}

/** Calls back in the next turn, in the order of the calls. */
export function postpone(callback: () => void): void {
  if (postponed.push(callback) === 1) clock.setImmediate(resume);
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
