import { once } from "node:events";
import { connect, Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { writeDirectly } from "../../../src/core/transport/direct-write.js";
import { NodeCallback } from "../../../src/core/transport/node-callback.js";
import { causeOfFailure, type Taken } from "../../../src/core/transport/outcome.js";
import type { Payload } from "../../../src/core/bytes/payload.js";
import { socketPair } from "../../support/adopted-pairs.js";

const MANY = 16 * 1024 * 1024;

/** Node makes a request for every write up to 25, and needs no help from 26 on. */
const wanted = Number.parseInt(process.versions.node) < 26;

const open: Socket[] = [];

async function pair(): Promise<[Socket, Socket]> {
  const [a, b] = await socketPair();
  for (const socket of [a, b]) socket.on("error", () => undefined);
  open.push(a, b);
  return [a, b];
}

afterEach(() => {
  for (const socket of open.splice(0)) socket.destroy();
});

const ignore = (): void => undefined;

/** Writes with the socket's own method. */
function own(socket: Socket, payload: Payload, taken: Taken): void {
  const bytes = [payload].flat().map((part) => (typeof part === "string" ? Buffer.from(part) : part));
  socket._write(Buffer.concat(bytes), "buffer" as BufferEncoding, taken);
}

/** Writes as a transport does: whether it was taken at once, and what it came to. */
function write(socket: Socket, payload: Payload): { atOnce: boolean; taken: Promise<unknown> } {
  let settle!: (error: unknown) => void;
  const taken = new Promise((resolve) => (settle = resolve));
  const callback = new NodeCallback((error) => settle(error ?? null));
  let outcome = writeDirectly(socket, payload, callback.call);
  if (outcome === null) own(socket, payload, callback.call);
  const outcomeOfCallback = callback.outcome();
  outcome ??= outcomeOfCallback;
  if (outcome !== "pending") settle(outcome === "failed" ? causeOfFailure() : null);
  return { atOnce: outcome !== "pending", taken };
}

async function receive(socket: Socket, size: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  while (length < size) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      await once(socket, "readable");
      continue;
    }
    chunks.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(chunks);
}

test("a connected socket is written to directly where that saves anything", async () => {
  const [a, b] = await pair();
  const payloads = [
    "text, ä",
    Buffer.from("bytes"),
    [Buffer.from("1"), Buffer.from("2")],
    ["3", Buffer.from("4")],
  ];
  let called = 0;
  const taken = () => {
    called++;
  };
  for (const payload of payloads) expect(writeDirectly(a, payload, taken)).toBe(wanted ? "taken" : null);
  await nextTurn();
  expect(called).toBe(0);
  if (wanted) expect(String(await receive(b, 17))).toBe("text, äbytes1234");
});

test("a socket that still connects is left to its own method", () => {
  const socket = connect({ port: 9, host: "127.0.0.1" });
  open.push(socket);
  socket.on("error", () => undefined);
  expect(writeDirectly(socket, "x", ignore)).toBeNull();
});

test("a socket whose timeout writing must put off is left to its own method", async () => {
  const [a] = await pair();
  a.setTimeout(60_000);
  expect(writeDirectly(a, "x", ignore)).toBeNull();
  a.setTimeout(0);
  expect(writeDirectly(a, "x", ignore)).toBe(wanted ? "taken" : null);
});

test("a list is left to the socket where its handle knows no lists", async () => {
  const [a, b] = await pair();
  const handle = (a as unknown as { _handle: object })._handle;
  const without = new Proxy(handle, { has: (target, key) => key !== "writev" && Reflect.has(target, key) });
  Object.assign(a, { _handle: without });
  expect(writeDirectly(a, ["1", "2"], ignore)).toBeNull();
  Object.assign(a, { _handle: handle });
  expect(await write(a, ["3", "4"]).taken).toBeNull();
  expect(String(await receive(b, 2))).toBe("34");
});

test("a socket that is closed is left to its own method", async () => {
  const [a] = await pair();
  a.destroy();
  expect(writeDirectly(a, "x", ignore)).toBeNull();
});

test.each<[string, Payload]>([
  ["bytes", Buffer.alloc(MANY, "tcp6")],
  ["text", "tcp6".repeat(MANY / 4)],
  ["a list", [Buffer.alloc(MANY / 2, "tcp6"), "tcp6".repeat(MANY / 8)]],
])(
  "%s that the kernel does not take at once is pending, and the callback comes when it has",
  async (_, payload) => {
    const [a, b] = await pair();
    const written = write(a, payload);
    expect(written.atOnce).toBe(false);
    const received = await receive(b, MANY);
    expect(received.equals(Buffer.alloc(MANY, "tcp6"))).toBe(true);
    expect(await written.taken).toBeNull();
  },
);

test("pending writes do not hold up other sockets, and are called back", async () => {
  const stalled = await Promise.all(Array.from({ length: 5 }, pair));
  const slow = stalled.map(([a], index) => write(a, Buffer.alloc(MANY, index)));
  const [c, d] = await pair();
  for (let n = 0; n < 100; n++) expect(write(c, "quick").atOnce).toBe(true);
  expect(await receive(d, 500)).toEqual(Buffer.from("quick".repeat(100)));
  expect(slow.map(({ atOnce }) => atOnce)).toEqual([false, false, false, false, false]);
  for (const [index, [, b]] of stalled.entries()) {
    expect((await receive(b, MANY)).equals(Buffer.alloc(MANY, index))).toBe(true);
    expect(await slow[index]?.taken).toBeNull();
  }
});

test("a pending write of a destroyed socket is called back, and the next write of another socket works", async () => {
  const [a] = await pair();
  const written = write(a, Buffer.alloc(MANY));
  expect(written.atOnce).toBe(false);
  a.destroy();
  await written.taken;
  const [c, d] = await pair();
  expect(write(c, "still").atOnce).toBe(true);
  expect(await receive(d, 5)).toEqual(Buffer.from("still"));
});

test.each<[string, Payload]>([
  ["text", "x"],
  ["bytes", Buffer.from("x")],
])("%s that the kernel refuses fails as with the socket's own method", async (_, payload) => {
  const errors: unknown[] = [];
  for (const directly of [false, true]) {
    const [a, b] = await pair();
    const ended = once(a, "finish");
    a.end();
    await ended;
    if (directly) errors.push(await write(a, payload).taken);
    else errors.push(await new Promise((resolve) => own(a, payload, resolve)));
    b.destroy();
  }
  const [nodes, ours] = errors;
  expect(ours).toMatchObject({ code: "EPIPE", syscall: "write", message: "write EPIPE", errno: -32 });
  expect(Object.entries(ours as object)).toEqual(Object.entries(nodes as object));
});

test("after a failure, writes are as before", async () => {
  const [a, b] = await pair();
  const closed = new Promise((resolve) => a.once("close", resolve));
  b.resetAndDestroy();
  await closed;
  const [c, d] = await pair();
  const ended = once(c, "finish");
  c.end();
  await ended;
  expect(await write(c, "x").taken).toMatchObject({ code: "EPIPE" });
  expect(await write(d, "y").taken).toBeNull();
  await nextTurn();
  expect(String(await receive(c, 1))).toBe("y");
});
