/** What `send` answers, over all transports: a callback is called exactly when that was `"pending"`, and once. */
import { once } from "node:events";
import { Duplex } from "node:stream";
import { isNativeError } from "node:util/types";
import { Connection } from "../../../src/index.js";
import type { Payload } from "../../../src/core/bytes/payload.js";
import { adopt } from "../../../src/core/transport/adopt.js";
import { switchOff } from "../../../src/core/transport/node-internals.js";
import { causeOfFailure, type Outcome } from "../../../src/core/transport/outcome.js";
import type { Transport } from "../../../src/core/transport/transport.js";
import { duplexesInMemory, socketPair, tlsPair } from "../../support/adopted-pairs.js";
import { netError, turn, until } from "../../support/outcomes.js";

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;

const open: Duplex[] = [];

afterEach(() => {
  switchOff();
  for (const stream of open.splice(0)) stream.destroy();
});

function transportOver(stream: Duplex): Transport {
  open.push(stream);
  const transport = adopt(stream);
  const ignore = () => undefined;
  transport.attach(
    { arrive: () => true, readsAhead: true, copies: true, ring: null },
    {
      peerEnded: ignore,
      failed: ignore,
      outputEnded: ignore,
      streamClosed: ignore,
      refer: ignore,
      handOverToStream: () => ({ unread: [], ended: false }),
    },
  );
  return transport;
}

interface Sent {
  readonly outcome: Outcome;
  /** Why, where that is `"failed"`. */
  readonly cause: unknown;
  /** What the callback was called with, each time. */
  readonly calls: unknown[];
}

function send(transport: Transport, payload: Payload): Sent {
  const calls: unknown[] = [];
  const outcome = transport.send(payload, (error) => calls.push(error ?? null));
  return { outcome, cause: outcome === "failed" ? causeOfFailure() : undefined, calls };
}

/** Reads a stream until this many bytes have arrived. */
async function received(stream: Duplex, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  await until(() => length >= size);
  return Buffer.concat(chunks);
}

function bytesOf(payload: Payload): Buffer {
  return Buffer.concat([payload].flat().map((part) => Buffer.from(part as string)));
}

const kinds = [
  { kind: "a socket", make: socketPair, off: [] },
  { kind: "a socket that is written to by its own method", make: socketPair, off: ["writesDirectly"] },
  { kind: "a socket that does not tell what is unsent", make: socketPair, off: ["tellsUnsentBytes"] },
  { kind: "a TLS socket", make: tlsPair, off: [] },
  { kind: "a stream", make: duplexesInMemory, off: [] },
] as const;

describe.each(kinds)("$kind", ({ make, off }) => {
  let transport: Transport;
  let peer: Duplex;

  beforeEach(async () => {
    switchOff(...off);
    const [stream, other] = await make();
    transport = transportOver(stream);
    peer = other.on("error", () => undefined);
    open.push(peer);
  });

  test.each<[string, Payload]>([
    ["text", "text, ä"],
    ["bytes", Buffer.from("bytes")],
    ["a list", ["te", Buffer.from("xt"), "ä"]],
    ["many pieces", [Buffer.alloc(3 * PIECE, "1"), "2".repeat(PIECE), "3"]],
    ["more than the kernel takes at once", Buffer.alloc(16 * MIB, "tcp6")],
  ])("%s: the callback is called if it is pending, once", async (_, payload) => {
    const { outcome, calls } = send(transport, payload);
    expect(calls).toEqual([]);
    const bytes = bytesOf(payload);
    expect((await received(peer, bytes.length)).equals(bytes)).toBe(true);
    if (outcome === "pending") await until(() => calls.length > 0);
    await turn();
    expect(outcome).not.toBe("failed");
    expect(calls).toEqual(outcome === "pending" ? [null] : []);
    expect(transport.bytesTaken).toBe(bytes.length);
  });

  test("after the end it fails, at once or later", async () => {
    const { stream } = transport;
    const finished = once(stream as Duplex, "finish");
    peer.resume();
    stream?.end();
    await finished;
    const { outcome, cause, calls } = send(transport, "late");
    expect(outcome).not.toBe("taken");
    if (outcome === "pending") await until(() => calls.length > 0);
    await turn();
    expect(calls).toHaveLength(outcome === "pending" ? 1 : 0);
    expect(isNativeError(calls[0] ?? cause)).toBe(true);
    expect(causeOfFailure()).toBeUndefined();
  });

  test("after it is destroyed it is pending for ever", async () => {
    transport.destroy();
    transport.reset();
    const { outcome, calls } = send(transport, "late");
    await turn();
    expect(outcome).toBe("pending");
    expect(calls).toEqual([]);
  });

  test("its end is answered for in the same way", async () => {
    const calls: unknown[] = [];
    const ended = once(peer.resume(), "end");
    const outcome = transport.end((error) => calls.push(error ?? null));
    expect(calls).toEqual([]);
    await ended;
    if (outcome === "pending") await until(() => calls.length > 0);
    await turn();
    expect(calls).toEqual(outcome === "pending" ? [null] : []);
  });
});

test("a socket fails at once with the error of the kernel", async () => {
  const [socket] = await socketPair();
  const transport = transportOver(socket);
  const finished = once(socket, "finish");
  socket.end();
  await finished;
  const { outcome, cause } = send(transport, "late");
  expect(outcome).toBe("failed");
  expect(cause).toMatchObject({ code: "EPIPE", syscall: "write" });
});

type Done = (error?: Error | null) => void;

/** A stream with a `write` of its own, as the streams of many packages have. */
function streamOf(write: (done: Done, count: number) => void, buffered = 0): Duplex {
  const stream = new Duplex({ read: () => undefined });
  let count = 0;
  stream.write = ((_chunk: Buffer, done: Done) => {
    write(done, ++count);
    return true;
  }) as Duplex["write"];
  Object.defineProperty(stream, "writableLength", { get: () => buffered });
  return stream;
}

const failure = new Error("no more");

/** When a stream calls back, and with what. */
type Step = readonly ["now" | "later", Error?];

describe("a stream that", () => {
  test.each<[string, Step[], Outcome, unknown[]]>([
    ["calls back at once", [["now"]], "taken", []],
    ["calls back later", [["later"]], "pending", [null]],
    ["calls back at once, and later again", [["now"], ["later", failure]], "taken", []],
    ["calls back twice at once", [["now"], ["now", failure]], "taken", []],
    ["calls back twice later", [["later"], ["later", failure]], "pending", [null]],
    ["never calls back", [], "pending", []],
    ["fails at once", [["now", failure]], "failed", []],
    ["fails at once, and calls back later", [["now", failure], ["later"]], "failed", []],
    ["fails later", [["later", failure]], "pending", [failure]],
    ["fails later, twice", [["later", failure], ["later"]], "pending", [failure]],
  ])("%s", async (_, steps, outcome, calls) => {
    const stream = streamOf((done) => {
      for (const [when, error] of steps) {
        if (when === "now") done(error);
        else setImmediate(done, error);
      }
    }, 1);
    const sent = send(transportOver(stream), "data");
    expect(sent.calls).toEqual([]);
    for (let n = 0; n < 3; n++) await turn();
    expect(sent).toEqual({ outcome, calls, cause: outcome === "failed" ? failure : undefined });
  });

  test("does not call back, and has nothing left, has taken all", () => {
    expect(send(transportOver(streamOf(() => undefined)), Buffer.alloc(3 * PIECE)).outcome).toBe("taken");
  });

  test("throws is destroyed with that, and calls back no more", async () => {
    const stream = streamOf(() => {
      throw failure;
    });
    const sent = send(transportOver(stream), "data");
    await until(() => stream.closed);
    expect(sent).toEqual({ outcome: "pending", calls: [], cause: undefined });
    expect(stream.errored).toBe(failure);
  });

  test("calls back twice for one piece has not taken the next", async () => {
    const later: Done[] = [];
    const stream = streamOf((done, count) => (count === 1 ? setImmediate(done) : later.push(done)), 1);
    let first: Done | undefined;
    const transport = transportOver(stream);
    const write = stream.write.bind(stream);
    stream.write = ((chunk: Buffer, done: Done) => {
      first ??= done;
      return write(chunk, done);
    }) as Duplex["write"];
    const { outcome, calls } = send(transport, Buffer.alloc(2 * PIECE));
    await until(() => later.length === 1);
    first?.();
    await turn();
    expect([outcome, calls, transport.unsent]).toEqual(["pending", [], PIECE]);
    later[0]?.();
    expect(calls).toEqual([null]);
  });

  test.each<[string, (done: Done) => void]>([
    [
      "at once",
      (done) => {
        done();
      },
    ],
    ["later", (done) => setImmediate(done)],
  ])("takes one piece %s and then fails: some of it was written", async (_, take) => {
    const write = (done: Done, count: number) => (count === 1 ? take(done) : done(failure));
    const { outcome, calls } = send(transportOver(streamOf(write, 1)), Buffer.alloc(3 * PIECE));
    expect([outcome, calls]).toEqual(["pending", []]);
    await until(() => calls.length > 0);
    await turn();
    expect(calls).toEqual([failure]);

    const connection = Connection.from(streamOf(write, 1));
    const error = await netError(connection.write(Buffer.alloc(3 * PIECE)));
    expect(error).toMatchObject({ written: "partly", cause: failure });
    expect(connection.bytesWritten).toBe(PIECE);
    connection.reset();
    await connection.closed.catch(() => undefined);
  });
});

test("a socket whose wrapped method calls back twice settles no write of another", async () => {
  switchOff("writesDirectly");
  const callbacks: (() => void)[] = [];
  const [twice, slow] = (await Promise.all([socketPair(), socketPair()])).map(([socket, peer], index) => {
    open.push(peer);
    socket._write = (_chunk, _encoding, done) => {
      callbacks.push(done);
      if (index === 0) done();
    };
    return transportOver(socket);
  }) as [Transport, Transport];
  expect(send(twice, "first").outcome).toBe("taken");
  const { outcome, calls } = send(slow, "second");
  expect(outcome).toBe("pending");
  callbacks[0]?.();
  expect(calls).toEqual([]);
  callbacks[1]?.();
  expect(calls).toEqual([null]);
});
