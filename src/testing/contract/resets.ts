import assert from "node:assert/strict";
import type { Connection } from "../../index.js";
import { contractCase, onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

const GONE = ["ECONNRESET", "EPIPE"];

/** Writes until the peer is known to be gone. */
async function writeUntilItFails(connection: Connection): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    await connection.write("are you there?");
    await turn();
  }
}

/** Resets by the peer, and our own. */
export const resets: readonly ContractCase[] = [
  onPair("a reset fails what the peer reads and writes from then on", async ({ a, b, resets }) => {
    a.reset();
    if (resets) {
      const error = await fails(b.read(), "ECONNRESET");
      const told = error.code === "ECONNRESET" ? ["read", true] : [undefined, false];
      assert.deepEqual([error.operation, error.syscall, error.transient], ["read", ...told]);
      await fails(b.readLine(), "ECONNRESET");
    } else assert.equal(await b.read(), null);
    const error = await fails(writeUntilItFails(b), ...GONE);
    assert.deepEqual([error.operation, error.transient], ["write", GONE.includes(error.code)]);
  }),

  onPair("a reset fails the read that waits at the other end", async ({ a, b, resets }) => {
    const waiting = b.read();
    await stillPending(waiting);
    a.reset();
    if (resets) await fails(waiting, "ECONNRESET");
    else assert.equal(await waiting, null);
  }),

  onPair("a reset of our own rejects what waits, and resolves closed", async ({ a }) => {
    const waiting = a.read();
    a.reset();
    await fails(waiting, "ERR_CLOSED");
    await a.closed;
    await fails(a.read(), "ERR_CLOSED");
    assert.equal((await fails(a.write("x"), "ERR_CLOSED")).written, "nothing");
    assert.equal(a.fd, undefined);
  }),

  onPair("reset may be called again and again, and after close", async ({ a, b }) => {
    a.reset();
    a.reset();
    await a.close();
    a.reset();
    // The reset may come before its end is sent.
    await Promise.allSettled([b.close()]);
    b.reset();
    await a.closed;
  }),

  onPair("a reset while the connection waits for the peer's end closes it at once", async ({ a, b }) => {
    const closing = a.close();
    assert.equal(await b.read(), null);
    await stillPending(closing);
    a.reset();
    await closing;
    await a.closed;
    assert.equal(a.fd, undefined);
  }),

  onPair("a reset while close still sends rejects it, and loses what was unsent", async ({ a }) => {
    const written = a.write(clog());
    const closing = a.close();
    await stillPending(closing);
    a.reset();
    assert.equal((await fails(written, "ERR_CLOSED")).written, "partly");
    assert.equal((await fails(closing, "ERR_CLOSED")).operation, "close");
    await a.closed;
    assert.equal(a.fd, undefined);
  }),

  onPair("a reset right after close leaves nothing behind", async ({ a, b }) => {
    await a.write("x");
    const closing = a.close();
    a.reset();
    await Promise.allSettled([closing]);
    await a.closed;
    assert.equal(a.fd, undefined);
    await Promise.allSettled([b.readAll()]);
  }),

  onPair("a reset right after closeWrite leaves nothing behind", async ({ a, b }) => {
    await a.write("x");
    const ended = a.closeWrite();
    a.reset();
    await Promise.allSettled([ended]);
    await a.closed;
    assert.equal(a.fd, undefined);
    await Promise.allSettled([b.readAll()]);
    await b.close();
    assert.equal(b.fd, undefined);
  }),

  onPair("a reset drops what the peer has sent and what is unsent", async ({ a, b, resets }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    void a.write(clog());
    a.reset();
    assert.deepEqual([a.readableLength, a.writableLength], [0, 0]);
    const received = await Promise.allSettled([b.readAll({ limit: Infinity })]);
    if (resets) assert.equal(received[0].status, "rejected");
    assert.ok(b.bytesRead < clog().length);
  }),

  onPair(
    "a reset of an idle connection shows at closed and at the next calls only",
    async ({ a, b, resets }) => {
      await stillPending(a.closed);
      b.reset();
      await b.closed;
      if (resets) {
        await fails(a.closed, "ECONNRESET");
        await fails(a.read(), "ECONNRESET");
        assert.equal((await fails(a.write("x"), "ECONNRESET")).written, "nothing");
        await fails(a.flush(), "ECONNRESET");
        await fails(a.closeWrite(), "ECONNRESET");
      } else assert.equal(await a.read(), null);
      await a.close();
      assert.equal(a.fd, undefined);
    },
  ),

  onPair("what arrived before a reset is read first, then the reset", async ({ a, b, resets }) => {
    const sent = pattern(40_000);
    await b.write(sent);
    await until(() => a.readableLength === sent.length);
    b.reset();
    if (resets) await fails(a.closed, "ECONNRESET");
    sameBytes(await a.readExactly(30_000), sent.subarray(0, 30_000));
    await fails(a.readExactly(10_001), resets ? "ECONNRESET" : "ERR_UNEXPECTED_EOF");
    sameBytes(await a.readExactly(10_000), sent.subarray(30_000));
    if (resets) for (let again = 0; again < 2; again++) await fails(a.read(), "ECONNRESET");
    else assert.equal(await a.read(), null);
  }),

  ...[
    { name: "which is not awaited yet", early: false },
    { name: "to a read that waits", early: true },
  ].map(({ name, early }) =>
    contractCase(
      `data and a reset that arrive together are told apart from an end, ${name}`,
      async (makePair) => {
        for (let round = 0; round < 20; round++) {
          const { a, b, resets, takesAtOnce, dispose } = await makePair();
          try {
            const waiting = early ? a.readExactly(4) : undefined;
            const written = b.write("data");
            if (!takesAtOnce) await written;
            b.reset();
            assert.equal(text(await (waiting ?? a.readExactly(4))), "data");
            if (resets) await fails(a.read(), "ECONNRESET");
            else assert.equal(await a.read(), null);
            if (resets) await fails(a.closed, "ECONNRESET");
          } finally {
            await dispose();
          }
        }
      },
    ),
  ),

  onPair("readAll and readLine do not take a reset for the end of the stream", async ({ a, b, resets }) => {
    const all = resets ? a.readAll() : undefined;
    await b.write("half a line");
    b.reset();
    if (all !== undefined) {
      await fails(all, "ECONNRESET");
      await fails(a.readLine(), "ECONNRESET");
      await fails(a.readUntil("x"), "ECONNRESET");
      await fails(a.readUntilAny(["x"]), "ECONNRESET");
    }
    assert.equal(text(await a.readExactly(11)), "half a line");
  }),

  onPair("a reset in the middle of traffic both ways settles everything", async ({ a, b }) => {
    const work = [a, b].flatMap((end) => [
      (async () => {
        for (;;) await end.write(pattern(50_000));
      })(),
      (async () => {
        for await (const chunk of end) assert.ok(chunk.length > 0);
      })(),
    ]);
    void Promise.allSettled(work);
    await until(() => a.bytesRead > 1_000_000 && b.bytesRead > 1_000_000);
    b.reset();
    for (const promise of [work[0], work[2], work[3]]) {
      if (promise !== undefined) await fails(promise, "ERR_CLOSED", ...GONE);
    }
    await Promise.allSettled(work);
    await fails(a.closed, ...GONE);
    await b.closed;
    assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
  }),

  onPair("a reset after both sides have ended is no failure", async ({ a, b }) => {
    const closing = a.close();
    await b.read();
    await stillPending(closing);
    b.reset();
    await closing;
    await a.closed;
  }),
];
