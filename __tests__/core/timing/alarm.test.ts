import { Alarm } from "../../../src/core/timing/alarm.js";
import type { Sleeper } from "../../../src/core/timing/wake-queue.js";
import { connect } from "../../../src/index.js";
import { ManualClock } from "../../../src/testing/manual-clock.js";
import { turn } from "../../support/outcomes.js";
import { closeAll, keep, loopback } from "../../support/peers.js";

afterEach(closeAll);

test("a read whose byte has come does not time out, however busy each turn is", async () => {
  const listener = await loopback();
  const sender = keep(await connect("127.0.0.1", listener.port));
  const reader = keep(await listener.accept());
  const reads: Promise<unknown>[] = [];
  for (let sent = 0; sent < 10; sent++) {
    // The read's time is up before the event loop turns again, and the alarm may be about to fire for the read before.
    reads.push(reader.readExactly(1, { timeout: 5 }));
    void sender.write("x");
    for (const end = performance.now() + 15; performance.now() < end;);
    await turn();
    await reads.at(-1);
  }
  expect((await Promise.all(reads)).join("")).toBe("x".repeat(10));
});

test("each sleeper wakes when it is due, and the alarm has one timer for all", async () => {
  const clock = new ManualClock();
  const alarm = new Alarm(clock);
  const woken: string[] = [];
  const sleeper = (name: string): Sleeper => ({
    due: Infinity,
    place: -1,
    expire: (now) => {
      woken.push(`${name}@${String(now - start)}`);
      return Infinity;
    },
  });
  const start = clock.now();
  for (const [name, after] of Object.entries({ b: 20, a: 10, d: 40, c: 30 })) {
    alarm.wakeBy(sleeper(name), start + after);
    expect(clock.pending).toBe(1);
  }
  await clock.advance(19);
  expect(woken).toEqual(["a@10"]);
  expect(clock.pending).toBe(1);
  await clock.advance(100);
  expect(woken).toEqual(["a@10", "b@20", "c@30", "d@40"]);
  expect(clock.pending).toBe(0);
});
