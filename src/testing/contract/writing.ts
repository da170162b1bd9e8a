import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, text, until, watch } from "./expectations.js";
import { random } from "../random.js";
import { clog, MOST_BYTES, pattern } from "./payloads.js";

const REPLACEMENT = "\ufffd";

/** What can be written, how it arrives, and who owns its memory. */
export const writing: readonly ContractCase[] = [
  onPair("a string is written as UTF-8", async ({ a, b }) => {
    await a.write("zoë € 𝄞");
    assert.equal(text(await b.readExactly(Buffer.byteLength("zoë € 𝄞"))), "zoë € 𝄞");
  }),

  onPair("the bytes of any view are written, and no others of its buffer", async ({ a, b }) => {
    const memory = pattern(64).buffer as ArrayBuffer;
    const views: ArrayBufferView[] = [
      Buffer.from(memory, 3, 5),
      new Uint8Array(memory, 1, 7),
      new Uint8ClampedArray(memory, 2, 6),
      new Int8Array(memory, 5, 3),
      new Uint16Array(memory, 4, 3),
      new Int32Array(memory, 8, 2),
      new Float32Array(memory, 12, 2),
      new Float64Array(memory, 16, 2),
      new BigUint64Array(memory, 24, 2),
      new DataView(memory, 7, 11),
    ];
    for (const view of views) {
      const expected = Buffer.from(memory, view.byteOffset, view.byteLength);
      await a.write(view);
      sameBytes(await b.readExactly(view.byteLength), expected);
      await a.write(["<", view, ">"]);
      sameBytes(
        await b.readExactly(view.byteLength + 2),
        Buffer.concat([Buffer.from("<"), expected, Buffer.from(">")]),
      );
    }
  }),

  onPair("a list is written in order, text and bytes alike", async ({ a, b }) => {
    await a.write(["é", Buffer.from([1, 2]), "", new Uint8Array(0), "b", new DataView(new ArrayBuffer(1))]);
    sameBytes(await b.readExactly(6), Buffer.from([0xc3, 0xa9, 1, 2, 0x62, 0]));
    await a.write(["only one"]);
    assert.equal(text(await b.readExactly(8)), "only one");
  }),

  onPair("a list of a thousand parts is written whole", async ({ a, b }) => {
    const parts = Array.from({ length: 1_000 }, (_, n) => (n % 2 === 0 ? `${String(n)},` : Buffer.from([n])));
    const expected = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    await a.write(parts);
    sameBytes(await b.readExactly(expected.length), expected);
  }),

  onPair("writing nothing settles and sends nothing", async ({ a, b }) => {
    for (const nothing of ["", new Uint8Array(0), [], ["", Buffer.alloc(0)]]) await a.write(nothing);
    await a.write("x");
    assert.equal(text(await b.read()), "x");
    assert.equal(b.bytesRead, 1);
  }),

  onPair("writeLine writes a line and a line feed", async ({ a, b }) => {
    await a.writeLine("one");
    await a.writeLine("");
    assert.equal(text(await b.readExactly(5)), "one\n\n");
  }),

  onPair("halves of a character in separate writes stay apart", async ({ a, b }) => {
    const [high, low] = ["\ud834", "\udd1e"];
    await a.write(high);
    await a.write(low);
    await a.write([high, low]);
    void a.write("x" + high);
    void a.write(low + "y\n");
    assert.equal(await b.readLine(), REPLACEMENT.repeat(4) + "x" + REPLACEMENT.repeat(2) + "y");
  }),

  onPair("writes go out in the order they were called, awaited or not", async ({ a, b }) => {
    const numbers = random(11);
    const expected: Buffer[] = [];
    for (let n = 0; n < 500; n++) {
      const bytes = pattern(numbers(3_000), n);
      const label = `<${String(n)}>`;
      expected.push(Buffer.from(label), bytes);
      if (n % 3 === 0) void a.write([label, bytes]);
      else {
        void a.write(label);
        void a.write(bytes);
      }
    }
    void a.closeWrite();
    sameBytes(await b.readAll(), Buffer.concat(expected));
  }),

  onPair("calls of many writers are each sent in one piece", async ({ a, b }) => {
    const writers = Array.from({ length: 10 }, (_, writer) => writer);
    const size = 150_000;
    const work = writers.map(async (writer) => {
      for (let times = 0; times < 3; times++) await a.write(Buffer.alloc(size, writer));
    });
    const counts = new Array<number>(10).fill(0);
    for (let blocks = 0; blocks < 30; blocks++) {
      const block = await b.readExactly(size);
      const writer = block[0] ?? -1;
      sameBytes(block, Buffer.alloc(size, writer));
      counts[writer] = (counts[writer] ?? 0) + 1;
    }
    await Promise.all(work);
    assert.deepEqual(counts, new Array<number>(10).fill(3));
  }),

  onPair("what was written may be overwritten once the write has settled", async ({ a, b }) => {
    const sent = pattern(8 * 1024 * 1024);
    const [memory, other] = [Buffer.alloc(64 * 1024), Buffer.alloc(10_000)];
    const reading = b.readAll();
    for (let at = 0, round = 0; at < sent.length; round++) {
      const list = round % 3 === 2 ? [memory, other] : [memory];
      const parts = list.map((part) => {
        const size = sent.copy(part, 0, at);
        at += size;
        return part.subarray(0, size);
      });
      await a.write(round % 3 === 0 ? memory.subarray(0, parts[0]?.length) : parts);
      for (const part of parts) part.fill(0);
    }
    await a.closeWrite();
    sameBytes(await reading, sent);
  }),

  onPair("a write settles when the kernel has taken it, and not before", async ({ a, b, takesAtOnce }) => {
    const sent = clog();
    const written = a.write(sent);
    const state = watch(written);
    assert.ok(a.writableLength > 0);
    let read = 0;
    while (read < sent.length) {
      const size = (await b.read())?.length ?? 0;
      read += size;
      assert.ok(state.settled || a.writableLength > 0);
      if (takesAtOnce) assert.ok(a.bytesWritten >= read);
    }
    await written;
    assert.equal(a.writableLength, 0);
    assert.equal(a.bytesWritten, sent.length);
  }),

  onPair(
    "writableLength counts what the kernel has not taken, in its turn and in the queue",
    async ({ a, b }) => {
      assert.deepEqual([a.writableLength, b.writableLength], [0, 0]);
      void a.write(clog());
      const inTurn = a.writableLength;
      assert.ok(inTurn > 0 && inTurn <= clog().length);
      void a.write("12345");
      void a.writeLine("é");
      assert.ok(a.writableLength <= inTurn + 8 && a.writableLength > 8);
      await b.readExactly(clog().length + 8, { timeout: Infinity });
      await until(() => a.writableLength === 0);
    },
  ),

  onPair("bytesWritten counts bytes, not characters", async ({ a, b }) => {
    await a.write("é€");
    assert.equal(a.bytesWritten, 5);
    assert.equal(b.bytesWritten, 0);
  }),

  onPair("32 MiB arrive as they were sent, in one write and in a list", async ({ a, b }) => {
    const sent = clog(MOST_BYTES);
    void a.write(sent);
    void a.write([sent.subarray(0, 1_000_000), sent.subarray(1_000_000)]);
    sameBytes(await b.readExactly(sent.length), sent);
    sameBytes(await b.readExactly(sent.length), sent);
  }),

  onPair("flush settles when all that was written before is taken", async ({ a, b }) => {
    await a.flush();
    void a.write(clog());
    void a.write("end");
    const flushed = a.flush();
    assert.ok(a.writableLength > 0);
    void b.readExactly(clog().length + 3).catch(() => undefined);
    await flushed;
    assert.equal(a.writableLength, 0);
  }),

  onPair("a write after closeWrite is refused and has written nothing", async ({ a, b }) => {
    await a.write("all");
    await a.closeWrite();
    for (const late of [a.write("late"), a.writeLine("late"), a.write([]), a.write("late", { timeout: 0 })]) {
      const error = await fails(late, "ERR_CLOSED");
      assert.deepEqual([error.operation, error.written], ["write", "nothing"]);
    }
    assert.equal((await b.readAll()).toString(), "all");
  }),
];
