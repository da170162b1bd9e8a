import assert from "node:assert/strict";
import type { Connection } from "../../index.js";
import { waitingReads } from "./calls.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { rejection, text, turn } from "./expectations.js";

/** How many listeners each event of the stream beneath a connection has. */
function listenersBeneath({ socket }: Connection): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of socket.eventNames()) counts[String(name)] = socket.listenerCount(name);
  return counts;
}

/** Calls that are served and calls that are given up, each kind once. */
async function useOnce(a: Connection, b: Connection): Promise<void> {
  const { signal } = new AbortController();
  for (const [, read] of waitingReads) {
    await rejection(read(a, { timeout: 0 }));
    const controller = new AbortController();
    const aborted = rejection(read(a, { signal: controller.signal }));
    await turn();
    controller.abort();
    await aborted;
  }
  const reading = a.read({ timeout: 60_000, signal });
  await b.write("x", { timeout: 60_000, signal });
  assert.equal(text(await reading), "x");
  await b.write("first\nsecond\n");
  for await (const line of a.lines()) {
    assert.equal(line, "first");
    break;
  }
  assert.equal(await a.readLine(), "second");
  await a.write("y");
  await a.flush();
  assert.equal(text(await b.readExactly(1)), "y");
}

/** What calls leave behind that are over: nothing. */
export const leftovers: readonly ContractCase[] = [
  onPair("calls that are over leave no listener on the stream beneath", async ({ a, b }) => {
    await useOnce(a, b);
    const before = [listenersBeneath(a), listenersBeneath(b)];
    for (let round = 0; round < 3; round++) await useOnce(a, b);
    assert.deepEqual([listenersBeneath(a), listenersBeneath(b)], before);
  }),

  onTimedPair("calls that are over leave no timer", async ({ a, b, clock }) => {
    await useOnce(a, b);
    const before = clock.pending;
    for (let round = 0; round < 3; round++) await useOnce(a, b);
    assert.equal(clock.pending, before);
  }),
];
