import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Socket } from "node:net";
import { Duplex, PassThrough, type Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { Connection } from "../../src/index.js";
import { faulty, memoryPair, type Faults } from "../../src/testing/index.js";
import { duplexesInMemory, socketPair } from "../support/adopted-pairs.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { isPending, netError, turn, until } from "../support/outcomes.js";

/** Bytes of which each tells where it belongs. */
const BYTES = Buffer.from(Array.from({ length: 5_000 }, (_, at) => (at * 7 + (at >> 8)) % 256));

/** A faulty stream, and the far end of the stream beneath it. */
async function pair(faults?: Faults): Promise<{ stream: Duplex; far: Duplex }> {
  const [near, far] = await duplexesInMemory();
  return { stream: faulty(near, faults), far };
}

/** The chunks of a stream as they come, until its end. */
async function chunksOf(stream: Readable): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => void chunks.push(chunk));
  await once(stream, "end");
  return chunks;
}

/** What arrives of a stream that does not end, once as many bytes are there. */
async function arrived(stream: Readable, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const add = (chunk: Buffer): void => void chunks.push(chunk);
  stream.on("data", add);
  await until(() => chunks.reduce((sum, { length }) => sum + length, 0) >= size);
  stream.off("data", add);
  return Buffer.concat(chunks);
}

async function passed(faults: Faults): Promise<{ read: Buffer[]; written: Buffer[] }> {
  const { stream, far } = await pair(faults);
  const both = Promise.all([chunksOf(stream), chunksOf(far)]);
  stream.end(BYTES);
  far.end(BYTES);
  const [read, written] = await both;
  return { read, written };
}

const sizesOf = (chunks: readonly Buffer[]): number[] => chunks.map(({ length }) => length);

describe("without faults", () => {
  test("bytes and ends pass in both directions, and the stream beneath is closed when both have ended", async () => {
    const [near, far] = await duplexesInMemory();
    const stream = faulty(near);
    const both = Promise.all([chunksOf(stream), chunksOf(far)]);
    stream.write(BYTES);
    stream.end("the end");
    far.end(BYTES);
    const [read, written] = await both;
    expect(Buffer.concat(read)).toEqual(BYTES);
    expect(Buffer.concat(written).subarray(0, -7)).toEqual(BYTES);
    await until(() => near.destroyed && stream.destroyed);
  });

  test("each side ends by itself", async () => {
    const { stream, far } = await pair();
    far.end();
    stream.resume();
    await once(stream, "end");
    stream.end("still sent");
    expect(String(Buffer.concat(await chunksOf(far)))).toBe("still sent");
  });

  test("a stream that was paused is read", async () => {
    const [near, far] = await duplexesInMemory();
    near.pause();
    const bytes = chunksOf(faulty(near));
    far.end(BYTES);
    expect(Buffer.concat(await bytes)).toEqual(BYTES);
  });

  test("the paused socket of a server is read", async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const client = netConnect((server.address() as AddressInfo).port, "127.0.0.1");
    const [socket] = (await once(server, "connection")) as [Socket];
    server.close();
    client.write("hello\n");
    await using connection = Connection.from(faulty(socket));
    expect(await connection.readLine()).toBe("hello");
    client.destroy();
  });

  test("a failure of the stream comes behind the bytes that it gave before", async () => {
    const near = new PassThrough();
    const stream = faulty(near);
    const failing = expect(finished(stream)).rejects.toThrow("cable cut");
    near.write("last words");
    await turn();
    near.destroy(new Error("cable cut"));
    expect(String(await arrived(stream, 10))).toBe("last words");
    await failing;
  });

  test("a stream that is destroyed without an error is a premature close, also while a write waits", async () => {
    const [near] = await duplexesInMemory();
    const stream = faulty(near);
    stream.on("error", () => undefined);
    stream.write(Buffer.alloc(1_000_000));
    await turn();
    near.destroy();
    await expect(finished(stream)).rejects.toThrow(/EPIPE|Premature/);
  });

  test("a writer waits once 64 KiB are on their way, and nothing more is read beneath then", async () => {
    const { stream, far } = await pair({ stallAfter: 0 });
    stream.write(Buffer.alloc(65_535));
    await until(() => stream.writableLength === 0);
    stream.write("xx");
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(stream.writableLength).toBe(2);
    let taken = 0;
    const block = Buffer.alloc(16_384);
    while (far.write(block)) taken++;
    for (let turns = 0; turns < 5; turns++) await turn();
    while (taken < 100 && far.write(block)) taken++;
    expect(taken).toBeLessThan(20);
    stream.on("error", () => undefined).destroy();
  });

  test("the memory of a write is its caller's again once the write has called back", async () => {
    const { stream, far } = await pair({ latency: 1 });
    const memory = Buffer.from("unchanged");
    await new Promise((resolve) => stream.write(memory, resolve));
    memory.fill("x");
    expect(String(await arrived(far, 9))).toBe("unchanged");
  });

  test("destroying it destroys the stream beneath, behind what is on its way there", async () => {
    const { stream, far } = await pair();
    stream.write("sent before");
    await turn();
    stream.destroy();
    expect(String(Buffer.concat(await chunksOf(far)))).toBe("sent before");
  });
});

describe("chop", () => {
  test("cuts both directions into small pieces, in order and with nothing lost", async () => {
    const { read, written } = await passed({ chop: true });
    for (const chunks of [read, written]) {
      expect(Buffer.concat(chunks)).toEqual(BYTES);
      expect(chunks.length).toBeGreaterThan(5);
    }
    expect(sizesOf(read)).not.toEqual(sizesOf(written));
  });

  test("a number is the most bytes of a piece", async () => {
    const { read } = await passed({ chop: 30 });
    expect(Math.max(...sizesOf(read))).toBe(30);
    expect(Math.min(...sizesOf(read))).toBe(1);
    expect(sizesOf((await passed({ chop: 1 })).written)).toEqual(Array(BYTES.length).fill(1));
  });

  test("the same seed cuts in the same places, another seed in others", async () => {
    const runs = [await passed({ seed: 7, chop: true }), await passed({ seed: 7, chop: true })] as const;
    expect(sizesOf(runs[0].read)).toEqual(sizesOf(runs[1].read));
    expect(sizesOf(runs[0].written)).toEqual(sizesOf(runs[1].written));
    expect(sizesOf((await passed({ seed: 8, chop: true })).read)).not.toEqual(sizesOf(runs[0].read));
    expect(sizesOf((await passed({ chop: true })).read)).toEqual(
      sizesOf((await passed({ seed: 1, chop: true })).read),
    );
  });
});

describe("merge", () => {
  const write = async (faults: Faults): Promise<number[]> => {
    const { stream, far } = await pair(faults);
    const received = chunksOf(far);
    for (let at = 0; at < 200; at++) {
      stream.write(BYTES.subarray(at, at + 1));
      if (at % 20 === 0) await turn();
    }
    stream.end();
    const chunks = await received;
    expect(Buffer.concat(chunks)).toEqual(BYTES.subarray(0, 200));
    return sizesOf(chunks);
  };

  test("joins pieces that follow each other, at random", async () => {
    expect((await write({})).length).toBe(200);
    const merged = await write({ merge: true });
    expect(merged.length).toBeLessThan(150);
    expect(new Set(merged).size).toBeGreaterThan(2);
  });

  test("a number is the most bytes of what is joined", async () => {
    expect(Math.max(...(await write({ merge: 3 })))).toBe(3);
  });

  test("with chop it moves the borders", async () => {
    const { written } = await passed({ merge: true, chop: 100 });
    expect(Buffer.concat(written)).toEqual(BYTES);
  });
});

describe("latency", () => {
  test("delays bytes and ends in both directions by as many ms, side by side and in order", async () => {
    await onManualClock(async (clock) => {
      const { stream, far } = await pair({ latency: 50 });
      const seen: string[] = [];
      far.on("data", (chunk: Buffer) => void seen.push(String(chunk))).on("end", () => void seen.push("end"));
      stream.on("data", (chunk: Buffer) => void seen.push(`read ${String(chunk)}`));
      stream.write("one ");
      await clock.advance(30);
      stream.end("two");
      far.write("back");
      await clock.advance(19);
      expect(seen).toEqual([]);
      await clock.advance(1);
      expect(seen).toEqual(["one "]);
      await clock.advance(30);
      expect(seen.toSorted()).toEqual(["end", "one ", "read back", "two"]);
      stream.destroy();
      await clock.advance(100);
      expect(clock.pending).toBe(0);
    });
  });

  test("of a range differs from piece to piece, and nothing overtakes", async () => {
    await onManualClock(async (clock) => {
      const { stream, far } = await pair({ latency: [10, 100] });
      const seen: [number, string][] = [];
      far.on("data", (chunk: Buffer) => void seen.push([clock.now(), String(chunk)]));
      const start = clock.now();
      for (const word of ["a", "b", "c", "d", "e", "f"]) {
        stream.write(word);
        await clock.advance(40);
      }
      await clock.advance(200);
      expect(seen.map(([, word]) => word).join("")).toBe("abcdef");
      const times = seen.map(([at], index) => at - start - index * 40);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(10);
      expect(new Set(times).size).toBeGreaterThan(2);
      stream.destroy();
    });
  });
});

describe("stallAfter", () => {
  test("passes as many bytes in each direction, and then nothing: no end either", async () => {
    const { stream, far } = await pair({ stallAfter: 10 });
    stream.end(BYTES);
    far.end(BYTES);
    expect(await arrived(far, 10)).toEqual(BYTES.subarray(0, 10));
    expect(await arrived(stream, 10)).toEqual(BYTES.subarray(0, 10));
    for (let turns = 0; turns < 5; turns++) await turn();
    expect([stream.readableEnded, far.readableEnded, stream.destroyed]).toEqual([false, false, false]);
    stream.destroy();
    await once(far, "close");
  });

  test("of one direction leaves the other alone", async () => {
    const { stream, far } = await pair({ stallAfter: { read: 0 } });
    stream.end(BYTES);
    far.write(BYTES);
    expect(Buffer.concat(await chunksOf(far))).toEqual(BYTES);
    expect(stream.readableLength).toBe(0);
    stream.destroy();
  });

  test("is what a read timeout of a connection ends", async () => {
    const { stream, far } = await pair({ stallAfter: { read: 4 } });
    const connection = Connection.from(stream);
    far.write("four and more");
    expect(String(await connection.readExactly(4))).toBe("four");
    expect(await isPending(connection.read())).toBe(true);
    connection.reset();
    await connection.closed;
    await once(far.resume(), "end");
  });
});

describe("resetAfter", () => {
  test("as many bytes are read, then the stream fails with ECONNRESET", async () => {
    const { stream, far } = await pair({ resetAfter: { read: 1_000 } });
    const failing = expect(finished(stream)).rejects.toMatchObject({ code: "ECONNRESET", syscall: "read" });
    far.write(BYTES);
    await once(far.resume(), "end");
    expect(stream.destroyed).toBe(false);
    expect(await arrived(stream, 1_000)).toEqual(BYTES.subarray(0, 1_000));
    await failing;
  });

  test("as many bytes are written, and the peer of a socket is reset behind them", async () => {
    const [near, far] = await socketPair();
    const connection = Connection.from(faulty(near, { resetAfter: { write: 1_000 } }));
    const peer = Connection.from(far);
    const written = connection.write(BYTES);
    expect(await peer.readExactly(1_000)).toEqual(BYTES.subarray(0, 1_000));
    expect(await netError(peer.read())).toMatchObject({ code: "ECONNRESET" });
    await Promise.allSettled([written]);
    expect(await netError(connection.write("more"))).toMatchObject({ code: "ECONNRESET" });
    expect(await netError(connection.closed)).toMatchObject({ code: "ECONNRESET" });
  });

  test("of 0 resets at once, with nothing sent or received", async () => {
    const { stream, far } = await pair({ resetAfter: 0 });
    stream.write("never sent");
    await expect(finished(stream)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await chunksOf(far)).toEqual([]);
  });

  test("a writer that waits for room fails, also if nothing is read", async () => {
    const { stream, far } = await pair({ resetAfter: { read: 3 }, stallAfter: { write: 0 } });
    const failed = new Promise((resolve) =>
      stream.on("error", () => undefined).write(Buffer.alloc(100_000), resolve),
    );
    far.write("abc");
    expect(await failed).toMatchObject({ code: "ECONNRESET" });
  });
});

describe("corruptAfter", () => {
  test("changes one bit of the byte behind so many, in each direction", async () => {
    const { read, written } = await passed({ corruptAfter: 1_234, chop: true });
    for (const chunks of [read, written]) {
      const bytes = Buffer.concat(chunks);
      const differing = [...bytes.keys()].filter((at) => bytes[at] !== BYTES[at]);
      expect(differing).toEqual([1_234]);
      const bits = ((bytes[1_234] ?? 0) ^ (BYTES[1_234] ?? 0)).toString(2);
      expect(bits).toMatch(/^10*$/);
    }
  });

  test("leaves the memory of the writer as it was", async () => {
    const { stream, far } = await pair({ corruptAfter: { write: 0 } });
    const memory = Buffer.from("x");
    stream.write(memory);
    expect(String(await arrived(far, 1))).not.toBe("x");
    expect(String(memory)).toBe("x");
  });
});

describe("what is wrong", () => {
  const stream = new PassThrough();

  test.each([
    [{ latency: -1 }, RangeError, '"latency" must be 0 or more milliseconds'],
    [{ latency: [5, 1] }, RangeError, '"latency" must be [min, max]'],
    [{ latency: [5] }, TypeError, '"latency" must be a number of milliseconds, or [min, max]'],
    [{ latency: Infinity }, RangeError, "stallAfter: 0"],
    [{ latency: "5" }, TypeError, '"latency" must be a number of milliseconds'],
    [{ chop: 0 }, RangeError, '"chop" must be a whole number of bytes, 1 or more'],
    [{ merge: "yes" }, TypeError, '"merge" must be a boolean or a number of bytes'],
    [{ stallAfter: -1 }, RangeError, '"stallAfter" must be a whole number'],
    [{ stallAfter: true }, TypeError, '"stallAfter" must be a number of bytes, or { read, write }'],
    [{ resetAfter: { reads: 1 } }, TypeError, '"reads" is no direction: did you mean "read"?'],
    [{ resetAfter: { read: -1 } }, RangeError, '"read" must be a whole number'],
    [{ seed: 1.5 }, RangeError, '"seed" must be a whole number'],
    [{ delays: 5 }, TypeError, '"delays" is no fault; there is seed, latency'],
    [{ delay: 5 }, TypeError, '"delay" is no fault: what delays bytes is latency'],
    [{ loss: 0.1 }, TypeError, '"loss" is no fault: TCP sends again what is lost'],
    [5, TypeError, '"faults" must be an object of faults'],
  ])("%p is refused", (faults, type, message) => {
    const call = () => faulty(stream, faults as Faults);
    expect(call).toThrow(type);
    expect(call).toThrow(message);
    expect(stream.listenerCount("data")).toBe(0);
  });

  test("a connection is refused, and the error names its duplex", () => {
    const [connection] = memoryPair();
    expect(() => faulty(connection as unknown as Duplex)).toThrow(
      '"stream" must be a stream.Duplex, such as the connection\'s duplex; received an object (Connection)',
    );
    connection.reset();
  });

  test("what is no stream of bytes is refused", () => {
    expect(() => faulty({} as unknown as Duplex)).toThrow('"stream" must be a stream.Duplex');
    expect(() => faulty(new Duplex({ objectMode: true }))).toThrow('"stream" must be one of bytes');
  });
});

test("a stream that has ended, failed or closed before is so", async () => {
  const [ended, far] = await duplexesInMemory();
  far.end();
  ended.resume();
  await once(ended, "end");
  const stream = faulty(ended).resume();
  await once(stream, "end");
  const broken = new PassThrough();
  broken.on("error", () => undefined).destroy(new Error("broken"));
  await turn();
  await expect(finished(faulty(broken))).rejects.toThrow("broken");
});
