import assert from "node:assert/strict";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending } from "./expectations.js";
import { clog } from "./payloads.js";

/** What the program does with the socket beneath a connection itself. */
export const sharedSocket: readonly ContractCase[] = [
  onPair("what was written to the socket goes before what the connection writes after", async ({ a, b }) => {
    await a.flush();
    a.socket.write(clog());
    a.socket.write("first,");
    const written = a.write(["sec", "ond,"]);
    sameBytes(await b.readExactly(clog().length), clog());
    await written;
    await a.write("third");
    await a.closeWrite();
    assert.equal((await b.readAll()).toString(), "first,second,third");
  }),

  onPair("a socket that was ended is closed as any other", async ({ a, b }) => {
    await a.write("all");
    a.socket.end();
    assert.equal((await b.readAll()).toString(), "all");
    await a.closeWrite();
    await b.close();
    await a.close();
    await a.closed;
  }),

  onPair("a socket that was ended with bytes unsent can be reset", async ({ a, takesAtOnce }) => {
    void a.write(clog());
    a.socket.end();
    if (takesAtOnce) await stillPending(a.closed);
    a.reset();
    await Promise.allSettled([a.closed]);
    assert.equal(a.fd, undefined);
  }),

  onPair(
    "bytesWritten counts what was taken, also after a reset of our own",
    async ({ a, b, takesAtOnce }) => {
      void a.write(clog());
      await stillPending(a.closed);
      if (takesAtOnce) assert.ok(a.bytesWritten > 0);
      const unsent = a.writableLength;
      assert.equal(a.bytesWritten, clog().length - unsent);
      a.reset();
      assert.equal(a.bytesWritten, clog().length - unsent);
      await a.closed;
      if (takesAtOnce) assert.equal(a.bytesWritten, clog().length - unsent);
      else assert.ok(a.bytesWritten < clog().length);
      await Promise.allSettled([b.readAll({ limit: Infinity })]);
    },
  ),

  onPair("bytesWritten counts what was taken, also after a reset by the peer", async ({ a, b }) => {
    void a.write(clog());
    await stillPending(a.closed);
    b.reset();
    await fails(a.closed, "ECONNRESET", "EPIPE");
    assert.ok(a.bytesWritten < clog().length, String(a.bytesWritten));
  }),
];
