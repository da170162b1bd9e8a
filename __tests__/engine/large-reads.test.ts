import { connect, listen, type Connection } from "../../src/index.js";

const LARGE = 256 * 1024;
const TOTAL = 24 * 1024 * 1024;

const open: { close(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function pair(): Promise<[Connection, Connection]> {
  const listener = await listen(0, { host: "127.0.0.1" });
  const [a, b] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  open.push(listener, a, b);
  return [a, b];
}

/** Sends bytes that tell where they are in the stream, and of which stream. */
async function send(connection: Connection, stream: number): Promise<void> {
  const part = new Uint32Array(LARGE / 4);
  for (let at = 0; at < TOTAL; at += LARGE) {
    part.forEach((_, index) => (part[index] = (stream << 28) + at / 4 + index));
    await connection.write(part);
  }
  await connection.closeWrite();
}

/** The first position at which a stream is not what was sent, or -1. */
function firstFault(bytes: Uint8Array, stream: number): number {
  return new Uint32Array(bytes.buffer).findIndex((value, index) => value !== (stream << 28) + index);
}

async function readAllInto(connection: Connection, whole: Uint8Array): Promise<number> {
  let largest = 0;
  for (let at = 0; ;) {
    const size = await connection.readInto(whole.subarray(at, at + LARGE));
    if (size === null || size === 0) return largest;
    at += size;
    largest = Math.max(largest, size);
  }
}

test("a large target takes more at once than a small one from a peer that is ahead", async () => {
  const [a, b] = await pair();
  const whole = new Uint8Array(TOTAL);
  const [, largest] = await Promise.all([send(a, 1), readAllInto(b, whole)]);
  expect(firstFault(whole, 1)).toBe(-1);
  expect(largest).toBeGreaterThan(64 * 1024);
});

test("connections that read into large targets at the same time do not get each other's bytes", async () => {
  const pairs = await Promise.all([1, 2, 3, 4].map(pair));
  const wholes = pairs.map(() => new Uint8Array(TOTAL));
  await Promise.all([
    ...pairs.map(([a], stream) => send(a, stream)),
    ...pairs.map(([, b], stream) => readAllInto(b, wholes[stream] as Uint8Array)),
  ]);
  expect(wholes.map(firstFault)).toEqual([-1, -1, -1, -1]);
});

test("what is read in another way between large reads is the reader's own", async () => {
  const pairs = await Promise.all([1, 2, 3].map(pair));
  const readings = pairs.map(async ([, connection]) => {
    const target = new Uint8Array(LARGE);
    const chunks: Uint8Array[] = [];
    for (let turn = 0; ; turn++) {
      if (turn % 4 === 3) {
        const chunk = await connection.read();
        if (chunk === null) break;
        chunks.push(chunk);
      } else {
        const size = await connection.readInto(target);
        if (size === null) break;
        chunks.push(target.slice(0, size));
      }
    }
    return new Uint8Array(Buffer.concat(chunks));
  });
  await Promise.all(pairs.map(([a], stream) => send(a, stream)));
  const wholes = await Promise.all(readings);
  expect(wholes.map(({ length }) => length)).toEqual([TOTAL, TOTAL, TOTAL]);
  expect(wholes.map(firstFault)).toEqual([-1, -1, -1]);
});
