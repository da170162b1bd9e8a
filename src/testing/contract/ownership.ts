import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { framed, lengthPrefixed, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { sameBytes, stillPending, text, until } from "./expectations.js";
import { endingWith } from "./own-codec.js";
import { random } from "../random.js";
import { pattern, pieces } from "./payloads.js";

/** Bytes that were read, and how many were consumed before and after them. */
interface Got {
  readonly bytes: Uint8Array | null | undefined;
  readonly before?: number;
  readonly after?: number;
}

type Read = (connection: Connection, size: number) => Promise<Got>;

/** Every way to get bytes in memory that the connection has made. */
const READS: readonly Read[] = [
  async (connection) => ({ bytes: await connection.read() }),
  async (connection, size) => ({ bytes: await connection.readExactly(size) }),
  async (connection) => ({ bytes: await connection.readUntil("\0", { limit: Infinity }), after: 1 }),
  async (connection) => ({
    bytes: (await connection.readUntilAny(["\0", "\u0001"], { limit: Infinity }))?.bytes,
    after: 1,
  }),
  async (connection) => ({
    bytes: ((await connection.split("\0", { limit: Infinity }).next()) as IteratorResult<Buffer, undefined>)
      .value,
    after: 1,
  }),
  async (connection) => ({
    bytes: ((await connection.chunks().next()) as IteratorResult<Buffer, undefined>).value,
  }),
  async (connection) => ({ bytes: await lengthPrefixed(connection, { bytes: 1 }).receive(), before: 1 }),
  async (connection) => ({ bytes: await framed(connection, endingWith("\0")).receive(), after: 1 }),
  async (connection) => {
    const reader = connection.readable.getReader();
    const { value } = (await reader.read()) as { value: Uint8Array | undefined };
    reader.releaseLock();
    return { bytes: value };
  },
];

/** Transfers memory, as posting it to a worker does: all earlier views of it are empty. Returns a new view of it. */
function transfer(bytes: Uint8Array): Uint8Array {
  const { byteOffset, length } = bytes;
  const { buffer } = bytes;
  const taken = structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  assert.equal(bytes.length, 0, "it was copied, not transferred");
  return new Uint8Array(taken, byteOffset, length);
}

/** What reads return is in memory of the caller's own. */
export const ownership: readonly ContractCase[] = [
  onPair("what is read may be transferred while more of what came with it is unread", async ({ a, b }) => {
    for (const size of [30, 3_000, 30_000]) {
      const sent = pattern(3 * size, size);
      for (const part of [0, 1]) {
        await b.write(sent.subarray(part * size, (part + 1) * size));
        await until(() => a.readableLength === (part + 1) * size);
      }
      const kept = await a.readExactly(size / 3);
      sameBytes(transfer(await a.readExactly(size)), sent.subarray(size / 3, (4 * size) / 3));
      await b.write(sent.subarray(2 * size));
      sameBytes(transfer(await a.readExactly((5 * size) / 3)), sent.subarray((4 * size) / 3));
      sameBytes(transfer(kept), sent.subarray(0, size / 3));
    }
  }),

  onPair("all that reads of every kind give is memory of its own", async ({ a, b }) => {
    const sent = pattern(2 * 1024 * 1024, 11);
    const last = sent.length - 100_000;
    const writing = (async () => {
      for (const piece of pieces(sent, 9_000)) await b.write(piece);
      await b.closeWrite();
    })();
    const numbers = random(12);
    const seen = new Set<ArrayBufferLike>();
    let at = 0;
    while (at < last) {
      const read = READS[numbers(READS.length)] as Read;
      const { bytes, before = 0, after = 0 } = await read(a, 1 + numbers(numbers(4) === 0 ? 40_000 : 300));
      assert.ok(bytes != null);
      assert.equal(seen.has(bytes.buffer), false, "it shares its memory with what was read before");
      seen.add(bytes.buffer);
      const { length } = bytes;
      assert.ok(bytes.buffer.byteLength <= Math.max(2 * length, length + 16), "it keeps far more than it is");
      at += before;
      sameBytes(numbers(2) === 0 ? transfer(bytes) : bytes, sent.subarray(at, at + length));
      at += length + after;
    }
    sameBytes(transfer(await a.readAll()), sent.subarray(at));
    await writing;
  }),

  onPair("results of no bytes are memory of their own, too", async ({ a, b }) => {
    await b.write("||\0\0\0\0|x");
    const reads = [
      () => a.readUntil("|"),
      async () => (await a.readUntilAny(["|"]))?.bytes,
      () => a.readExactly(0),
      () => a.peek(0),
      () => lengthPrefixed(a).receive(),
      () => framed(a, endingWith("|")).receive(),
    ];
    for (const read of reads) {
      const bytes = await read();
      assert.equal(bytes?.length, 0);
      structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] });
    }
    assert.equal(text(await a.readExactly(1)), "x");
  }),

  onPair("a loop may transfer the chunks that it was lent", async ({ a, b }) => {
    const sent = pattern(12 * 1024 * 1024, 13);
    void b.write(sent);
    void b.closeWrite();
    let at = 0;
    for await (const chunk of a.chunks({ recycle: true })) {
      const { length } = chunk;
      sameBytes(chunk.length % 3 === 0 ? chunk : transfer(chunk), sent.subarray(at, at + length));
      at += length;
    }
    assert.equal(at, sent.length);
  }),

  onPair("what a detached connection hands over may be transferred chunk by chunk", async ({ a, b }) => {
    const sent = pattern(50_000, 14);
    for (const [from, to] of [
      [0, 100],
      [100, 150],
      [150, 50_000],
    ] as const) {
      await b.write(sent.subarray(from, to));
      await until(() => a.readableLength === to);
    }
    sameBytes(await a.readExactly(20), sent.subarray(0, 20));
    const socket = a.detach();
    const got: Uint8Array[] = [];
    socket.on("error", () => undefined).on("data", (chunk: Buffer) => got.push(transfer(chunk)));
    void b.closeWrite();
    await once(socket, "end");
    sameBytes(Buffer.concat(got), sent.subarray(20));
  }),

  onPair("a target that is taken away while its read waits gets nothing", async ({ a, b }) => {
    const target = new Uint8Array(8);
    const waiting = a.readInto(target);
    await stillPending(waiting);
    transfer(target);
    await b.write("abcdef");
    assert.equal(await waiting, 0);
    assert.equal(text(await a.readExactly(6)), "abcdef");
  }),

  onPair("duplex: parts of what it holds may be transferred", async ({ a, b }) => {
    const { duplex } = a;
    for (const size of [40, 3_000, 12_000]) {
      const sent = pattern(size, size);
      const readable = once(duplex, "readable");
      await b.write(sent);
      await readable;
      await until(() => duplex.readableLength === size);
      sameBytes(transfer(duplex.read(size / 4) as Buffer), sent.subarray(0, size / 4));
      sameBytes(transfer(duplex.read(size / 2) as Buffer), sent.subarray(size / 4, (3 * size) / 4));
      assert.equal(duplex.readableLength, size / 4);
      sameBytes(duplex.read() as Buffer, sent.subarray((3 * size) / 4));
      assert.equal(duplex.read(), null);
    }
  }),

  onPair("a delimiter may be transferred while its read waits", async ({ a, b }) => {
    const delimiter = Uint8Array.of(0x2d, 0x2d);
    const waiting = a.readUntil(delimiter);
    await b.write("one-");
    await until(() => a.readableLength === 4);
    transfer(delimiter);
    await b.write("-two--");
    assert.equal(text(await waiting), "one");
    assert.equal(text(await a.readExactly(5)), "two--");
  }),
];

/**
 * Of memory whose size changes. After all others: once V8 up to 12 (Node 20, 22) has seen such memory, optimized code may
 * take the length of memory that was transferred for what it was before.
 */
export const resizing: readonly ContractCase[] = [
  onPair("a target that is made smaller while its read waits gets what it holds", async ({ a, b }) => {
    for (const [size, later, fits] of [
      [8, 3, 3],
      [8, 0, 0],
      [2, 8, 6],
    ] as const) {
      const target = resizable(size, 8);
      const waiting = a.readInto(target);
      await stillPending(waiting);
      resize(target, later);
      await b.write("abcdef");
      assert.equal(await waiting, fits);
      if (fits > 0) assert.equal(Buffer.from(target).toString("latin1", 0, fits), "abcdef".slice(0, fits));
      assert.equal(text(await a.readExactly(6 - fits)), "abcdef".slice(fits));
    }
  }),
];

/** The types of this release of the language do not have them yet. */
type ResizableConstructor = new (size: number, options: { maxByteLength: number }) => ArrayBuffer;

function resizable(size: number, most: number): Uint8Array {
  return new Uint8Array(new (ArrayBuffer as unknown as ResizableConstructor)(size, { maxByteLength: most }));
}

function resize(target: Uint8Array, size: number): void {
  (target.buffer as unknown as { resize(size: number): void }).resize(size);
}
