import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { framed, lengthPrefixed, type Connection } from "../../index.js";
import { waitingReads } from "./calls.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { measured } from "./own-codec.js";
import { clog, frame, MOST_BYTES, pattern, pieces } from "./payloads.js";
import type { Pair } from "./pair.js";

const LENGTH = 200_000;

/** What is read at once, at most. */
const CHUNK_BYTES = 64 * 1024;

/** Time for what is on its way to arrive, if something reads it. */
async function severalTurns(): Promise<void> {
  for (let turns = 0; turns < 10; turns++) await turn();
}

async function joined(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

/** All that a call reads, again and again, until it gives nothing. */
async function repeated(read: () => Promise<Buffer | null>): Promise<Buffer> {
  const all: Buffer[] = [];
  for (let chunk = await read(); chunk !== null; chunk = await read()) all.push(chunk);
  return Buffer.concat(all);
}

async function* webChunks(stream: ReadableStream<Uint8Array>, byob: boolean): AsyncGenerator<Uint8Array> {
  if (!byob) {
    yield* stream as unknown as AsyncIterable<Uint8Array>;
    return;
  }
  const reader = stream.getReader({ mode: "byob" });
  for (;;) {
    const { value } = await reader.read(new Uint8Array(5_000));
    if (value === undefined || value.length === 0) return;
    yield value;
  }
}

function onceForEachReadable(stream: Readable): Promise<Buffer> {
  const all: Buffer[] = [];
  stream.on("readable", () => {
    const chunk = stream.read() as Buffer | null;
    if (chunk !== null) all.push(chunk);
  });
  return once(stream, "end").then(() => Buffer.concat(all));
}

/** Every way to read a stream to its end. */
const ways: Readonly<Record<string, (a: Connection) => Promise<Buffer>>> = {
  "read()": (a) => repeated(() => a.read()),
  "readInto()": (a) => {
    const target = Buffer.alloc(3_000);
    return repeated(async () => {
      const size = await a.readInto(target);
      return size === null ? null : Buffer.from(target.subarray(0, size));
    });
  },
  "readExactly()": async (a) => {
    const all: Buffer[] = [];
    for (let left = LENGTH; left > 0; left -= 70_000) all.push(await a.readExactly(Math.min(left, 70_000)));
    assert.equal(await a.read(), null);
    return Buffer.concat(all);
  },
  "readUntil()": (a) =>
    repeated(async () => {
      const record = await a.readUntil("\n", { limit: Infinity });
      return record && Buffer.concat([record, Buffer.from("\n")]);
    }),
  "readUntilAny()": (a) =>
    repeated(async () => {
      const record = await a.readUntilAny(["\n"], { limit: Infinity });
      return record && Buffer.concat([record.bytes, Buffer.from(record.delimiter)]);
    }),
  "peek() and readExactly()": (a) =>
    repeated(async () => {
      const peeked = await a.peek(70_000);
      const read = await a.readExactly(peeked.length);
      sameBytes(read, peeked);
      return read.length === 0 ? null : read;
    }),
  "split()": async (a) => {
    const all: Buffer[] = [];
    for await (const record of a.split("\n", { limit: Infinity })) all.push(record, Buffer.from("\n"));
    return Buffer.concat(all);
  },
  "readLine()": (a) =>
    repeated(async () => {
      const line = await a.readLine({ encoding: "latin1", limit: Infinity });
      return line === null ? null : Buffer.from(`${line}\n`, "latin1");
    }),
  "lines()": async (a) => {
    const all: string[] = [];
    for await (const line of a.lines({ encoding: "latin1", limit: Infinity })) all.push(`${line}\n`);
    return Buffer.from(all.join(""), "latin1");
  },
  "chunks()": (a) => joined(a),
  "chunks({ recycle })": (a) => joined(a.chunks({ recycle: true })),
  "readAll()": (a) => a.readAll(),
  "duplex, flowing": async (a) => {
    const all: Buffer[] = [];
    a.duplex.on("data", (chunk: Buffer) => all.push(chunk));
    await once(a.duplex, "end");
    return Buffer.concat(all);
  },
  "duplex, one read() for each 'readable'": (a) => onceForEachReadable(a.duplex),
  "duplex, in a loop": (a) => joined(a.duplex as AsyncIterable<Buffer>),
  "a web stream": (a) => joined(webChunks(a.readable, false)),
  "a web stream, by BYOB": (a) => joined(webChunks(a.readable, true)),
};

/** The bytes of a stream: lines without a carriage return, the last of them whole. */
function linesOf(length: number): Buffer {
  const bytes = pattern(length);
  for (let at = 0; at < length; at++) {
    if (bytes[at] === 13 || at === length - 1) bytes[at] = 10;
  }
  return bytes;
}

/** Sends something, and asserts that nothing is taken of it, where a read that was `givenUp` stops the reading. */
async function takesNothing({ a, b, stopsAtOnce }: Pair, givenUp = false): Promise<void> {
  const { bytesRead } = a;
  await b.write("unread");
  await severalTurns();
  if (givenUp && !stopsAtOnce) return;
  assert.deepEqual([a.bytesRead, a.readableLength], [bytesRead, 0]);
}

/** A case about connections that read only while a read waits. */
function onUnread(name: string, check: (pair: Pair) => Promise<void>): ContractCase {
  return onPair(`readAhead 0: ${name}`, check, { readAhead: 0 });
}

/** How much is read while no read waits. */
export const readAhead: readonly ContractCase[] = [
  ...[0, 1, 1_000, Infinity].flatMap((readAhead) =>
    Object.entries(ways).map(([way, readToEnd]) =>
      onPair(
        `readAhead ${readAhead}: ${way} gives all bytes in order, and the end`,
        async ({ a, b }) => {
          const sent = linesOf(LENGTH);
          const sending = (async () => {
            for (const piece of pieces(sent, 20_000)) {
              await b.write(piece);
              if (piece.length % 3 === 0) await turn();
            }
            await b.closeWrite();
          })();
          sameBytes(await readToEnd(a), sent);
          await sending;
        },
        { readAhead },
      ),
    ),
  ),

  ...[1, 1_000, 200_000].map((most) =>
    onPair(
      `readAhead ${most}: no more than that and one chunk are unread`,
      async ({ a, b }) => {
        const written = b.write(clog());
        const unread = async (): Promise<number> => {
          await until(() => a.readableLength >= most);
          await stillPending(written);
          return a.readableLength;
        };
        assert.ok((await unread()) <= most + CHUNK_BYTES, String(a.readableLength));
        sameBytes(await a.readExactly(300_001), clog().subarray(0, 300_001));
        assert.ok((await unread()) <= most + CHUNK_BYTES, String(a.readableLength));
        b.reset();
        await rejection(written);
      },
      { readAhead: most },
    ),
  ),

  onPair(
    "readAhead Infinity: everything is read while no read waits",
    async ({ a, b }) => {
      const sent = clog(MOST_BYTES);
      await b.write(sent);
      await b.closeWrite();
      await until(() => a.readableLength === sent.length);
      sameBytes(await a.readAll({ limit: Infinity }), sent);
    },
    { readAhead: Infinity },
  ),

  onUnread("nothing is taken before a read waits, nor after it was served", async (pair) => {
    const { a } = pair;
    await takesNothing(pair);
    assert.equal(text(await a.readExactly(6)), "unread");
    await takesNothing(pair);
    assert.equal(text(await a.readExactly(6)), "unread");
    await takesNothing(pair);
  }),

  ...waitingReads.map(([name, read]) =>
    onUnread(`nothing is taken after ${name} has timed out, or was aborted`, async (pair) => {
      const { a, b } = pair;
      await timesOut(read(a, { timeout: 1 }));
      await takesNothing(pair, true);
      await b.write("!");
      assert.equal(text(await a.readExactly(7)), "unread!");
      const controller = new AbortController();
      const waiting = rejection(read(a, { signal: controller.signal }));
      await turn();
      controller.abort();
      await waiting;
      await takesNothing(pair, true);
    }),
  ),

  onUnread("nothing is taken after a loop was left while it waited", async (pair) => {
    const { a } = pair;
    for (const loop of [a.chunks(), a.lines(), a.chunks({ recycle: true })]) {
      const next = loop.next();
      await turn();
      await loop.return?.();
      assert.equal((await next).done, true);
      await takesNothing(pair, true);
      assert.equal(text(await a.readExactly(6)), "unread");
    }
  }),

  onUnread("a read with a timeout of 0 gets what an earlier one has left", async ({ a, b }) => {
    await b.write("first,second");
    await timesOut(a.readUntil(",", { timeout: 0 }));
    assert.equal(text(await a.readUntil(",")), "first");
    assert.equal(text(await a.readUntil("d", { timeout: 0 })), "secon");
  }),

  onUnread("a read that waits for more goes on reading", async ({ a, b }) => {
    const waiting = a.readExactly(9);
    for (let part = 1; part <= 3; part++) {
      await stillPending(waiting);
      await b.write("abc");
      await until(() => a.bytesRead === 3 * part);
    }
    assert.equal(text(await waiting), "abcabcabc");
  }),

  onUnread("the next read is told of the peer's end, and of a reset", async ({ a, b, resets }) => {
    await b.write("last words");
    await b.closeWrite();
    await severalTurns();
    assert.equal(text(await a.readAll()), "last words");
    assert.equal(await a.read(), null);
    await a.write("reply");
    assert.equal(text(await b.readExactly(5)), "reply");
    a.reset();
    await severalTurns();
    if (resets) await fails(b.read(), "ECONNRESET", "EPIPE");
    else assert.equal(await b.read(), null);
  }),

  onUnread("close() reads to the peer's end, and loses no reply", async ({ a, b }) => {
    await b.write("a request that is never read");
    await a.write("reply");
    const closing = a.close();
    assert.equal(text(await b.readAll()), "reply");
    await b.close();
    await closing;
  }),

  onUnread("closeRead() takes what comes, and throws it away", async ({ a, b }) => {
    a.closeRead();
    await b.write(clog());
    assert.equal(await a.read(), null);
    await Promise.all([a.closeWrite(), b.closeWrite()]);
    await a.closed;
  }),

  ...["before it was read", "after it was read", "while a read waited"].map((when) =>
    onUnread(`a stream that is detached ${when} has every byte`, async ({ a, b }) => {
      const sent = pattern(300_000);
      if (when === "after it was read") {
        await b.write("head,");
        assert.equal(text(await a.readUntil(",")), "head");
      }
      const waiting = when === "while a read waited" ? rejection(a.readExactly(1e6)) : undefined;
      await turn();
      const sending = b.write(sent).then(() => b.closeWrite());
      if (waiting === undefined) await severalTurns();
      const stream = a.detach();
      await waiting;
      const { bytesRead } = a;
      if (when === "before it was read") assert.equal(bytesRead, 0);
      await severalTurns();
      const got: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => got.push(chunk));
      await Promise.all([once(stream, "end"), sending]);
      sameBytes(Buffer.concat(got), sent);
    }),
  ),

  onUnread("a program that reads connection.socket gets every byte", async ({ a, b, hasStream }) => {
    if (!hasStream) return;
    const sent = pattern(300_000);
    const sending = b.write(sent).then(() => b.closeWrite());
    await severalTurns();
    sameBytes(await joined(a.socket as AsyncIterable<Buffer>), sent);
    await sending;
  }),

  onUnread("messages are read as they are asked for", async ({ a, b }) => {
    const received = framed(a, measured);
    const written = b.write([frame("one"), frame("two"), frame(pattern(100_000))]);
    assert.equal(text(await received.receive()), "one");
    assert.equal(text(await received.receive()), "two");
    sameBytes(await received.receive(), pattern(100_000));
    await written;
  }),

  onUnread("frames are read as they are asked for", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    const written = b.write([frame("one"), frame("two"), frame(pattern(100_000))]);
    assert.equal(text(await frames.receive()), "one");
    assert.equal(text(await frames.receive()), "two");
    sameBytes(await frames.receive(), pattern(100_000));
    await written;
  }),

  onUnread("the Duplex takes nothing before it has a reader, nor while it has none", async (pair) => {
    const { a, b } = pair;
    const { duplex } = a;
    await takesNothing(pair);
    assert.equal(String(await new Promise((resolve) => duplex.once("data", resolve))), "unread");
    duplex.pause();
    await b.write("more");
    const written = b.write(pattern(200_000));
    await severalTurns();
    assert.ok(a.bytesRead <= 6 + CHUNK_BYTES, String(a.bytesRead));
    duplex.removeAllListeners("data");
    assert.equal(text(await a.readExactly(4)), "more");
    sameBytes(await a.readExactly(200_000), pattern(200_000));
    await written;
  }),

  ...(
    [
      [0, 1],
      [1, 1],
      [1_000, 1_000],
      [65_536, 65_536],
      [1e6, 65_536],
      [Infinity, 65_536],
    ] as const
  ).map(([readAhead, highWaterMark]) =>
    onPair(
      `readAhead ${readAhead}: the high-water mark of the Duplex is ${highWaterMark}`,
      ({ a }) => {
        assert.equal(a.duplex.readableHighWaterMark, highWaterMark);
        return Promise.resolve();
      },
      { readAhead },
    ),
  ),
];
