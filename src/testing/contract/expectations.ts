import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { performance } from "node:perf_hooks";
import { NetError, NetTimeoutError } from "../../index.js";

/** Far longer than anything that is waited for takes, and shorter than a case may take: it says more. */
const PATIENCE_MS = 12_000;

/** The next turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Waits until `condition` holds, looking once per turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    assert.ok(performance.now() < end, `this never came true: ${String(condition)}`);
    await turn();
  }
}

/** Whether a promise is settled, at any time. */
export function watch(promise: Promise<unknown>): { readonly settled: boolean } {
  const state = { settled: false };
  const settle = () => {
    state.settled = true;
  };
  promise.then(settle, settle);
  return state;
}

/** Asserts that a promise is not settled, and is not about to be. */
export async function stillPending(promise: Promise<unknown>): Promise<void> {
  const state = watch(promise);
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.equal(state.settled, false, "it settled");
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail("it did not reject");
}

/** The code by which the peer of the pair that was made last may see a reset besides `ECONNRESET`. */
let resetCode: string | undefined;

/** Has {@link isReset} and {@link fails} take this code for `ECONNRESET`, too; `undefined`: no other. */
export function setResetCode(code?: string): void {
  resetCode = code;
}

/** Whether an error says that the peer has reset the connection. */
export function isReset(error: unknown): boolean {
  return error instanceof NetError && (error.code === "ECONNRESET" || error.code === resetCode);
}

/** Asserts that a promise rejects with a `NetError` of one of these codes, and gives it back. */
export async function fails(promise: Promise<unknown>, ...codes: string[]): Promise<NetError> {
  const error = await rejection(promise);
  if (!(error instanceof NetError)) throw error;
  const isExpected = codes.includes(error.code) || (codes.includes("ECONNRESET") && isReset(error));
  assert.ok(isExpected, `expected ${codes.join(" or ")}, got ${error.message}`);
  return error;
}

/** Asserts that a promise rejects because time ran out. */
export async function timesOut(promise: Promise<unknown>): Promise<NetTimeoutError> {
  const error = await rejection(promise);
  if (!(error instanceof NetTimeoutError)) throw error;
  assert.equal(error.code, "ETIMEDOUT");
  return error;
}

/** Asserts that bytes are as expected, without printing megabytes of them. */
export function sameBytes(actual: Uint8Array | null, expected: Uint8Array): void {
  assert.ok(actual !== null, "the stream had ended");
  assert.equal(actual.length, expected.length, "as many bytes");
  if (Buffer.compare(actual, expected) === 0) return;
  assert.fail(`the bytes differ from position ${actual.findIndex((byte, at) => byte !== expected[at])}`);
}

/** What is read, as text. */
export function text(read: Buffer | null): string | null {
  return read === null ? null : read.toString();
}
