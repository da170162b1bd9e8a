/** Connections of code outside of a simulation: virtual time does not wait for them, unless a program of it uses them. */
import timersPromises from "node:timers/promises";
import { memoryPair, simulate } from "../../../src/testing/index.js";

test("time goes on while code outside of the simulation is busy with connections", async () => {
  const [near, far] = memoryPair();
  const state = { isOver: false, lines: 0 };
  const reading = (async () => {
    for await (const line of far.lines()) state.lines += line.length;
  })();
  const writing = (async () => {
    while (!state.isOver) await near.writeLine("x");
    await near.close();
  })();
  const now = await simulate({ seed: 1 }, async (network) => {
    await timersPromises.setTimeout(1_000);
    return network.now;
  });
  expect(now).toBe(1_000);
  const { lines } = state;
  await timersPromises.setImmediate();
  await timersPromises.setImmediate();
  expect(state.lines).toBeGreaterThan(lines);
  state.isOver = true;
  await Promise.all([writing, reading]);
  far.reset();
});

test("time stands still while a program uses a connection that was made outside", async () => {
  const [near, far] = memoryPair({ capacity: 1_000 });
  await simulate({ seed: 1 }, async (network) => {
    void timersPromises.setTimeout(1);
    const [all] = await Promise.all([far.readExactly(1_000_000), near.write(Buffer.alloc(1_000_000))]);
    expect([all.length, network.now]).toEqual([1_000_000, 0]);
  });
  near.reset();
  far.reset();
});
