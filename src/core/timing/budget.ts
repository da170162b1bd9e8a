/**
 * How much the connections of a thread may do in one turn of the event loop.
 *
 * The caller of a promise that is settled already goes on before the event loop turns. A loop over calls that the kernel or
 * the queue can serve at once would keep the event loop from turning, and every other connection would wait. So such calls
 * draw on a budget, as tokio's tasks do (https://tokio.rs/blog/2020-04-preemption). Once the budget is spent, calls settle
 * in the next turn.
 *
 * The budget is full again whenever the event loop is known to have turned: when the kernel brings bytes, or in the
 * `setImmediate` that a spent budget asks for. A program whose calls wait now and then never notices the budget.
 */
import { clock } from "./clock.js";

/** The budget of one turn: about an eighth of a millisecond, in units of a sixteenth of a microsecond. */
const UNITS_PER_TURN = 2048;

/** The cost of a write that is gathered. */
export const GATHER_UNITS = 1;
/** The cost of a read that the queue serves. */
export const QUEUE_UNITS = 4;
/** The cost of a call that the kernel serves; each 256 bytes add one unit. */
const KERNEL_UNITS = 48;
/** The cost of making a connection of a client that waits. */
export const ACCEPT_UNITS = 128;
/** The cost of a lookup that asks no resolver. */
export const LOOKUP_UNITS = 32;
/** The cost of failing at once: most of it is the error's stack. */
export const FAILURE_UNITS = 256;

let left = UNITS_PER_TURN;
let postponed: (() => void)[] = [];
let turned: Promise<void> | null = null;

/** Spends some of the budget. Returns whether the call may settle in this turn. */
export function spend(units: number): boolean {
  return (left -= units) >= 0;
}

/** The cost of a call that hands `bytes` bytes to the kernel. */
export function kernelUnits(bytes: number): number {
  // A whole number, which V8 keeps without a heap object.
  return KERNEL_UNITS + (bytes >>> 8);
}

/** Fills the budget: the event loop has turned. */
export function refill(): void {
  left = UNITS_PER_TURN;
}

/** Calls back in the next turn, in the order of the calls. */
export function postpone(callback: () => void): void {
  if (clock.ofCaller !== undefined) postponeAlone(callback);
  else if (postponed.push(callback) === 1) clock.setImmediate(resume);
}

/** Where several programs share the thread, none may depend on a turn that another one has asked for. */
function postponeAlone(callback: () => void): void {
  clock.setImmediate(() => {
    refill();
    callback();
  });
}

/** Resolves in the next turn. */
export function nextTurn(): Promise<void> {
  if (clock.ofCaller !== undefined) return new Promise(postponeAlone);
  return (turned ??= new Promise((resolve) => postpone(resolve)));
}

/** Resolves to `value` in the next turn. */
export function inNextTurn<T>(value: T): Promise<T> {
  return new Promise((resolve) => postpone(() => resolve(value)));
}

/** Rejects with `error`: in this turn if its budget allows that, else in the next turn. */
export function rejectedInTime(error: unknown): Promise<never> {
  if (spend(FAILURE_UNITS)) return Promise.reject(error);
  return new Promise((_resolve, reject) => postpone(() => reject(error)));
}

/** The outcome of a call that may fail without waiting: a failure is told in a turn whose budget allows that. */
export async function failingInTime<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!spend(FAILURE_UNITS)) await nextTurn();
    throw error;
  }
}

function resume(): void {
  const callbacks = postponed;
  postponed = [];
  turned = null;
  refill();
  for (const callback of callbacks) callback();
}
