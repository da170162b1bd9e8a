import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { clog, MOST_BYTES, pattern } from "./payloads.js";

const KIB = 1024;

/** Writers whose peer does not read. */
export const clogged: readonly ContractCase[] = [
  onPair("a write waits while the peer does not read, and settles when it does", async ({ a, b }) => {
    const written = a.write(clog());
    await stillPending(written);
    sameBytes(await b.readExactly(clog().length), clog());
    await written;
  }),

  onPair(
    "a write that times out before its turn has written nothing and leaves the queue",
    async ({ a, b }) => {
      const first = a.write(clog());
      const late = a.write("late", { timeout: 20 });
      const last = a.write("last");
      const error = await timesOut(late);
      assert.deepEqual([error.operation, error.written, error.timeout], ["write", "nothing", 20]);
      sameBytes(await b.readExactly(clog().length), clog());
      await Promise.all([first, last]);
      assert.equal(text(await b.read()), "last");
    },
  ),

  onPair("a write that is aborted before its turn leaves the queue", async ({ a, b }) => {
    void a.write(clog());
    const controller = new AbortController();
    const aborted = [1, 2, 3].map((n) => a.write(String(n), { signal: controller.signal }));
    const before = a.write("between");
    controller.abort("never mind");
    for (const write of aborted) assert.equal(await rejection(write), "never mind");
    void a.closeWrite();
    sameBytes(await b.readExactly(clog().length), clog());
    await before;
    assert.equal((await b.readAll()).toString(), "between");
  }),

  onPair("a write cut off in its turn still arrives whole, in order", async ({ a, b }) => {
    const error = await timesOut(a.write(clog(), { timeout: 20 }));
    assert.deepEqual([error.operation, error.written, error.timeout], ["write", "partly", 20]);
    assert.ok(a.writableLength > 0);
    const next = a.write("next");
    await stillPending(next);
    sameBytes(await b.readExactly(clog().length), clog());
    await next;
    assert.equal(text(await b.read()), "next");
  }),

  onPair("an aborted write in its turn still arrives whole, in order", async ({ a, b }) => {
    const controller = new AbortController();
    const reason = new Error("stop waiting");
    const cutOff = a.write([clog(), "tail"], { signal: controller.signal });
    void a.writeLine("next");
    controller.abort(reason);
    assert.equal(await rejection(cutOff), reason);
    sameBytes(await b.readExactly(clog().length), clog());
    assert.equal(await b.readLine(), "tailnext");
  }),

  onPair(
    "flush settles when a write that was cut off is taken: its memory is the caller's again",
    async ({ a, b }) => {
      const memory = Buffer.from(clog());
      await timesOut(a.write(memory, { timeout: 10 }));
      const flushed = a.flush().then(() => memory.fill(0));
      await stillPending(flushed);
      sameBytes(await b.readExactly(memory.length), clog());
      await flushed;
    },
  ),

  onPair("a timeout of 0 fails unless the kernel takes everything at once", async ({ a, b }) => {
    await a.write("small", { timeout: 0 });
    const inTurn = await timesOut(a.write(clog(), { timeout: 0 }));
    assert.deepEqual([inTurn.written, inTurn.timeout], ["partly", 0]);
    const queued = await timesOut(a.write("never", { timeout: 0 }));
    assert.deepEqual([queued.written, queued.timeout], ["nothing", 0]);
    const list = await timesOut(a.write(["never", "ever"], { timeout: 0 }));
    assert.equal(list.written, "nothing");
    void a.write("end");
    assert.equal(text(await b.readExactly(5)), "small");
    sameBytes(await b.readExactly(clog().length), clog());
    assert.equal(text(await b.read()), "end");
  }),

  onPair("a flush or closeWrite that times out leaves everything queued", async ({ a, b }) => {
    void a.write(clog());
    void a.write("end");
    assert.equal((await timesOut(a.flush({ timeout: 10 }))).operation, "write");
    await timesOut(a.flush({ timeout: 0 }));
    assert.equal((await timesOut(a.closeWrite({ timeout: 10 }))).operation, "close");
    await fails(a.write("late"), "ERR_CLOSED");
    sameBytes(await b.readExactly(clog().length), clog());
    assert.equal((await b.readAll()).toString(), "end");
  }),

  onPair(
    "the writeTimeout of the connection fails a write that makes no progress",
    async ({ a, b }) => {
      const first = a.write(clog());
      const second = a.write("second");
      assert.deepEqual([(await timesOut(first)).timeout, (await timesOut(second)).written], [100, "nothing"]);
      sameBytes(await b.readExactly(clog().length), clog());
      await a.write("end");
      assert.equal(text(await b.read()), "end");
    },
    { writeTimeout: 100 },
  ),

  onTimedPair(
    "a write that makes progress may take longer than the writeTimeout, and so may those behind it",
    async ({ a, b, clock }) => {
      const sent = clog(MOST_BYTES);
      const began = clock.now();
      const work = Promise.all([a.write(sent), a.write("end")]);
      for (let read = 0; read < sent.length;) {
        await clock.advance(100);
        const size = Math.min(1_500_000, sent.length - read);
        sameBytes(await b.readExactly(size), sent.subarray(read, read + size));
        read += size;
      }
      await work;
      assert.ok(clock.now() - began > 500);
    },
    { writeTimeout: 500 },
  ),

  onPair("a reset of our own rejects the writes that wait", async ({ a }) => {
    const writes = [a.write(clog()), a.write("second"), a.flush(), a.closeWrite()];
    a.reset();
    const errors = await Promise.all(writes.map((write) => fails(write, "ERR_CLOSED")));
    assert.deepEqual(
      errors.map(({ operation, written }) => [operation, written]),
      [
        ["write", "partly"],
        ["write", "nothing"],
        ["write", undefined],
        ["close", undefined],
      ],
    );
    await a.closed;
  }),

  onPair("a peer that goes away rejects the writes that wait", async ({ a, b }) => {
    const writes = [a.write(clog()), a.write("second"), a.flush(), a.closeWrite()];
    await stillPending(Promise.race(writes));
    b.reset();
    const errors = await Promise.all(writes.map((write) => fails(write, "ECONNRESET", "EPIPE")));
    assert.deepEqual(
      errors.map(({ operation, written }) => [operation, written]),
      [
        ["write", "partly"],
        ["write", "nothing"],
        ["write", undefined],
        ["close", undefined],
      ],
    );
    await fails(a.closed, "ECONNRESET", "EPIPE");
  }),

  onPair("a clogged writer can still read", async ({ a, b }) => {
    void a.write(clog());
    void b.write(clog());
    const [fromB, fromA] = await Promise.all([a.readExactly(clog().length), b.readExactly(clog().length)]);
    sameBytes(fromB, clog());
    sameBytes(fromA, clog());
  }),

  onPair(
    "a connection that is not read holds at most 64 KiB and a chunk, on either side",
    async ({ a, b }) => {
      const block = pattern(64 * KIB);
      let blocks = 0;
      const state = { stopped: false };
      const writing = (async () => {
        for (; !state.stopped; blocks++) {
          const written = a.write(block);
          assert.ok(a.writableLength <= block.length + 64 * KIB, String(a.writableLength));
          await written;
        }
      })();
      let still = 0;
      for (let last = -1; still < 50; last = blocks) {
        await turn();
        still = blocks === last ? still + 1 : 0;
        assert.ok(b.readableLength <= 128 * KIB, String(b.readableLength));
      }
      assert.ok(b.readableLength >= 64 * KIB);
      state.stopped = true;
      await b.readExactly(blocks * block.length);
      await writing;
    },
  ),

  onPair("reading stops and goes on without losing anything", async ({ a, b }) => {
    const written = a.write(clog());
    let read = 0;
    for (const size of [1, 64 * KIB, 3, 200 * KIB, 64 * KIB - 1]) {
      await until(() => b.readableLength >= 64 * KIB);
      sameBytes(await b.readExactly(size), clog().subarray(read, read + size));
      read += size;
    }
    sameBytes(await b.readExactly(clog().length - read), clog().subarray(read));
    await written;
  }),
];
