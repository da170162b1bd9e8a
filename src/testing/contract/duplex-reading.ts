import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Readable } from "node:stream";
import { NetTimeoutError, type Connection } from "../../index.js";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { fails, isReset, rejection, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

/** A reader that gets the bytes of a Duplex in some way of its own, and settles with all of them when there are `size`. */
type Consumer = (stream: Readable, size: number) => Promise<Buffer>;

/** Keeps what `take` gets at each `'readable'`, until there are `size` bytes. */
function onReadable(take: (stream: Readable, keep: (chunk: Buffer | null) => void) => void): Consumer {
  return (stream, size) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let length = 0;
      const keep = (chunk: Buffer | null) => {
        if (chunk === null) return;
        chunks.push(chunk);
        length += chunk.length;
        if (length === size) resolve(Buffer.concat(chunks));
      };
      stream.on("readable", () => take(stream, keep));
      stream.once("error", reject);
    });
}

function read(stream: Readable, size?: number): Buffer | null {
  return stream.read(size) as Buffer | null;
}

const readAllThatIsThere = onReadable((stream, keep) => {
  for (let chunk = read(stream); chunk !== null; chunk = read(stream)) keep(chunk);
});

const RECORD = 1_000;

/** The ways in which libraries read a stream. Records are of {@link RECORD} bytes. */
const consumers: Readonly<Record<string, Consumer>> = {
  "one read() per 'readable'": onReadable((stream, keep) => keep(read(stream))),

  "one read() some time after each 'readable'": onReadable((stream, keep) => {
    setImmediate(() => keep(read(stream)));
  }),

  "read() until null at each 'readable'": readAllThatIsThere,

  "read(size) until null at each 'readable'": onReadable((stream, keep) => {
    for (let chunk = read(stream, RECORD); chunk !== null; chunk = read(stream, RECORD)) keep(chunk);
  }),

  "read(size) while readableLength says that it is there": onReadable((stream, keep) => {
    while (stream.readableLength >= RECORD) keep(read(stream, RECORD));
  }),

  "read() after once('readable'), again and again": async (stream, size) => {
    const chunks: Buffer[] = [];
    for (let length = 0; length < size; length = Buffer.concat(chunks).length) {
      await once(stream, "readable");
      const chunk = read(stream);
      if (chunk !== null) chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  },

  "read() now and then, without listening": async (stream, size) => {
    let bytes = Buffer.alloc(0);
    while (bytes.length < size) {
      bytes = Buffer.concat([bytes, read(stream) ?? Buffer.alloc(0)]);
      await turn();
    }
    return bytes;
  },

  "'data', paused and resumed": (stream, size) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      let length = 0;
      stream.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        length += chunk.length;
        stream.pause();
        setImmediate(() => stream.resume());
        if (length === size) resolve(Buffer.concat(chunks));
      });
    }),

  "a loop that is left, and begun again": async (stream, size) => {
    const chunks: Buffer[] = [];
    let length = 0;
    while (length < size) {
      for await (const chunk of {
        [Symbol.asyncIterator]: () => stream.iterator({ destroyOnReturn: false }),
      }) {
        chunks.push(chunk as Buffer);
        length += (chunk as Buffer).length;
        break;
      }
    }
    return Buffer.concat(chunks);
  },

  "an older stream around it": (stream, size) => readAllThatIsThere(new Readable().wrap(stream), size),

  "a web stream around it": async (stream, size) => {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of Readable.toWeb(stream) as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length === size) break;
    }
    return Buffer.concat(chunks);
  },
};

/** Has `a`'s Duplex read ahead of a reader that has left: it holds some bytes, and more follow in the connection. */
async function heldAhead(a: Connection, b: Connection): Promise<void> {
  const first = once(a.duplex, "readable");
  await b.write("held,");
  await first;
  await until(() => a.duplex.readableLength > 0);
  await b.write("next,");
  await until(() => a.bytesRead === 10);
}

/** How readers of many kinds get the bytes of a connection's Duplex, and what happens to what they leave. */
export const duplexReading: readonly ContractCase[] = [
  ...Object.entries(consumers).flatMap(([name, consume]) => [
    onPair(`duplex: all that comes at once is read by ${name}`, async ({ a, b }) => {
      const sent = pattern(70 * RECORD);
      const received = consume(a.duplex, sent.length);
      await b.write(sent);
      sameBytes(await received, sent);
    }),

    onPair(`duplex: what comes piece by piece is read by ${name}`, async ({ a, b }) => {
      const sent = pattern(20 * RECORD);
      const received = consume(a.duplex, sent.length);
      for (let from = 0; from < sent.length; from += 700) {
        await b.write(sent.subarray(from, from + 700));
        await turn();
      }
      sameBytes(await received, sent);
    }),
  ]),

  onPair("duplex: a reader with one read() per 'readable' sees the end", async ({ a, b }) => {
    let got = "";
    a.duplex.on("readable", () => (got += String(a.duplex.read() ?? "")));
    await b.write("all of it");
    await Promise.all([once(a.duplex, "end"), b.closeWrite()]);
    assert.equal(got, "all of it");
  }),

  ...(["readable", "data", "loop"] as const).map((way) =>
    onPair(`duplex: a character that comes in two pieces is waited for (${way})`, async ({ a, b }) => {
      const stream = a.duplex.setEncoding("utf8");
      let got = "";
      if (way === "data") stream.on("data", (text) => (got += String(text)));
      else if (way === "readable") stream.on("readable", () => (got += String(stream.read() ?? "")));
      else {
        void (async () => {
          for await (const text of stream) got += String(text);
        })().catch(() => undefined);
      }
      const bytes = Buffer.from("€ and ¢");
      for (const byte of bytes) {
        const had = a.bytesRead;
        await b.write(Buffer.of(byte));
        await until(() => a.bytesRead > had);
        await turn();
      }
      await until(() => got === "€ and ¢");
    }),
  ),

  onPair("duplex: what is put back is read first", async ({ a, b }) => {
    await b.write("head and body");
    await once(a.duplex, "readable");
    const chunk = read(a.duplex) ?? Buffer.alloc(0);
    a.duplex.unshift(chunk.subarray(5));
    let got = "";
    a.duplex.on("data", (more) => (got += String(more)));
    await b.write(", and more");
    await until(() => got === "and body, and more");
  }),

  onPair("duplex: a listener that does not read stops the peer", async ({ a, b }) => {
    const written = b.write(clog());
    a.duplex.on("readable", () => undefined);
    await stillPending(written);
    await until(() => a.duplex.readableLength >= 64 * 1024);
    await stillPending(written);
    assert.ok(a.duplex.readableLength <= 128 * 1024, String(a.duplex.readableLength));
    assert.ok(a.readableLength <= 128 * 1024, String(a.readableLength));
    a.duplex.resume();
    a.duplex.removeAllListeners("readable");
    b.reset();
    await rejection(written);
  }),

  onPair("duplex: a read(size) that found too little holds up no other reader", async ({ a, b }) => {
    assert.equal(a.duplex.read(100), null);
    const reading = a.read();
    await stillPending(reading);
    await b.write("for the connection");
    assert.equal(text(await reading), "for the connection");
  }),

  onPair(
    "duplex: what a reader that has left did not get, the connection's reads get first",
    async ({ a, b }) => {
      await heldAhead(a, b);
      assert.equal(text(await a.readUntil(",")), "held");
      assert.equal(text(await a.readUntil(",")), "next");
      assert.equal(a.duplex.readableLength, 0);
      await b.write("again");
      await once(a.duplex, "readable");
      assert.equal(String(a.duplex.read()), "again");
    },
  ),

  onPair("duplex: a paused listener is not given what the connection's reads take", async ({ a, b }) => {
    const got: string[] = [];
    a.duplex.on("data", (chunk) => got.push(String(chunk))).pause();
    a.duplex.unshift(Buffer.from("held,"));
    await b.write("next,");
    assert.equal(text(await a.readUntil(",")), "held");
    assert.equal(text(await a.readUntil(",")), "next");
    await b.write("for the listener");
    a.duplex.resume();
    await until(() => got.length > 0);
    assert.deepEqual(got, ["for the listener"]);
  }),

  onPair(
    "duplex: what a reader that has left did not get goes with a socket that is detached",
    async ({ a, b }) => {
      await heldAhead(a, b);
      const socket = a.detach();
      let got = "";
      socket.on("data", (chunk) => (got += String(chunk)));
      await until(() => got === "held,next,");
      socket.destroy();
    },
  ),

  onPair("duplex: what a reader that has left did not get is in the web stream", async ({ a, b }) => {
    await heldAhead(a, b);
    const reader = a.readable.getReader();
    let got = "";
    while (got.length < 10) got += String(Buffer.from((await reader.read()).value ?? []));
    assert.equal(got, "held,next,");
  }),

  onPair(
    "duplex: what a reader that has left did not get survives the end of both sides",
    async ({ a, b }) => {
      await heldAhead(a, b);
      assert.equal(String(await a.readExactly(10)), "held,next,");
      const first = once(a.duplex, "readable");
      await b.write("last");
      await first;
      await Promise.all([a.closeWrite(), b.closeWrite()]);
      await a.closed;
      await turn();
      let got = "";
      for await (const chunk of a.duplex) got += String(chunk);
      assert.equal(got, "last");
    },
  ),

  onPair("duplex: what a reader that has left did not get survives a failure", async ({ a, b, resets }) => {
    if (!resets) return;
    await heldAhead(a, b);
    b.reset();
    await rejection(a.closed);
    await turn();
    assert.equal(text(await a.readExactly(10)), "held,next,");
    await fails(a.read(), "ECONNRESET");
  }),

  onPair(
    "duplex: a second reader, of it or of the connection, is refused also between two chunks",
    async ({ a, b }) => {
      let got = "";
      a.duplex.on("readable", () => undefined);
      await b.write("for the Duplex");
      await until(() => a.duplex.readableLength > 0);
      await fails(a.read(), "ERR_BUSY");
      got += String(a.duplex.read());
      assert.equal(got, "for the Duplex");
      a.duplex.removeAllListeners("readable");
      await b.write("for the connection");
      assert.equal(text(await a.read()), "for the connection");
    },
  ),

  onTimedPair(
    "duplex: the readTimeout does not run while a loop is busy with what it got",
    async ({ a, b, clock }) => {
      await b.write("one");
      const got: string[] = [];
      const outcome = (async () => {
        for await (const chunk of a.duplex) {
          got.push(String(chunk));
          if (got.length === 2) continue;
          // Three times as long as a read may wait.
          await clock.advance(360);
          await b.write("two");
        }
      })().catch((error: unknown) => error);
      await until(() => got.length === 2);
      await turn();
      await clock.advance(120);
      const error = await outcome;
      assert.deepEqual(got, ["one", "two"]);
      assert.ok(error instanceof NetTimeoutError, String(error));
      assert.equal(error.timeout, 120);
    },
    { readTimeout: 120 },
  ),

  onPair(
    "duplex: the readTimeout bounds the wait of one read() per 'readable'",
    async ({ a, b }) => {
      const failed = once(a.duplex, "error");
      a.duplex.on("readable", () => void a.duplex.read());
      await b.write("one");
      const [error] = (await failed) as [unknown];
      assert.ok(error instanceof NetTimeoutError, String(error));
    },
    { readTimeout: 60 },
  ),

  onPair("duplex: a reader that waits for more than there is sees a failure", async ({ a, b, resets }) => {
    if (!resets) return;
    const failed = once(a.duplex, "error");
    a.duplex.on("readable", () => void a.duplex.read(100));
    await b.write("ten bytes.");
    await until(() => a.duplex.readableLength === 10);
    b.reset();
    const [error] = (await failed) as [unknown];
    assert.ok(isReset(error), String(error));
  }),

  onPair(
    "duplex: one read() per 'readable' gets what had arrived before a failure",
    async ({ a, b, resets }) => {
      if (!resets) return;
      let got = "";
      a.duplex.on("readable", () => (got += String(a.duplex.read() ?? "")));
      const failed = once(a.duplex, "error");
      for (let n = 0; n < 5; n++) {
        const had = a.bytesRead;
        await b.write("words ");
        await until(() => a.bytesRead > had);
      }
      b.reset();
      await failed;
      assert.equal(got, "words ".repeat(5));
    },
  ),

  onPair("duplex: what a reader that left did not get counts as readable", async ({ a, b }) => {
    const ignore = () => undefined;
    a.duplex.on("readable", ignore);
    await b.write("ahead");
    await until(() => a.duplex.readableLength === 5);
    assert.equal(a.readableLength, 0);
    a.duplex.off("readable", ignore);
    assert.equal(a.readableLength, 5);
    assert.equal(text(await a.readExactly(2)), "ah");
    assert.equal(a.readableLength, 3);
    a.closeRead();
    assert.equal(a.readableLength, 0);
  }),
];
