import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { runInNewContext } from "node:vm";
import { framed, lengthPrefixed, type Codec, type Connection, type Data } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, text } from "./expectations.js";
import { clog, frame, pattern } from "./payloads.js";

/** Values with the prototype of a Uint8Array that have no bytes of their own. */
function lookalikes(): Uint8Array[] {
  return [
    new Proxy(new Uint8Array(8), {}),
    new Proxy(Buffer.from("proxy"), {}),
    Object.create(Uint8Array.prototype) as Uint8Array,
    Object.create(Buffer.from("inherits")) as Uint8Array,
    Object.create(Buffer.prototype as object, { length: { value: 4 } }) as Uint8Array,
  ];
}

async function refused(call: () => unknown): Promise<void> {
  const error = await rejection((async () => await call())());
  assert.ok(error instanceof TypeError, `${String(call)}: ${String(error)}`);
  assert.match((error as NodeJS.ErrnoException).code ?? "", /^ERR_INVALID_ARG_/u);
}

/** Transfers memory, as posting it to a worker does: views of it are empty afterwards. */
function transfer(view: ArrayBufferView): void {
  structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] });
  assert.equal(view.buffer.byteLength, 0);
}

/** All ways to write, but for those that reset a connection when they are given something wrong. */
function writers(connection: Connection): ((data: Data) => Promise<unknown>)[] {
  return [
    (data) => connection.write(data),
    (data) => connection.write(["<", data, ">"]),
    (data) => lengthPrefixed(connection).send(data),
    (data) => lengthPrefixed(connection).send([data]),
  ];
}

/** The types of this release of the language do not have them yet. */
type Resizable = ArrayBuffer & { resize(size: number): void };
type Growable = SharedArrayBuffer & { grow(size: number): void };
type Making<T> = new (size: number, options: { maxByteLength: number }) => T;

function resizable(size: number, maxByteLength: number): Resizable {
  return new (ArrayBuffer as unknown as Making<Resizable>)(size, { maxByteLength });
}

function growable(size: number, maxByteLength: number): Growable {
  return new (SharedArrayBuffer as unknown as Making<Growable>)(size, { maxByteLength });
}

const bufferSize = 32;

/** What may be given as memory, and what becomes of it when it changes. */
export const memory: readonly ContractCase[] = [
  onPair("an ArrayBuffer is written as a view of all of it, shared or not", async ({ a, b }) => {
    const bytes = pattern(100);
    const shared = new SharedArrayBuffer(100);
    new Uint8Array(shared).set(bytes);
    for (const data of [Uint8Array.from(bytes).buffer, shared]) {
      await a.write(data);
      await a.write([data, "and", data]);
      await lengthPrefixed(a).send(data);
      sameBytes(
        await b.readExactly(407),
        Buffer.concat([bytes, bytes, Buffer.from("and"), bytes, frame(bytes)]),
      );
    }
    await a.write(new ArrayBuffer(0));
    await a.write("end");
    assert.equal(text(await b.read()), "end");
  }),

  onPair(
    "an ArrayBuffer is gathered, too",
    async ({ a, b }) => {
      const data = Uint8Array.from(Buffer.from("gathered")).buffer;
      await a.write(data);
      await a.write(["<", data, ">"]);
      new Uint8Array(data).fill(0);
      assert.equal(text(await b.readExactly(18)), "gathered<gathered>");
    },
    { bufferSize },
  ),

  onPair("memory that can be resized is sent as long as it is at the call", async ({ a, b }) => {
    const bytes = Buffer.from("12345678");
    const echo: Codec<string, Data> = {
      decode: () => undefined,
      encode: (message) => [message, "|"],
    };
    for (const buffer of [resizable(8, 16), growable(8, 16)]) {
      new Uint8Array(buffer).set(bytes);
      const writer = (a.writable as unknown as WritableStream<Data>).getWriter();
      await a.write(buffer);
      await a.write([buffer, new Uint8Array(buffer, 4)]);
      await lengthPrefixed(a).send(buffer);
      await framed(a, echo).send(buffer);
      await writer.write(buffer);
      writer.releaseLock();
      a.duplex.write(buffer);
      const all = "12345678";
      assert.equal(text(await b.readExactly(20)), `${all}${all}5678`);
      assert.equal(text(await lengthPrefixed(b).receive()), all);
      assert.equal(text(await b.readExactly(25)), `${all}|${all}${all}`);
      b.unread(buffer);
      assert.equal(text(await b.readExactly(8)), all);
    }
  }),

  onPair(
    "memory that is resized before its turn fails the write it was for, and no other",
    async ({ a, b }) => {
      const [grown, shrunk, shared, given] = [
        resizable(8, 16),
        resizable(8, 16),
        growable(8, 16),
        new ArrayBuffer(8),
      ];
      void a.write(clog());
      const before = a.write("before");
      const writes = [grown, shrunk, shared, given].flatMap((each) => [
        a.write(each),
        a.write(["<", each, ">"]),
      ]);
      const after = a.write("after");
      grown.resize(16);
      shrunk.resize(4);
      shared.grow(16);
      transfer(new Uint8Array(given));
      const reading = b.readExactly(clog().length + 11);
      for (const write of writes) await refused(() => write);
      await Promise.all([before, after]);
      assert.equal(text((await reading).subarray(-11)), "beforeafter");
      assert.equal(a.writableLength, 0);
    },
  ),

  onPair(
    "memory that is resized after it was gathered is sent as it was",
    async ({ a, b }) => {
      const memory = resizable(8, 16);
      new Uint8Array(memory).fill(0x61);
      await a.write(memory);
      memory.resize(2);
      await a.write(memory);
      assert.equal(text(await b.readExactly(10)), "a".repeat(10));
    },
    { bufferSize },
  ),

  onPair("the Duplex and the web stream take any view and any ArrayBuffer", async ({ a, b }) => {
    const buffer = Uint8Array.from(Buffer.from("12345678")).buffer;
    const shared = new SharedArrayBuffer(2);
    new Uint8Array(shared).set([0x61, 0x62]);
    const chunks = [buffer, new DataView(buffer, 1, 2), new Uint16Array(buffer, 2, 1), shared, "text"];
    const writer = (a.writable as unknown as WritableStream<Data>).getWriter();
    for (const chunk of chunks) {
      await writer.write(chunk);
      a.duplex.write(chunk);
    }
    assert.equal(text(await b.readExactly(36)), "1234567812345678232334" + "34ababtexttext");
    a.duplex.end(buffer);
    assert.equal((await b.readAll()).toString(), "12345678");
  }),

  onPair("the web stream counts the bytes of an ArrayBuffer", async ({ a }) => {
    const writer = (a.writable as unknown as WritableStream<Data>).getWriter();
    const before = writer.desiredSize ?? 0;
    const written = writer.write(new ArrayBuffer(1_000));
    assert.equal(before - (writer.desiredSize ?? 0), 1_000);
    await written;
  }),

  onPair("what only looks like bytes is refused at once", async ({ a, b }) => {
    await b.write("unread");
    for (const fake of lookalikes()) {
      for (const write of writers(a)) await refused(() => write(fake));
      await refused(() => a.readInto(fake));
      await refused(() => a.readUntil(fake));
      await refused(() => a.readUntilAny(["x", fake]));
      assert.throws(() => a.split(fake), TypeError);
      assert.throws(() => a.unread(fake), TypeError);
      await refused(() => a.duplex.write(fake));
      await refused(() => a.duplex.end(fake));
    }
    assert.deepEqual([a.writableLength, a.bytesWritten], [0, 0]);
    await a.write("fine");
    assert.equal(text(await b.read()), "fine");
    assert.equal(text(await a.readExactly(6)), "unread");
  }),

  onPair(
    "what only looks like bytes is not gathered",
    async ({ a }) => {
      for (const fake of lookalikes()) for (const write of writers(a)) await refused(() => write(fake));
      assert.equal(a.writableLength, 0);
    },
    { bufferSize },
  ),

  onPair("what only looks like bytes is a TypeError of the web stream, and a reset", async ({ a, b }) => {
    const [fake = new Uint8Array()] = lookalikes();
    await refused(() => (a.writable as WritableStream).getWriter().write(fake));
    await a.closed;
    await b.read().catch(() => undefined);
    assert.equal(b.bytesRead, 0);
  }),

  onPair("a hole in a list is refused, and so is anything in it that is no data", async ({ a, b }) => {
    const list = ["one", "two", "three"];
    Reflect.deleteProperty(list, 1);
    for (const wrong of [list, new Array<string>(3), ["one", undefined], ["one", null], [["nested"]]]) {
      await refused(() => a.write(wrong as string[]));
      await refused(() => lengthPrefixed(a).send(wrong as string[]));
    }
    await a.write("fine");
    assert.equal(text(await b.read()), "fine");
  }),

  onPair("bytes of another realm are bytes", async ({ a, b }) => {
    const foreign = runInNewContext("Uint8Array.of(111, 110, 101)") as Uint8Array;
    const buffer = runInNewContext("Uint8Array.of(116, 119, 111).buffer") as ArrayBuffer;
    assert.ok(!(foreign instanceof Uint8Array) && !(buffer instanceof ArrayBuffer));
    await a.write(foreign);
    await a.write([foreign, buffer]);
    assert.equal(text(await b.readUntil(foreign)), "");
    const target = runInNewContext("new Uint8Array(6)") as Uint8Array;
    for (let size = 0; size < 6;) size += (await b.readInto(target.subarray(size))) ?? 0;
    assert.equal(Buffer.from(target).toString(), "onetwo");
  }),

  onPair("memory that was given away is refused, not sent as nothing", async ({ a, b }) => {
    for (const view of [new Uint8Array(8), new Uint16Array(4), new DataView(new ArrayBuffer(8))]) {
      transfer(view);
      for (const write of writers(a)) await refused(() => write(view));
      await refused(() => a.duplex.write(view));
    }
    const given = new ArrayBuffer(8);
    transfer(new Uint8Array(given));
    for (const write of writers(a)) await refused(() => write(given));
    await a.write("fine");
    assert.equal(text(await b.read()), "fine");
  }),

  onPair("memory given away before its turn fails the write it was for, and no other", async ({ a, b }) => {
    const views = [new Uint8Array(8), new Uint8Array(16).subarray(4, 8)];
    void a.write(clog());
    const before = a.write("before");
    const writes = views.flatMap((each) => [a.write(each), a.write(["<", each, ">"])]);
    const after = a.write("after");
    for (const each of views) transfer(each);
    const reading = b.readExactly(clog().length + 11);
    for (const write of writes) await refused(() => write);
    await Promise.all([before, after]);
    assert.equal(text((await reading).subarray(-11)), "beforeafter");
    assert.equal(a.writableLength, 0);
  }),

  onPair("an unawaited write that is lost with its memory fails the next call", async ({ a, b }) => {
    const view = new Uint8Array(8);
    void a.write(clog());
    void a.write(view);
    transfer(view);
    await b.readExactly(clog().length);
    await a.flush().catch(() => undefined);
    const error = await fails(a.write("next"), "ERR_INVALID_ARG_VALUE");
    assert.ok(error.cause instanceof TypeError);
    assert.equal(error.written, "nothing");
  }),

  onPair(
    "memory given away while a large write is under way is not passed over",
    async ({ a, b, kernel }) => {
      // The kernel has been told where it lies, and reads on there.
      if (kernel) return;
      const memory = Buffer.alloc(clog().length);
      const written = a.write(memory);
      transfer(memory);
      const reading = b.readAll({ limit: Infinity }).catch(() => undefined);
      await fails(written, "ERR_INVALID_ARG_VALUE");
      a.reset();
      await reading;
      assert.ok(b.bytesRead < clog().length);
    },
  ),

  onPair("a detached stream sends nothing of a write whose memory was given away", async ({ a, b }) => {
    const view = new Uint8Array(8);
    const writes = [a.write(clog()), a.write(["<", view, ">"]), a.write("after")].map(settled);
    transfer(view);
    const reading = b.readAll({ limit: Infinity });
    a.detach().end();
    await Promise.all(writes);
    const received = await reading;
    assert.equal(text(received.subarray(clog().length)), "after");
  }),

  onPair(
    "a stream that is detached within a write whose memory was given away is cut off",
    async ({ a, b, kernel }) => {
      if (kernel) return;
      const memory = Buffer.alloc(clog().length);
      const writing = settled(a.write(memory));
      transfer(memory);
      const stream = a.detach();
      const reading = settled(b.readAll({ limit: Infinity }));
      stream.on("error", () => undefined).end();
      await Promise.all([writing, a.closed, reading]);
      assert.ok(stream.destroyed);
      assert.ok(b.bytesRead < clog().length);
    },
  ),
];

/** Resolves when a promise has settled. */
function settled(promise: Promise<unknown>): Promise<unknown> {
  return promise.catch(() => undefined);
}
