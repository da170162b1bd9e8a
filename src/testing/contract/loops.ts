import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { clog, MOST_BYTES, pattern } from "./payloads.js";

/** What starts reading again, or goes on with it, while a loop still holds its last chunk. */
const TAKEN_FROM_LOOPS: Readonly<Record<string, (connection: Connection) => void>> = {
  closeRead: (connection) => connection.closeRead(),
  close: (connection) => void connection.close().catch(() => undefined),
  detach: (connection) =>
    void connection
      .detach()
      .on("error", () => undefined)
      .resume(),
  "the use of its socket as a stream": (connection) => void connection.socket.resume(),
};

/** Iterating over chunks, with memory of one's own and with recycled memory. */
export const loops: readonly ContractCase[] = [
  onPair("a loop over a connection ends with the stream and leaves our own side open", async ({ a, b }) => {
    const sent = pattern(200_000);
    void b.write(sent);
    void b.closeWrite();
    const got: Buffer[] = [];
    for await (const chunk of a) got.push(chunk);
    sameBytes(Buffer.concat(got), sent);
    await a.write("still writable");
    assert.equal(text(await b.read()), "still writable");
  }),

  ...(["lines", "split", "chunks"] as const).map((loop) =>
    onPair(`${loop}: options that are changed later change nothing`, async ({ a, b }) => {
      const options = { timeout: 60_000, signal: undefined as AbortSignal | undefined };
      const iterator: AsyncIterator<unknown, undefined> =
        loop === "split" ? a.split("\n", options) : a[loop](options);
      options.timeout = 0;
      options.signal = AbortSignal.abort();
      const next = iterator.next();
      await turn();
      await b.write("here\n");
      assert.equal((await next).done, false);
    }),
  ),

  onPair("break out of a loop leaves the connection open and the rest unread", async ({ a, b }) => {
    const sent = pattern(500_000);
    void b.write(sent);
    void b.closeWrite();
    const got: Buffer[] = [];
    for await (const chunk of a) {
      got.push(chunk);
      break;
    }
    for await (const chunk of a.chunks()) {
      got.push(chunk);
      if (got.length === 3) break;
    }
    got.push(await a.readAll());
    sameBytes(Buffer.concat(got), sent);
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  }),

  onPair("an exception out of a loop leaves the connection as break does", async ({ a, b }) => {
    await b.write("one");
    const stop = new Error("stop");
    const loop = async () => {
      for await (const chunk of a) throw Object.assign(stop, { chunk });
    };
    assert.equal(await rejection(loop()), stop);
    await b.write("two");
    assert.equal(text(await a.read()), "two");
  }),

  onPair("a loop that was left is over", async ({ a, b }) => {
    await b.write("x");
    const loop = a.chunks();
    assert.deepEqual(await loop.return?.(), { value: undefined, done: true });
    assert.deepEqual(await loop.next(), { value: undefined, done: true });
    assert.equal(text(await a.read()), "x");
  }),

  onTimedPair("the timeout of a loop is for each pull", async ({ a, b, clock }) => {
    const lines = a.lines({ timeout: 400 });
    const chunks = a.chunks({ timeout: 400 });
    for (let line = 0; line < 6; line++) {
      const pull = line < 3 ? lines.next() : chunks.next();
      await clock.advance(399);
      await b.write(`${String(line)}\n`);
      assert.equal(String((await pull).value).trimEnd(), String(line));
    }
    const late = timesOut(chunks.next());
    await clock.advance(400);
    assert.equal((await late).timeout, 400);
    await b.write("after\n");
    assert.equal((await lines.next()).value, "after");
  }),

  onPair("a timeout of 0 takes only the chunks and lines that are here", async ({ a, b }) => {
    await b.write("1\n2\nhalf");
    await until(() => a.readableLength === 8);
    const got: string[] = [];
    const loop = async () => {
      for await (const line of a.lines({ timeout: 0 })) got.push(line);
    };
    await timesOut(loop());
    assert.deepEqual(got, ["1", "2"]);
    assert.equal(text(await a.read()), "half");
  }),

  onPair("the signal of a loop is for all of it", async ({ a, b }) => {
    const controller = new AbortController();
    await b.write("1\n2\n");
    await until(() => a.readableLength === 4);
    const loop = a.lines({ signal: controller.signal });
    assert.equal((await loop.next()).value, "1");
    const reason = new Error("enough");
    controller.abort(reason);
    assert.equal(await rejection(loop.next()), reason);
    assert.equal(await a.readLine(), "2");
  }),

  onPair("a loop gives what arrived before a failure, then rejects with it", async ({ a, b, resets }) => {
    await b.write("1\n2\nlast");
    b.reset();
    const got: string[] = [];
    const loop = async () => {
      for await (const line of a.lines()) got.push(line);
    };
    if (resets) await fails(loop(), "ECONNRESET");
    else await loop();
    assert.deepEqual(got, resets ? ["1", "2"] : ["1", "2", "last"]);
    if (resets) assert.equal(text(await a.read()), "last");
  }),

  onPair("a recycled chunk stays as it is until the next pull", async ({ a, b }) => {
    const sent = pattern(4 * 1024 * 1024);
    void b.write(sent);
    void b.closeWrite();
    let at = 0;
    for await (const chunk of a.chunks({ recycle: true })) {
      await turn();
      await turn();
      sameBytes(chunk, sent.subarray(at, at + chunk.length));
      at += chunk.length;
    }
    assert.equal(at, sent.length);
  }),

  ...Object.entries(TAKEN_FROM_LOOPS).flatMap(([what, takeFromLoop]) =>
    ["with a chunk ahead", "with none ahead"].map((how) =>
      onPair(`a recycled chunk that a loop still holds outlives ${what}, ${how}`, async ({ a, b }) => {
        void b.write(clog(MOST_BYTES));
        let pulls = 0;
        for await (const chunk of a.chunks({ recycle: true })) {
          if (++pulls < 40) continue;
          if (how === "with a chunk ahead") await until(() => a.readableLength > 0);
          const before = Buffer.from(chunk);
          takeFromLoop(a);
          for (let turns = 0; turns < 100; turns++) await turn();
          sameBytes(chunk, before);
          break;
        }
      }),
    ),
  ),

  onPair(
    "recycled chunks of all sizes, some of them waited for, come whole and in order",
    async ({ a, b }) => {
      const sent = pattern(300_000, 3);
      const writing = (async () => {
        for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 7) % 9_973) {
          await b.write(sent.subarray(at, at + size));
          if (size % 3 === 0) await turn();
        }
        await b.closeWrite();
      })();
      let at = 0;
      for await (const chunk of a.chunks({ recycle: true })) {
        sameBytes(chunk, sent.subarray(at, at + chunk.length));
        at += chunk.length;
        if (at % 2 === 0) await turn();
      }
      await writing;
      assert.equal(at, sent.length);
    },
  ),

  onPair("chunks after a loop that recycles are the reader's own again", async ({ a, b }) => {
    const sent = pattern(2 * 1024 * 1024, 5);
    void b.write(sent);
    void b.closeWrite();
    let seen = 0;
    for await (const chunk of a.chunks({ recycle: true })) {
      sameBytes(chunk, sent.subarray(seen, seen + chunk.length));
      seen += chunk.length;
      if (seen > 300_000) break;
    }
    const kept: Buffer[] = [];
    for await (const chunk of a) {
      kept.push(chunk);
      await turn();
    }
    sameBytes(Buffer.concat(kept), sent.subarray(seen));
  }),

  onPair("what other reads give during a loop that recycles is the reader's own", async ({ a, b }) => {
    const sent = pattern(2 * 1024 * 1024, 6);
    void b.write(sent);
    void b.closeWrite();
    const kept: { at: number; bytes: Buffer }[] = [];
    let at = 0;
    for await (const chunk of a.chunks({ recycle: true })) {
      at += chunk.length;
      for (const read of [() => a.read(), () => a.readExactly(100)]) {
        if (at + 100 > sent.length) break;
        const bytes = await read();
        if (bytes === null) break;
        kept.push({ at, bytes });
        at += bytes.length;
      }
    }
    assert.equal(at, sent.length);
    for (const { at: from, bytes } of kept) sameBytes(bytes, sent.subarray(from, from + bytes.length));
  }),

  onPair("a loop waits for what is to come", async ({ a, b }) => {
    const next = a.chunks().next();
    await stillPending(next);
    await b.write("now");
    assert.equal(text((await next).value as Buffer), "now");
  }),
];
