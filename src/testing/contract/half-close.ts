import assert from "node:assert/strict";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, timesOut, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

/** Ending one side at a time. */
export const halfClose: readonly ContractCase[] = [
  onPair(
    "closeWrite ends the peer's reading after all that was written, and nothing else",
    async ({ a, b }) => {
      await a.write("question");
      await a.closeWrite();
      assert.equal((await b.readAll()).toString(), "question");
      await b.write("answer");
      assert.equal(text(await a.read()), "answer");
      await b.closeWrite();
      assert.equal(await a.read(), null);
    },
  ),

  onPair("closeWrite waits for the writes before it, awaited or not", async ({ a, b }) => {
    const written = a.write(clog());
    void a.write("end");
    const ended = a.closeWrite();
    await stillPending(ended);
    const received = await b.readAll({ limit: Infinity });
    await Promise.all([written, ended]);
    sameBytes(received.subarray(0, -3), clog());
    assert.equal(received.subarray(-3).toString(), "end");
  }),

  onPair("closeWrite may be called again and again", async ({ a, b }) => {
    void a.write("x");
    await Promise.all([a.closeWrite(), a.closeWrite(), a.closeWrite()]);
    await a.closeWrite();
    assert.equal((await b.readAll()).toString(), "x");
    await b.write("y");
    assert.equal(text(await a.read()), "y");
  }),

  onPair("the end of the peer's stream never closes our side", async ({ a, b, hasDescriptor }) => {
    await a.closeWrite();
    assert.equal(await b.read(), null);
    await timesOut(a.read({ timeout: 50 }));
    const sent = pattern(1024 * 1024);
    void b.write(sent);
    sameBytes(await a.readExactly(sent.length), sent);
    if (hasDescriptor) assert.notEqual(b.fd, undefined);
    await b.write("still");
    assert.equal(text(await a.read()), "still");
  }),

  onPair("when both ends have ended their side, both are closed", async ({ a, b }) => {
    await a.write("x");
    await Promise.all([a.closeWrite(), b.closeWrite()]);
    await Promise.all([a.closed, b.closed]);
    assert.equal(text(await b.read()), "x");
    assert.equal(await b.read(), null);
    assert.equal(await a.read(), null);
    assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
  }),

  onPair("what is unread stays readable after both ends have ended their side", async ({ a, b }) => {
    const sent = pattern(50_000);
    await a.write(sent);
    await Promise.all([a.closeWrite(), b.closeWrite()]);
    await until(() => b.readableLength === sent.length);
    await Promise.all([a.closed, b.closed]);
    sameBytes(await b.readExactly(20_000), sent.subarray(0, 20_000));
    sameBytes(await b.readAll(), sent.subarray(20_000));
    assert.equal(await b.read(), null);
  }),

  onPair("a flush after closeWrite waits for what was written", async ({ a, b }) => {
    void a.write(clog());
    void a.closeWrite();
    const flushed = a.flush();
    await stillPending(flushed);
    await b.readAll({ limit: Infinity });
    await flushed;
    await a.flush();
  }),

  onPair("closeRead ends reading at once, drops what is unread, and keeps writing", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    a.closeRead();
    assert.equal(a.readableLength, 0);
    assert.equal(await a.read(), null);
    assert.equal(await a.readLine(), null);
    assert.equal((await a.readAll()).length, 0);
    for await (const chunk of a) assert.fail(chunk.toString());
    await a.write("written");
    assert.equal(text(await b.read()), "written");
  }),

  onPair("closeRead rejects the read that waits", async ({ a }) => {
    const waiting = a.readLine();
    a.closeRead();
    assert.equal((await fails(waiting, "ERR_CLOSED")).operation, "read");
  }),

  onPair("after closeRead all that arrives is discarded, so that the peer can go on", async ({ a, b }) => {
    void b.write(clog());
    await until(() => a.readableLength >= 64 * 1024);
    a.closeRead();
    await b.write(clog());
    assert.equal(a.readableLength, 0);
    await a.write("done");
    assert.equal(text(await b.read()), "done");
    await until(() => a.bytesRead === 2 * clog().length);
    assert.equal(await a.read(), null);
  }),

  onPair("closeRead may be called again and again, and after the end", async ({ a, b }) => {
    a.closeRead();
    a.closeRead();
    await a.write("x");
    a.closeRead();
    assert.equal(text(await b.read()), "x");
    a.reset();
    a.closeRead();
    await fails(a.read(), "ERR_CLOSED");
  }),

  onPair("closeRead and then closeWrite close the connection as close does", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    a.closeRead();
    void a.write(clog());
    await a.write("").then(() => void a.closeWrite());
    const received = await b.readAll({ limit: Infinity });
    sameBytes(received, clog());
    await b.closeWrite();
    await Promise.all([a.closed, b.closed]);
    assert.equal(a.fd, undefined);
  }),

  onPair("closeWrite and then closeRead close the connection as close does", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    void a.write(clog());
    void a.closeWrite();
    a.closeRead();
    await b.write(pattern(100_000));
    sameBytes(await b.readAll({ limit: Infinity }), clog());
    await b.closeWrite();
    await Promise.all([a.closed, b.closed]);
    assert.equal(a.fd, undefined);
  }),

  onPair("both ends can end their side at the same moment, with data under way", async ({ a, b }) => {
    const [fromA, fromB] = [pattern(2_000_000, 2), pattern(2_000_000, 3)];
    const ends = [a.write(fromA), a.closeWrite(), b.write(fromB), b.closeWrite()];
    const [atA, atB] = await Promise.all([a.readAll(), b.readAll()]);
    sameBytes(atA, fromB);
    sameBytes(atB, fromA);
    await Promise.all([...ends, a.closed, b.closed]);
  }),

  ...(["closeRead", "closeWrite"] as const).map((first) =>
    onPair(
      `both sides closed, ${first} first, do not keep a socket whose peer takes nothing`,
      async ({ a }) => {
        const written = a.write(clog());
        const ended = first === "closeRead" ? (a.closeRead(), a.closeWrite()) : a.closeWrite();
        await Promise.all([timesOut(written), timesOut(ended)]);
        a.closeRead();
        assert.equal((await timesOut(a.closed)).operation, "close");
        assert.equal(a.fd, undefined);
      },
      { writeTimeout: 50 },
    ),
  ),
];
