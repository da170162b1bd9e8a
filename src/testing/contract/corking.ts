import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ConnectionOptions, NetError, NetTimeoutError } from "../../index.js";
import { random } from "../random.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn } from "./expectations.js";
import { clog, pattern, pieces } from "./payloads.js";
import type { Pair } from "./pair.js";

const nothing = (): undefined => undefined;

const asNetError = (error: unknown): NetError => error as NetError;

/** A case about a pair that sends together what one turn has written. */
function corkedPair(name: string, check: (pair: Pair) => Promise<void>, options: ConnectionOptions = {}) {
  return onPair(`autoCork: ${name}`, check, { autoCork: true, ...options });
}

/** When writes that are sent together go out, and what becomes of them. */
export const corking: readonly ContractCase[] = [
  corkedPair("what one turn writes waits for its end, and arrives in order", async ({ a, b }) => {
    const writes = [a.write("one,"), a.writeLine("two"), a.write(["3", Buffer.from("4")]), a.write("")];
    assert.deepEqual([a.writableLength, a.bytesWritten], [10, 0]);
    await Promise.all(writes);
    assert.deepEqual([a.writableLength, a.bytesWritten], [0, 10]);
    assert.equal(text(await b.readExactly(10)), "one,two\n34");
  }),

  corkedPair("writes of any kind and size, awaited or not, arrive in order and once", async ({ a, b }) => {
    const numbers = random(7);
    const all: Buffer[] = [];
    const writing = (async () => {
      for (let n = 0; n < 400; n++) {
        const size = numbers(n % 50 === 0 ? 100_000 : 300);
        const bytes = pattern(size, n);
        const data = [
          bytes,
          [bytes.subarray(0, size >> 1), bytes.subarray(size >> 1)],
          bytes.toString("hex"),
        ];
        const one = data[n % 3] ?? bytes;
        all.push(typeof one === "string" ? Buffer.from(one) : bytes);
        const written = a.write(one);
        if (numbers(20) === 0) await written;
      }
      await a.closeWrite();
    })();
    const received = await b.readAll({ limit: Infinity });
    await writing;
    sameBytes(received, Buffer.concat(all));
  }),

  ...Object.entries<(pair: Pair) => unknown>({
    "flush()": ({ a }) => a.flush(),
    "closeWrite()": ({ a }) => a.closeWrite(),
    "close()": ({ a, b }) => Promise.all([a.close(), b.closeWrite()]),
    "a read that waits": ({ a }) => a.read(),
    "a write with timeout 0": ({ a }) => a.write("!", { timeout: 0 }),
    "detach()": ({ a }) => a.detach().end(),
  }).map(([what, send]) =>
    corkedPair(`${what} sends it at once`, async (pair) => {
      const { a, b, takesAtOnce, kernel } = pair;
      void a.write("as");
      void a.write("k");
      const sending = Promise.resolve(send(pair)).catch(() => undefined);
      if (takesAtOnce && kernel && what !== "detach()") assert.ok(a.bytesWritten >= 3);
      assert.equal(text(await b.readExactly(3)), "ask");
      b.reset();
      await sending;
    }),
  ),

  corkedPair("what is aborted in the same turn is not sent, and all else is", async ({ a, b }) => {
    const giveUp = new AbortController();
    const first = a.write("first,");
    const aborted = [1, 2].map((n) => a.write(String(n), { signal: giveUp.signal }));
    const last = a.write("last");
    giveUp.abort("never mind");
    assert.equal(a.writableLength, 10);
    for (const write of aborted) assert.equal(await rejection(write), "never mind");
    await Promise.all([first, last]);
    assert.equal(text(await b.readExactly(10)), "first,last");
  }),

  corkedPair("when all that waits is aborted, the next write is sent", async ({ a, b }) => {
    const giveUp = new AbortController();
    const aborted = a.write("never", { signal: giveUp.signal });
    giveUp.abort("never mind");
    assert.equal(await rejection(aborted), "never mind");
    assert.equal(a.writableLength, 0);
    await a.write("next");
    assert.equal(text(await b.read()), "next");
  }),

  corkedPair("reset() fails what was not sent, and says that nothing of it was", async ({ a }) => {
    const writes = [a.write("one"), a.write("two")];
    a.reset();
    for (const write of writes) assert.equal((await fails(write, "ERR_CLOSED")).written, "nothing");
    assert.equal(a.writableLength, 0);
  }),

  onTimedPair(
    "autoCork: a write in its turn that times out is sent to its end, and those behind it leave the queue",
    async (pair) => {
      const { a, b, clock } = pair;
      const whole = clog();
      void a.write("a");
      const large = a.write(whole, { timeout: 50 });
      await stillPending(large);
      const late = timesOut(large);
      const together = ["b", "c"].map((letter) => timesOut(a.write(letter, { timeout: 20 })));
      const behind = a.write("d");
      await clock.advance(20);
      for (const error of await Promise.all(together)) assert.equal(error.written, "nothing");
      await clock.advance(30);
      assert.equal((await late).written, "partly");
      sameBytes(await b.readExactly(1 + whole.length), Buffer.concat([Buffer.from("a"), whole]));
      assert.equal(text(await b.readExactly(1)), "d");
      await behind;
    },
    { autoCork: true },
  ),

  corkedPair(
    "of writes to a full peer, those that go out together time out as partly sent",
    async ({ a, b }) => {
      const all = Array.from(pieces(clog(), 20_000));
      const outcomes = await Promise.allSettled(all.map((piece) => a.write(piece, { timeout: 200 })));
      const how = outcomes.map((outcome) =>
        outcome.status === "fulfilled" ? "taken" : (outcome.reason as NetTimeoutError).written,
      );
      const unsent = how.indexOf("nothing");
      const partly = how.indexOf("partly");
      assert.ok(partly !== -1 && partly < unsent);
      assert.ok(how.slice(0, partly).every((one) => one === "taken"));
      assert.ok(how.slice(partly, unsent).every((one) => one === "partly"));
      assert.ok(how.slice(unsent).every((one) => one === "nothing"));
      assert.ok(unsent - partly === 1 || Buffer.concat(all.slice(partly, unsent)).length <= 65_536);
      const next = a.write("next");
      const sent = Buffer.concat(all.slice(0, unsent));
      sameBytes(await b.readExactly(sent.length), sent);
      await next;
      assert.equal(text(await b.read()), "next");
    },
  ),

  corkedPair("memory that is transferred in the same turn fails its write only", async ({ a, b }) => {
    const memory = Buffer.alloc(8, "x");
    const own = new Uint8Array(new ArrayBuffer(4));
    const [first, lost, last] = [a.write(memory), a.write(own), a.write("last")];
    structuredClone(own, { transfer: [own.buffer] });
    assert.ok((await rejection(lost)) instanceof TypeError);
    await Promise.all([first, last]);
    assert.equal(text(await b.readExactly(12)), "xxxxxxxxlast");
  }),

  corkedPair("64 KiB go out before the turn ends", async ({ a, b, takesAtOnce, kernel }) => {
    const piece = pattern(1_024);
    const writes = Array.from({ length: 65 }, () => a.write(piece));
    if (takesAtOnce && kernel) assert.deepEqual([a.writableLength, a.bytesWritten], [1_024, 65_536]);
    sameBytes(await b.readExactly(65 * 1_024), Buffer.concat(Array.from({ length: 65 }, () => piece)));
    await Promise.all(writes);
  }),

  corkedPair("thousands of small writes of one turn arrive", async ({ a, b }) => {
    const writes = Array.from({ length: 5_000 }, (_, n) => a.write(`${String(n)},`));
    const all = Array.from({ length: 5_000 }, (_, n) => `${String(n)},`).join("");
    assert.equal(text(await b.readExactly(all.length)), all);
    await Promise.all(writes);
  }),

  corkedPair("a loop of writes that are awaited lets the event loop turn", async ({ a, b }) => {
    let turns = 0;
    const counting = setInterval(() => turns++, 0);
    const reading = b.readAll({ limit: Infinity });
    try {
      while (turns < 3) await a.write("x");
    } finally {
      clearInterval(counting);
    }
    await a.close();
    assert.ok((await reading).length > 0);
  }),

  corkedPair("what the peer's reset loses fails each call that waits", async ({ a, b, resets }) => {
    if (!resets) return;
    b.reset();
    assert.ok((await rejection(a.closed)) instanceof Error);
    const writes = [a.write("one"), a.write("two"), a.flush()];
    for (const write of writes) assert.ok((await rejection(write)) instanceof Error);
  }),

  corkedPair(
    "writes to a peer that was reset unseen fail as soon as they go out, all of one turn",
    async ({ a, b, takesAtOnce }) => {
      b.reset();
      let failed: (NetError | undefined)[] = [];
      for (let tries = 0; tries < 10_000 && failed.length === 0; tries++) {
        await turn();
        const writes = [a.write("one"), a.write(["t", "wo"]), a.write("three"), a.flush()];
        const errors = await Promise.all(writes.map((write) => write.then(nothing, asNetError)));
        if (errors.some((error) => error !== undefined)) failed = errors;
      }
      assert.deepEqual(
        failed.map((error) => error?.operation),
        ["write", "write", "write", "write"],
      );
      const told = failed.slice(0, 3).map((error) => error?.written);
      if (takesAtOnce) assert.deepEqual(told, ["nothing", "nothing", "nothing"]);
      for (const error of failed) assert.ok(["ECONNRESET", "EPIPE"].includes(error?.code ?? ""));
      assert.equal((await fails(a.write("four"), "ECONNRESET", "EPIPE", "ERR_CLOSED")).written, "nothing");
      assert.equal(a.writableLength, 0);
    },
    { readAhead: 0 },
  ),
];
