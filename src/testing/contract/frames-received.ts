import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { getEventListeners } from "node:events";
import { lengthPrefixed, type Connection, type Frames } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, until } from "./expectations.js";
import { bigEndian, clog, frame, MOST_BYTES, pattern } from "./payloads.js";

const MIB = 1024 * 1024;
const WIDTHS = [1, 2, 4, 8] as const;

/** Writes pieces, each of which has arrived before the next is sent. */
async function sendInPieces(from: Connection, to: Connection, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    const arrived = to.bytesRead + piece.length;
    await from.write(piece);
    await until(() => to.bytesRead === arrived);
  }
}

async function collect(frames: Frames): Promise<string[]> {
  const got: string[] = [];
  for await (const each of frames) got.push(String(each));
  return got;
}

/** Receiving frames. */
export const framesReceived: readonly ContractCase[] = [
  ...WIDTHS.map((bytes) =>
    onPair(`frames with lengths of ${String(bytes)} bytes go both ways, empty ones too`, async ({ a, b }) => {
      const sizes = [
        0,
        1,
        2,
        127,
        128,
        255,
        ...(bytes > 1 ? [256, 65_535] : []),
        0,
        ...(bytes > 2 ? [65_536, 1e6] : []),
      ];
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const sent = sizes.map((size, n) => pattern(size, n + 1));
        const sender = lengthPrefixed(from, { bytes });
        const receiver = lengthPrefixed(to, { bytes });
        const sending = Promise.all(sent.map((payload) => sender.send(payload)));
        for (const payload of sent) sameBytes(await receiver.receive(), payload);
        await sending;
        await from.closeWrite();
        assert.equal(await receiver.receive(), null);
        assert.equal(await receiver.receive(), null);
      }
    }),
  ),

  ...WIDTHS.map((bytes) =>
    onPair(
      `a length of ${String(bytes)} bytes is big-endian, and alone before its payload`,
      async ({ a, b }) => {
        const frames = lengthPrefixed(a, { bytes });
        const payload = pattern(bytes === 1 ? 200 : 300);
        await frames.send(payload);
        sameBytes(await b.readExactly(bytes + payload.length), frame(payload, bytes));
        await b.write(frame(payload, bytes));
        sameBytes(await frames.receive(), payload);
        assert.equal(a.readableLength, 0);
      },
    ),
  ),

  onPair("frames are the same at whatever byte packets split them", async ({ a, b }) => {
    for (const bytes of [1, 2, 4, 8] as const) {
      const frames = lengthPrefixed(a, { bytes });
      const wire = Buffer.concat([frame("hello", bytes), frame("", bytes), frame("you", bytes)]);
      for (let cut = 1; cut < wire.length; cut++) {
        const reads = ["hello", "", "you"].values();
        const reading = (async () => {
          for (const expected of reads) assert.equal(text(await frames.receive()), expected);
        })();
        await sendInPieces(b, a, [wire.subarray(0, cut), wire.subarray(cut)]);
        await reading;
      }
    }
  }),

  onPair("frames may come byte by byte, read before and after they have arrived", async ({ a, b }) => {
    const frames = lengthPrefixed(a, { bytes: 2 });
    const wire = [...Buffer.concat([frame("one", 2), frame("two", 2)])].map((byte) => Buffer.of(byte));
    const reading = frames.receive();
    await sendInPieces(b, a, wire.slice(0, 4));
    await stillPending(reading);
    await sendInPieces(b, a, wire.slice(4));
    assert.equal(text(await reading), "one");
    assert.equal(a.readableLength, 5);
    assert.equal(text(await frames.receive()), "two");
  }),

  onPair("thousands of frames in one packet come one after the other", async ({ a, b }) => {
    const count = 5_000;
    const payloads = Array.from({ length: count }, (_, n) => String(n).repeat(n % 7));
    void b.write(payloads.map((payload) => frame(payload, 1)));
    void b.closeWrite();
    assert.deepEqual(await collect(lengthPrefixed(a, { bytes: 1 })), payloads);
  }),

  onPair("what was received is the receiver's own", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    const payloads = [10, 5_000, 10, 100_000, 70_000, 10].map((size, n) => pattern(size, n + 1));
    void b.write(payloads.map((payload) => frame(payload)));
    const kept: Buffer[] = [];
    for (const payload of payloads) {
      const got = await frames.receive();
      sameBytes(got, payload);
      kept.push(got ?? Buffer.alloc(0));
      kept.at(-2)?.fill(0);
    }
    sameBytes(kept.at(-1) ?? null, payloads.at(-1) ?? Buffer.alloc(0));
  }),

  onPair("frames of megabytes pass up to the limit, which is 4 MiB", async ({ a, b }) => {
    const [from, to] = [lengthPrefixed(a), lengthPrefixed(b)];
    const most = pattern(4 * MIB);
    const sending = Promise.all([from.send(most), from.send("between"), from.send(most)]);
    sameBytes(await to.receive(), most);
    assert.equal(text(await to.receive()), "between");
    sameBytes(await to.receive(), most);
    await sending;
    await fails(from.send(Buffer.alloc(4 * MIB + 1)), "ERR_LIMIT");
    await a.write(frame("", 4, 4 * MIB + 1));
    const { message } = await fails(to.receive(), "ERR_LIMIT");
    assert.match(message, /4194305 bytes, more than the limit of 4194304 bytes/u);
  }),

  onPair("a limit of Infinity lets pass what the length can say", async ({ a, b }) => {
    const sent = pattern(9 * MIB);
    const frames = lengthPrefixed(a, { limit: Infinity });
    const sending = frames.send(sent);
    sameBytes(await lengthPrefixed(b, { limit: Infinity }).receive(), sent);
    await sending;
  }),

  onPair(
    "a frame over the limit is refused by its length alone, before memory is taken",
    async ({ a, b }) => {
      for (const [bytes, size, limit] of [
        [4, 2 ** 32 - 1, undefined],
        [4, 1_001, 1_000],
        [8, 2 ** 53 - 1, undefined],
        [8, 2 ** 63, Infinity],
        [1, 1, 0],
      ] as const) {
        const frames = lengthPrefixed(a, { bytes, limit });
        const wire = Buffer.concat([bigEndian(size, bytes), Buffer.from("payload")]);
        const before = process.memoryUsage().arrayBuffers;
        const refused = fails(frames.receive(), "ERR_LIMIT");
        await sendInPieces(b, a, [wire]);
        await refused;
        await fails(frames.receive(), "ERR_LIMIT");
        await fails(frames[Symbol.asyncIterator]().next(), "ERR_LIMIT");
        assert.ok(process.memoryUsage().arrayBuffers - before < MIB);
        assert.equal(a.readableLength, wire.length);
        sameBytes(await a.readExactly(bytes), bigEndian(size, bytes));
        assert.equal(text(await a.read()), "payload");
      }
    },
  ),

  onPair("the rest of a frame over the limit stays with its sender", async ({ a, b }) => {
    const sent = clog(MOST_BYTES);
    const written = b.write([frame("", 4, sent.length), sent]);
    await fails(lengthPrefixed(a).receive(), "ERR_LIMIT");
    await stillPending(written);
    assert.ok(a.readableLength <= 128 * 1024, String(a.readableLength));
    assert.equal((await a.readExactly(4)).readUInt32BE(), sent.length);
    sameBytes(await a.readExactly(sent.length), sent);
    await written;
  }),

  onPair("no memory is taken for a frame that is only announced", async ({ a, b }) => {
    const frames = lengthPrefixed(a, { limit: Infinity });
    const before = process.memoryUsage().arrayBuffers;
    const waiting = frames.receive();
    void Promise.allSettled([waiting]);
    await sendInPieces(b, a, [frame("begun", 4, 2 ** 31)]);
    await stillPending(waiting);
    assert.ok(process.memoryUsage().arrayBuffers - before < MIB);
  }),

  onPair("an end within a frame is unexpected, and leaves its bytes unread", async (pair) => {
    const { a, b } = pair;
    const frames = lengthPrefixed(a);
    const failing = fails(frames.receive(), "ERR_UNEXPECTED_EOF");
    await sendInPieces(b, a, [frame("cut off").subarray(0, 6)]);
    await b.closeWrite();
    assert.match((await failing).message, /6 bytes/u);
    await fails(frames.receive(), "ERR_UNEXPECTED_EOF");
    await fails(collect(frames), "ERR_UNEXPECTED_EOF");
    sameBytes(await a.readAll(), frame("cut off").subarray(0, 6));
    assert.equal(await frames.receive(), null);
  }),

  onPair("an end within a length is unexpected, and leaves its bytes unread", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    await b.write(frame("whole"));
    await b.write(Buffer.of(0, 0, 0));
    await b.closeWrite();
    assert.equal(text(await frames.receive()), "whole");
    await fails(frames.receive(), "ERR_UNEXPECTED_EOF");
    sameBytes(await a.readAll(), Buffer.of(0, 0, 0));
  }),

  onPair(
    "a reset within a frame is told from an end, after the frames before it",
    async ({ a, b, resets }) => {
      const frames = lengthPrefixed(a);
      await b.write([frame("whole"), frame("cut off").subarray(0, 6)]);
      await until(() => a.readableLength === 15);
      b.reset();
      await Promise.allSettled([resets ? a.closed : b.closed]);
      assert.equal(text(await frames.receive()), "whole");
      await fails(frames.receive(), resets ? "ECONNRESET" : "ERR_UNEXPECTED_EOF");
      assert.equal(a.readableLength, 6);
    },
  ),

  onPair("a receive that times out has consumed nothing", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    await timesOut(frames.receive({ timeout: 0 }));
    const wire = frame("late");
    await sendInPieces(b, a, [wire.subarray(0, 7)]);
    assert.equal((await timesOut(frames.receive({ timeout: 10 }))).timeout, 10);
    await timesOut(frames.receive({ timeout: 0 }));
    assert.equal(a.readableLength, 7);
    await sendInPieces(b, a, [wire.subarray(7)]);
    assert.equal(text(await frames.receive({ timeout: 0 })), "late");
  }),

  onPair("a receive that is aborted has consumed nothing and listens no more", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("never mind");
    for (let n = 0; n < 20; n++) {
      const waiting = frames.receive({ signal });
      await b.write(frame(String(n)));
      assert.equal(text(await waiting), String(n));
      await frames.send("answer", { signal });
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
    const waiting = frames.receive({ signal });
    await sendInPieces(b, a, [frame("late").subarray(0, 7)]);
    controller.abort(reason);
    assert.equal(await rejection(waiting), reason);
    assert.equal(await rejection(frames.receive({ signal })), reason);
    assert.equal(await rejection(frames.send("never", { signal })), reason);
    await b.write(frame("late").subarray(7));
    assert.equal(text(await frames.receive()), "late");
  }),

  onPair("a loop over frames can be left, and the frames after it be received", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    await b.write(["1", "2", "3", "4"].map((payload) => frame(payload)));
    await b.closeWrite();
    for await (const each of frames) {
      assert.equal(text(each), "1");
      break;
    }
    assert.equal(text(await frames.receive()), "2");
    assert.equal(text((await frames[Symbol.asyncIterator]().next()).value as Buffer), "3");
    const loop = frames[Symbol.asyncIterator]();
    await loop.return?.();
    assert.equal((await loop.next()).done, true);
    assert.deepEqual(await collect(frames), ["4"]);
    await a.write("still writable");
  }),

  onPair("a second receive at once is refused, and the first gets its frame", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    const waiting = frames.receive();
    for (const read of [frames.receive(), frames[Symbol.asyncIterator]().next(), a.read()])
      await fails(read, "ERR_BUSY");
    await b.write([frame("first"), frame("second")]);
    assert.equal(text(await waiting), "first");
    assert.equal(text(await frames.receive()), "second");
  }),

  onPair("a receive that waits rejects when the connection is closed", async ({ a }) => {
    const frames = lengthPrefixed(a);
    const waiting = frames.receive();
    await stillPending(waiting);
    a.reset();
    await fails(waiting, "ERR_CLOSED");
    await fails(frames.receive(), "ERR_CLOSED");
    await fails(frames.send("late"), "ERR_CLOSED");
  }),
];
