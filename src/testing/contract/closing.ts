import assert from "node:assert/strict";
import { getParameters } from "../../index.js";
import { onManualClock } from "../manual-clock.js";
import { contractCase, onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

const HOUR_MS = 3_600_000;

/** `close()`: what it sends, what it waits for, and what is left. */
export const closing: readonly ContractCase[] = [
  onPair("close sends all that was written, awaited or not", async ({ a, b }) => {
    const written = a.write(clog());
    void a.write("end");
    const closed = a.close();
    const received = await b.readAll({ limit: Infinity });
    sameBytes(received.subarray(0, -3), clog());
    assert.equal(received.subarray(-3).toString(), "end");
    await b.close();
    await Promise.all([written, closed, a.closed]);
  }),

  onPair("close with unread input does not cut off what was sent before it", async ({ a, b }) => {
    const [question, answer] = [pattern(200_000, 2), pattern(200_000, 3)];
    await b.write(question.subarray(0, 100_000));
    await until(() => a.readableLength > 0);
    void a.write(answer);
    const closed = a.close();
    await b.write(question.subarray(100_000));
    sameBytes(await b.readAll(), answer);
    await b.close();
    await closed;
  }),

  onPair(
    "a closing end discards what the peer still sends",
    async ({ a, b }) => {
      const closed = a.close();
      await b.write(clog());
      await b.closeWrite();
      await closed;
      assert.equal(await b.read(), null);
      await b.closed;
    },
    { lingerTimeout: 60_000 },
  ),

  contractCase("a peer that never ends its side, or sends for ever, is not waited for for ever", (makePair) =>
    onManualClock(async (clock) => {
      const pairs = await Promise.all([makePair(), makePair(), makePair(), makePair()]);
      const [silent, halves, otherWayRound, sending] = pairs;
      const bytes = pattern(10_000);
      const send = async () => {
        for (;;) {
          await sending.b.write(bytes);
          await turn();
        }
      };
      const failing = fails(send(), "EPIPE", "ECONNRESET");
      await silent.b.write("unread");
      await silent.a.write("bye");
      halves.a.closeRead();
      await halves.a.closeWrite();
      await otherWayRound.a.closeWrite();
      otherWayRound.a.closeRead();
      const closing = Promise.all([silent.a.close(), halves.a.closed, sending.a.close()]);
      assert.equal(text(await silent.b.read()), "bye");
      for (const { b } of pairs) assert.equal(await b.read(), null);
      const { lingerTimeout } = getParameters();
      await clock.advance(lingerTimeout - 1);
      for (const { a } of pairs) await stillPending(a.closed);
      await clock.advance(1);
      await closing;
      for (const { a } of pairs) assert.equal(a.fd, undefined);
      await Promise.all(pairs.map(({ a }) => a.closed));
      await failing;
    }),
  ),

  onTimedPair(
    "a lingerTimeout of 0 waits for no end of the peer, and resets nothing",
    async ({ a, b }) => {
      // Unread bytes would have the kernel send RST, also those that TLS itself sends after its handshake.
      await b.write("question");
      assert.equal(text(await a.read()), "question");
      void a.write(pattern(200_000));
      const [received] = await Promise.all([b.readAll(), a.close()]);
      sameBytes(received, pattern(200_000));
      assert.equal(a.fd, undefined);
      await a.closed;
    },
    { lingerTimeout: 0 },
  ),

  onTimedPair(
    "a lingerTimeout of 0 holds for two sides that are closed one by one",
    async ({ a, b }) => {
      await b.write("question");
      assert.equal(text(await a.read()), "question");
      a.closeRead();
      await a.write("bye");
      await a.closeWrite();
      await a.closed;
      assert.equal(a.fd, undefined);
      assert.equal((await b.readAll()).toString(), "bye");
    },
    { lingerTimeout: 0 },
  ),

  onTimedPair(
    "a lingerTimeout of 1 waits that long for the peer's end",
    async ({ a, b, clock }) => {
      await a.write("bye");
      const closing = a.close();
      assert.equal((await b.readAll()).toString(), "bye");
      await stillPending(closing);
      await clock.advance(1);
      await Promise.all([closing, a.closed]);
      assert.equal(a.fd, undefined);
    },
    { lingerTimeout: 1 },
  ),

  onTimedPair(
    "a lingerTimeout of Infinity waits as long as the peer takes to end",
    async ({ a, b, clock }) => {
      await a.write("bye");
      const closing = a.close();
      assert.equal((await b.readAll()).toString(), "bye");
      await clock.advance(HOUR_MS);
      await b.write("still discarded");
      await stillPending(closing);
      await b.closeWrite();
      await Promise.all([closing, a.closed, b.closed]);
    },
    { lingerTimeout: Infinity },
  ),

  onTimedPair(
    "the timeout of a close goes before a longer lingerTimeout",
    async ({ a, b, clock }) => {
      const closing = a.close({ timeout: 50 });
      assert.equal(await b.read(), null);
      await clock.advance(49);
      await stillPending(closing);
      await clock.advance(1);
      await closing;
      assert.equal(a.fd, undefined);
    },
    { lingerTimeout: Infinity },
  ),

  ...(["close", "closeRead"] as const).map((end) =>
    onTimedPair(`a socket that is read raw after ${end}() does not hold up the closing`, async (pair) => {
      const { a, b, clock, hasStream } = pair;
      if (!hasStream) return;
      const closing = end === "close" ? a.close() : (a.closeRead(), a.closeWrite());
      a.socket.resume();
      assert.equal(await b.read(), null);
      await clock.advance(getParameters().lingerTimeout);
      await Promise.all([closing, a.closed]);
      assert.equal((await fails(a.read(), "ERR_BUSY")).operation, "read");
    }),
  ),

  onPair("close may be called again and again, by both ends at once", async ({ a, b }) => {
    await a.write("x");
    await Promise.all([a.close(), b.close(), a.close(), b.close(), a.closeWrite(), b.closeWrite()]);
    await Promise.all([a.close(), b.close(), a.close({ timeout: 0 }), a.closeWrite()]);
    a.closeRead();
    a.reset();
    await Promise.all([a.closed, b.closed]);
  }),

  onPair("nothing can be read or written once the connection is closed", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    await Promise.all([a.close(), b.close()]);
    assert.deepEqual([a.readableLength, a.writableLength, a.fd], [0, 0, undefined]);
    const calls = [
      a.read(),
      a.readExactly(1),
      a.readUntil("x"),
      a.readUntilAny(["x"]),
      a.readLine(),
      a.readAll(),
      a.readInto(new Uint8Array(1)),
      a.peek(1),
      a.lines().next(),
      a.split("x").next(),
      a.chunks().next(),
      a.read({ timeout: 0 }),
    ];
    for (const call of calls) assert.equal((await fails(call, "ERR_CLOSED")).operation, "read");
    for (const call of [a.write("x"), a.writeLine("x"), a.write("x", { timeout: 0 })]) {
      const error = await fails(call, "ERR_CLOSED");
      assert.deepEqual([error.operation, error.written], ["write", "nothing"]);
    }
  }),

  onPair("a read that waits rejects when its own end is closed", async ({ a, b }) => {
    const waiting = a.read();
    const closing = a.close();
    assert.equal((await fails(waiting, "ERR_CLOSED")).operation, "read");
    await b.close();
    await closing;
  }),

  onPair("a read that waits finds the end of the stream when the other end is closed", async ({ a, b }) => {
    const waiting = [a.read()];
    const closing = b.close();
    assert.deepEqual(await Promise.all(waiting), [null]);
    await a.close();
    await closing;
  }),

  onPair("writes that wait are sent by close, and then settle", async ({ a, b }) => {
    const writes = [a.write(clog()), a.write("end"), a.flush()];
    const closing = a.close();
    await fails(a.write("late"), "ERR_CLOSED");
    await stillPending(closing);
    await b.readAll({ limit: Infinity });
    await b.close();
    await Promise.all([...writes, closing]);
  }),

  onPair("close with a timeout resets when bytes are still unsent, and says so", async ({ a, b, resets }) => {
    const written = a.write(clog());
    const error = await timesOut(a.close({ timeout: 30 }));
    assert.deepEqual([error.operation, error.timeout], ["close", 30]);
    assert.equal((await fails(written, "ERR_CLOSED")).written, "partly");
    await a.closed;
    assert.equal(a.fd, undefined);
    const reading = async () => {
      for await (const chunk of b) assert.ok(chunk.length > 0);
    };
    if (resets) await fails(reading(), "ECONNRESET");
    else await reading();
  }),

  onPair("close with a timeout just closes when all was sent", async ({ a, b }) => {
    await a.write("all");
    await a.close({ timeout: 30 });
    assert.equal(a.fd, undefined);
    assert.equal(text(await b.read()), "all");
    assert.equal(await b.read(), null);
  }),

  onPair("close with a timeout of 0 sends what the kernel takes at once", async ({ a, b }) => {
    void a.write("all");
    await a.close({ timeout: 0 });
    assert.equal((await b.readAll()).toString(), "all");
  }),

  onPair("close with a timeout of 0 resets what the kernel does not take at once", async ({ a }) => {
    void a.write(clog());
    assert.equal((await timesOut(a.close({ timeout: 0 }))).timeout, 0);
    await a.closed;
    assert.equal(a.fd, undefined);
  }),

  onPair("of several calls to close none resolves when bytes are still unsent", async ({ a }) => {
    void a.write(clog());
    // One that is not awaited is no unhandled rejection.
    void a.close({ timeout: 0 });
    const calls = [a.close({ timeout: 0 }), a.close(), a.close({ timeout: 0 })];
    await Promise.all(calls.map((call) => fails(call, "ETIMEDOUT", "ERR_CLOSED")));
    await fails(a.close(), "ERR_CLOSED");
    await a.closed;
  }),

  onPair("an aborted close resets when bytes are still unsent", async ({ a }) => {
    const written = a.write(clog());
    const controller = new AbortController();
    const closing = a.close({ signal: controller.signal });
    await stillPending(closing);
    controller.abort("now");
    assert.equal(await rejection(closing), "now");
    await fails(written, "ERR_CLOSED");
    await a.closed;
    assert.equal(a.fd, undefined);
  }),

  onPair(
    "close gives up when the peer takes nothing for the writeTimeout",
    async ({ a, b, resets }) => {
      const written = a.write(clog());
      void written.catch(() => undefined);
      assert.equal((await timesOut(a.close())).timeout, 30);
      await fails(written, "ERR_CLOSED", "ETIMEDOUT");
      await a.closed;
      assert.equal(a.fd, undefined);
      // An end would make what has arrived look like all of it.
      if (resets) await fails(b.readAll({ limit: Infinity }), "ECONNRESET");
    },
    { writeTimeout: 30 },
  ),

  onTimedPair(
    "the timeout of a close goes before a shorter writeTimeout",
    async ({ a, b, clock }) => {
      const written = a.write(clog(), { timeout: Infinity });
      const closing = a.close({ timeout: 100 });
      await clock.advance(99);
      await stillPending(closing);
      const received = await b.readAll({ limit: Infinity });
      assert.equal(received.length, clog().length);
      await Promise.all([b.close(), written, closing]);
    },
    { writeTimeout: 30 },
  ),

  onPair("await using closes the connection", async ({ a, b }) => {
    {
      await using connection = a;
      await connection.write("bye");
      await b.closeWrite();
    }
    assert.equal(a.fd, undefined);
    assert.equal((await b.readAll()).toString(), "bye");
  }),

  onPair("closed resolves once all is over, and not before", async ({ a, b }) => {
    await stillPending(a.closed);
    const closing = a.close();
    await stillPending(a.closed);
    await b.close();
    await closing;
    await a.closed;
    await b.closed;
  }),

  onPair("closed gives the same answer to callers that ask late", async ({ a, b, resets }) => {
    a.reset();
    await a.closed;
    if (resets) {
      await fails(b.read(), "ECONNRESET");
      for (let again = 0; again < 2; again++) await fails(b.closed, "ECONNRESET");
    }
    await b.close();
    await a.closed;
  }),

  onPair("closed resolves also when our close was cut short, as do the other calls", async ({ a, b }) => {
    await Promise.all([a.close(), a.close({ timeout: 0 })]);
    await a.closed;
    const stop = new AbortController();
    const closing = b.close({ signal: stop.signal });
    stop.abort();
    await rejection(closing);
    await b.closed;
  }),

  onPair(
    "a writeTimeout of 0 resets nothing that was sent",
    async ({ a, b }) => {
      await a.write("hello");
      const closing = a.close();
      assert.equal((await b.readAll()).toString(), "hello");
      await b.closeWrite();
      await closing;
      await a.closed;
    },
    { writeTimeout: 0 },
  ),

  onPair("the program's own end of the socket does not hold up a reset", async ({ a, b, resets }) => {
    a.socket.end(clog());
    a.reset();
    await a.closed;
    if (resets) await fails(b.readAll({ limit: Infinity }), "ECONNRESET");
  }),
];
