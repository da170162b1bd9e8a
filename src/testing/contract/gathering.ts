import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { ConnectionOptions } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { random } from "../random.js";
import { clog, pattern } from "./payloads.js";
import type { Pair } from "./pair.js";

const SIZE = 16;

/** A case about a pair that gathers up to 16 bytes. */
function gatheringPair(name: string, check: (pair: Pair) => Promise<void>, options: ConnectionOptions = {}) {
  return onPair(name, check, { bufferSize: SIZE, ...options });
}

/** Asserts that exactly this number of bytes has been sent, and none is held back. */
function sent({ a, takesAtOnce }: Pair, bytes: number): void {
  if (takesAtOnce) assert.deepEqual([a.writableLength, a.bytesWritten], [0, bytes]);
  else assert.equal(a.writableLength + a.bytesWritten, bytes);
}

/** When small writes that are gathered go out, and what becomes of them. */
export const gathering: readonly ContractCase[] = [
  gatheringPair("small writes settle at once and are gathered", async ({ a }) => {
    const writes = [a.write("one"), a.writeLine("two"), a.write(["3", Buffer.from("4")])];
    assert.deepEqual([a.writableLength, a.bytesWritten], [9, 0]);
    await Promise.all(writes);
    assert.deepEqual([a.writableLength, a.bytesWritten], [9, 0]);
  }),

  gatheringPair("what is gathered goes out when the turn of the event loop ends", async (pair) => {
    const { a, b } = pair;
    void a.write("one");
    void a.write("two");
    assert.equal(a.bytesWritten, 0);
    await turn();
    sent(pair, 6);
    assert.equal(text(await b.read()), "onetwo");
    void a.write("three");
    assert.equal(text(await b.read()), "three");
  }),

  gatheringPair("what is gathered goes out when enough bytes wait", (pair) => {
    const { a } = pair;
    void a.write("123456789012345");
    assert.equal(a.bytesWritten, 0);
    void a.write("6");
    sent(pair, 16);
    return Promise.resolve();
  }),

  gatheringPair("bytes are counted, not characters", (pair) => {
    const { a } = pair;
    void a.write("é".repeat(7));
    void a.write("x");
    assert.deepEqual([a.writableLength, a.bytesWritten], [15, 0]);
    void a.write("€");
    sent(pair, 18);
    void a.write("é".repeat(8));
    sent(pair, 34);
    return Promise.resolve();
  }),

  gatheringPair("flush sends what is gathered", async (pair) => {
    const { a, b } = pair;
    void a.write("one");
    const flushed = a.flush();
    sent(pair, 3);
    await flushed;
    assert.equal(text(await b.read()), "one");
  }),

  gatheringPair("closeWrite sends what is gathered", async (pair) => {
    const { a, b } = pair;
    void a.write("one");
    void a.closeWrite();
    sent(pair, 3);
    assert.equal((await b.readAll()).toString(), "one");
  }),

  gatheringPair("close sends what is gathered", async ({ a, b }) => {
    void a.write("one");
    const closed = a.close();
    assert.equal((await b.readAll()).toString(), "one");
    await Promise.all([closed, b.close()]);
  }),

  gatheringPair("what is gathered goes out before a read waits", async (pair) => {
    const { a, b } = pair;
    for (const read of [
      () => a.read(),
      () => a.readLine(),
      () => a.lines().next(),
      () => a.chunks().next(),
    ]) {
      const before = a.bytesWritten;
      void a.write("ask");
      const answer = read();
      sent(pair, before + 3);
      assert.equal(text(await b.readExactly(3)), "ask");
      await b.write("answer\n");
      await answer;
      if (a.readableLength > 0) await a.readLine();
    }
  }),

  gatheringPair("a large write goes out at once, behind what is gathered", async ({ a, b }) => {
    void a.write("small");
    const large = pattern(100_000);
    void a.write(large);
    void a.write("end");
    assert.equal(text(await b.readExactly(5)), "small");
    sameBytes(await b.readExactly(large.length), large);
    assert.equal(text(await b.readExactly(3)), "end");
  }),

  gatheringPair("gathered views are copied: their memory is the caller's at once", async ({ a, b }) => {
    const memory = Buffer.from("good");
    await a.write(memory);
    memory.fill("x");
    await a.write([memory.fill("y").subarray(0, 2)]);
    memory.fill("z");
    assert.equal(text(await b.readExactly(6)), "goodyy");
  }),

  gatheringPair("halves of a character in gathered writes stay apart", async ({ a, b }) => {
    void a.write("\ud834");
    void a.write("\udd1e");
    void a.write(["\ud834", "\udd1e\n"]);
    assert.equal(await b.readLine(), "\ufffd".repeat(4));
  }),

  gatheringPair("a random mix of writes arrives as if each had been sent by itself", async ({ a, b }) => {
    const numbers = random(23);
    const alphabet = ["x", "é", "€", "𝄞", "\ud834", "\udd1e", "\n"];
    const expected: Buffer[] = [];
    const received = b.readAll();
    for (let n = 0; n < 3_000; n++) {
      const size = numbers(9);
      const words = Array.from({ length: size }, () => alphabet[numbers(alphabet.length)] ?? "").join("");
      const bytes = pattern(size, n);
      const kind = numbers(4);
      if (kind === 0) void a.write(words);
      else if (kind === 1) void a.write(bytes);
      else if (kind === 2) void a.write([words, bytes]);
      else await a.writeLine(words);
      if (kind !== 1) expected.push(Buffer.from(words));
      if (kind === 1 || kind === 2) expected.push(bytes);
      if (kind === 3) expected.push(Buffer.from("\n"));
      if (n % 100 === 0) await turn();
    }
    await a.closeWrite();
    sameBytes(await received, Buffer.concat(expected));
  }),

  gatheringPair(
    "a clogged connection keeps gathered writes in order, and lets them wait",
    async ({ a, b }) => {
      void a.write("before");
      void a.write(clog());
      for (let n = 10; n < 99; n++) void a.write(String(n));
      const full = a.write("x".repeat(SIZE));
      await stillPending(full);
      sameBytes(await b.readExactly(6), Buffer.from("before"));
      sameBytes(await b.readExactly(clog().length), clog());
      await full;
      const numbers = Array.from({ length: 89 }, (_, n) => String(n + 10)).join("");
      assert.equal(text(await b.readExactly(178 + SIZE)), numbers + "x".repeat(SIZE));
    },
  ),

  gatheringPair("gathered writes that are lost show at the next call and at closed", async ({ a, b }) => {
    await a.write("gathered");
    b.reset();
    const failing = async () => {
      for (let tries = 0; tries < 1_000; tries++) {
        await a.write("x");
        await turn();
      }
    };
    await fails(failing(), "ECONNRESET", "EPIPE");
    await fails(a.closed, "ECONNRESET", "EPIPE");
  }),

  gatheringPair("a reset drops what is gathered", async ({ a, b, resets }) => {
    void a.write("gathered");
    a.reset();
    if (resets) await fails(b.read(), "ECONNRESET");
    else assert.equal(await b.read(), null);
    assert.equal(b.bytesRead, 0);
    await until(() => a.fd === undefined);
  }),

  gatheringPair(
    "the buffer size is what was given",
    (pair) => {
      const { a } = pair;
      void a.write(Buffer.alloc(999));
      assert.equal(a.bytesWritten, 0);
      void a.write("x");
      sent(pair, 1_000);
      return Promise.resolve();
    },
    { bufferSize: 1_000 },
  ),

  onPair("without a buffer size every write goes out at once", (pair) => {
    void pair.a.write("x");
    sent(pair, 1);
    return Promise.resolve();
  }),

  onPair(
    "gathered writes wait, and time out, once the kernel takes no more",
    async ({ a }) => {
      const piece = pattern(8 * 1024);
      const writing = (async () => {
        for (let written = 0; written < 64 * 1024 * 1024; written += piece.length) {
          await a.write(piece);
          await turn();
        }
      })();
      assert.equal((await fails(writing, "ETIMEDOUT")).operation, "write");
      assert.ok(a.writableLength <= 4 * 16 * 1024, `${String(a.writableLength)} bytes wait here`);
    },
    { bufferSize: 16 * 1024, writeTimeout: 50 },
  ),

  onPair(
    "the failure of gathered bytes does not say that nothing of them was sent",
    async ({ a, b }) => {
      await a.write(clog().subarray(0, 9_000_000));
      await until(() => b.bytesRead > 0);
      b.reset();
      await fails(a.closed, "ECONNRESET", "EPIPE");
      const error = await fails(a.flush(), "ECONNRESET", "EPIPE");
      assert.deepEqual([error.operation, error.written], ["write", undefined]);
      assert.equal((await fails(a.write("more"), "ECONNRESET", "EPIPE")).written, "nothing");
    },
    { bufferSize: 10_000_000 },
  ),
];
