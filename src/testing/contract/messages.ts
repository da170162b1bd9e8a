import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import process from "node:process";
import { framed, type Codec, type Connection, type Messages } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, timesOut, until } from "./expectations.js";
import { endingWith, measured } from "./own-codec.js";
import { clog, frame, pattern } from "./payloads.js";

const KIB = 1024;

/** Most bytes that a connection reads while no read waits, and some that arrive together with the last of them. */
const READ_AHEAD_BYTES = 128 * KIB;

/** Has bytes arrive that are then unread. */
async function arrives(from: Connection, to: Connection, bytes: Buffer | string): Promise<void> {
  const arrived = to.bytesRead + Buffer.byteLength(bytes);
  await from.write(bytes);
  await until(() => to.bytesRead === arrived);
}

async function collect(messages: Messages<unknown, never>): Promise<string[]> {
  const got: string[] = [];
  for await (const each of messages) got.push(String(each));
  return got;
}

/** Transfers the memory of bytes, as posting it to a worker does. Returns a new view of it. */
function transferred({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(structuredClone(buffer, { transfer: [buffer as ArrayBuffer] }), byteOffset, length);
}

/** Messages by a codec of the program's own. */
export const messages: readonly ContractCase[] = [
  onPair("messages of an own codec go both ways, until the end of the stream", async ({ a, b }) => {
    for (const [from, to] of [
      [framed(a, measured), framed(b, measured)],
      [framed(b, endingWith("\0")), framed(a, endingWith("\0"))],
    ] as const) {
      const sent = ["", "one", "two", "x".repeat(70_000), "é"];
      const sending = Promise.all(sent.map((message) => from.send(message)));
      for (const message of sent) assert.equal(text(await to.receive()), message);
      await sending;
      await from.connection.closeWrite();
      assert.equal(await to.receive(), null);
      assert.deepEqual(await collect(to), []);
    }
  }),

  onPair("messages are the same at whatever byte packets split them", async ({ a, b }) => {
    for (const codec of [measured, endingWith("\0")]) {
      const wire = codec === measured ? Buffer.concat([frame("hi"), frame("you")]) : Buffer.from("hi\0you\0");
      const received = framed(a, codec);
      for (let cut = 1; cut < wire.length; cut++) {
        const first = received.receive();
        await arrives(b, a, wire.subarray(0, cut));
        await arrives(b, a, wire.subarray(cut));
        assert.deepEqual([text(await first), text(await received.receive())], ["hi", "you"]);
      }
    }
  }),

  onPair("a message stays as it is, whatever becomes of the connection's other bytes", async ({ a, b }) => {
    interface Parts {
      readonly head: Buffer;
      readonly body: Uint8Array;
    }
    const parts: Codec<Parts, Buffer> = {
      decode(bytes) {
        const found = measured.decode(bytes);
        if (typeof found !== "object") return found;
        const { message, size } = found;
        return { message: { head: message.subarray(0, 2), body: message.subarray(2) }, size };
      },
      encode: (payload) => measured.encode(payload),
    };
    const sizes = [10, 20_000, 10, 90_000, 30, 200_000, 10];
    const payloads = sizes.map((size, n) => pattern(size, n + 1));
    const writing = Promise.all(payloads.map((payload) => framed(b, parts).send(payload)));
    const received = framed(a, parts);
    const kept: Parts[] = [];
    for (const { length } of payloads.slice(0, -1)) {
      const got = await received.receive();
      assert.equal((got?.head.length ?? 0) + (got?.body.length ?? 0), length);
      kept.push(got as Parts);
    }
    sameBytes(await a.readExactly(14), frame(payloads.at(-1) as Buffer));
    await writing;
    await arrives(b, a, pattern(30_000, 9));
    for (const [n, { head, body }] of kept.entries())
      sameBytes(Buffer.concat([head, body]), payloads[n] as Buffer);
  }),

  onPair("memory that decode or the receiver transfers is missed by no other message", async ({ a, b }) => {
    let asked = 0;
    const careless: Codec<Uint8Array, string> = {
      decode(bytes) {
        const found = measured.decode(bytes);
        // All that decode was shown, and with it what comes after the message.
        if (asked++ % 2 === 0) {
          const { buffer, byteOffset, length } = transferred(bytes);
          bytes = Buffer.from(buffer, byteOffset, length);
        }
        if (typeof found !== "object") return found;
        return { message: bytes.subarray(4, found.size), size: found.size };
      },
      encode: (message) => message,
    };
    const sent = [10, 3_000, 10, 70_000, 0, 100, 100].map((size, n) => pattern(size, n + 1));
    const writing = b.write(sent.map((payload) => frame(payload)));
    const received = framed(a, careless);
    for (const payload of sent) {
      const got = await received.receive();
      sameBytes(got, payload);
      if (got !== null) sameBytes(transferred(got), payload);
    }
    await writing;
    assert.equal(a.readableLength, 0);
  }),

  onPair("what encode has given belongs to the program again once it is sent", async ({ a, b }) => {
    const memory = pattern(100_000);
    const sent = Buffer.from(memory);
    const reused: Codec<Buffer, number> = { ...measured, encode: (size) => memory.subarray(0, size) };
    for (const size of [10, 100_000]) {
      const reading = b.readExactly(size);
      await framed(a, reused).send(size);
      memory.fill(0);
      sameBytes(await reading, sent.subarray(0, size));
      memory.set(sent);
    }
  }),

  onPair("a message over the limit is refused before memory is taken for it", async ({ a, b }) => {
    const before = process.memoryUsage().arrayBuffers;
    const limited = framed(a, measured, { limit: 1_004 });
    const refused = fails(limited.receive(), "ERR_LIMIT");
    await arrives(b, a, frame("begun", 4, 2 ** 31));
    assert.match((await refused).message, /2147483652 bytes, more than the limit of 1004 bytes/u);
    await fails(limited.receive(), "ERR_LIMIT");
    await fails(limited[Symbol.asyncIterator]().next(), "ERR_LIMIT");
    assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * KIB);
    assert.equal(a.readableLength, 9);
    await a.readExactly(9);
    const error = await fails(limited.send("x".repeat(1_001)), "ERR_LIMIT");
    assert.deepEqual([error.operation, error.written], ["write", "nothing"]);
    await limited.send("x".repeat(1_000));
    await b.write(await b.readExactly(1_004));
    assert.equal((await limited.receive())?.length, 1_000);
  }),

  onPair("the rest of a message over the limit stays with its sender", async ({ a, b }) => {
    const written = b.write(clog());
    const limit = 10 * KIB;
    // Its end would never come.
    const endless: Codec<never> = { decode: () => undefined, encode: () => "" };
    const received = framed(a, endless, { limit });
    await fails(received.receive(), "ERR_LIMIT");
    await stillPending(written);
    assert.ok(a.readableLength <= limit + READ_AHEAD_BYTES, String(a.readableLength));
    await fails(received.receive(), "ERR_LIMIT");
    sameBytes(await a.readExactly(clog().length), clog());
    await written;
  }),

  onPair("what is no message is refused and stays unread, and other reads go past it", async ({ a, b }) => {
    const cause = new SyntaxError("a digit was expected");
    const digits: Codec<number> = {
      decode(bytes) {
        const end = bytes.indexOf("\n");
        if (end === -1) return undefined;
        const line = bytes.toString("latin1", 0, end);
        if (!/^\d+$/u.test(line)) throw cause;
        return { message: Number(line), size: end + 1 };
      },
      encode: (message) => `${String(message)}\n`,
    };
    const numbers = framed(a, digits);
    const waiting = numbers.receive();
    await arrives(b, a, "1\nsecret\n3\n");
    assert.equal(await waiting, 1);
    for (let times = 0; times < 2; times++) {
      const error = await fails(numbers.receive(), "ERR_INVALID_MESSAGE");
      assert.deepEqual([error.operation, error.cause], ["read", cause]);
      assert.doesNotMatch(error.message, /secret/u);
    }
    assert.equal(await a.readLine(), "secret");
    assert.equal(await numbers.receive(), 3);
  }),

  onPair("an end within a message is unexpected, and leaves its bytes unread", async ({ a, b }) => {
    for (const codec of [measured, endingWith("|")]) {
      const received = framed(a, codec);
      const failing = fails(received.receive(), "ERR_UNEXPECTED_EOF");
      if (codec === measured) {
        await arrives(b, a, frame("cut off").subarray(0, 6));
        await b.closeWrite();
      }
      assert.match((await failing).message, /after 6 bytes of an unfinished message/u);
      await fails(collect(received), "ERR_UNEXPECTED_EOF");
      assert.equal(a.readableLength, 6);
    }
    sameBytes(await a.readAll(), frame("cut off").subarray(0, 6));
    assert.equal(await framed(a, measured).receive(), null);
  }),

  onPair("a reset within a message is told after the messages before it", async ({ a, b, resets }) => {
    const received = framed(a, measured);
    await arrives(b, a, Buffer.concat([frame("whole"), frame("cut off").subarray(0, 6)]));
    b.reset();
    await Promise.allSettled([resets ? a.closed : b.closed]);
    assert.equal(text(await received.receive()), "whole");
    await fails(received.receive(), resets ? "ECONNRESET" : "ERR_UNEXPECTED_EOF");
    assert.equal(a.readableLength, 6);
  }),

  onPair("a second receive at once is refused, and the first gets its message", async ({ a, b }) => {
    const received = framed(a, endingWith("\0"));
    const waiting = received.receive();
    for (const read of [received.receive(), received[Symbol.asyncIterator]().next(), a.read()])
      await fails(read, "ERR_BUSY");
    await b.write("first\0second\0");
    assert.equal(text(await waiting), "first");
    assert.equal(text(await received.receive()), "second");
  }),

  onPair("a message that was given up half-way is received whole by the next call", async ({ a, b }) => {
    const received = framed(a, measured);
    const reason = new Error("never mind");
    const controller = new AbortController();
    const waiting = rejection(received.receive({ signal: controller.signal }));
    await arrives(b, a, frame("late").subarray(0, 6));
    controller.abort(reason);
    assert.equal(await waiting, reason);
    await timesOut(received.receive({ timeout: 1 }));
    await timesOut(received.receive({ timeout: 0 }));
    assert.equal(a.readableLength, 6);
    await arrives(b, a, frame("late").subarray(6));
    assert.equal(text(await received.receive({ timeout: 0 })), "late");
  }),

  onPair("nothing is received or sent once the connection is closed", async ({ a, b }) => {
    const received = framed(a, measured);
    await arrives(b, a, frame("unread"));
    await a.closeWrite();
    assert.equal((await fails(received.send("late"), "ERR_CLOSED")).written, "nothing");
    assert.equal(text(await received.receive()), "unread");
    const waiting = received.receive();
    await stillPending(waiting);
    a.reset();
    await fails(waiting, "ERR_CLOSED");
    await fails(received.receive(), "ERR_CLOSED");
    await fails(received[Symbol.asyncIterator]().next(), "ERR_CLOSED");
    await fails(received.send("late"), "ERR_CLOSED");
  }),
];
