// What is kept of a stream holds about as much memory as it is long: `memory.ts <case>`.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { connect, lengthPrefixed, listen, type Connection } from "../../../src/index.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const KIB = 1024;
/** What arrives between two things that are kept: the memory of each is as large. */
const RUN = 64 * KIB;
const KEPT = 400;

const listener = await listen(0, { host: "127.0.0.1" });

async function opened(): Promise<[Connection, Connection]> {
  return Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
}

/** Bytes that are in use when the garbage is gone. */
async function used(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Asserts that what `keep` gives holds less than `most` bytes, after it has been done once to warm up. */
async function holds(most: number, keep: () => Promise<unknown>): Promise<void> {
  await keep();
  const before = await used();
  const kept = await keep();
  const grown = (await used()) - before;
  assert.ok(grown < most, `it holds ${String(grown)} bytes`);
  assert.ok(kept !== undefined);
}

/** Keeps what `read` gives at the beginning of each `run`, which is sent again and again and read to its end by `skip`. */
async function keepSome(
  run: Buffer,
  read: (connection: Connection) => Promise<unknown>,
  skip: (connection: Connection) => Promise<unknown>,
): Promise<unknown[]> {
  const [a, b] = await opened();
  const kept = [];
  for (let round = 0; round < KEPT; round++) {
    const writing = a.write(run);
    // So that it comes in as large pieces as it can.
    while (b.readableLength < Math.min(run.length, RUN / 2))
      await new Promise((resolve) => setImmediate(resolve));
    kept.push(await read(b));
    await skip(b);
    await writing;
  }
  a.reset();
  b.reset();
  return kept;
}

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "lines of a loop"() {
    const count = RUN / 32;
    const run = Buffer.from(`${"x".repeat(31)}\n`.repeat(count));
    await holds(2_000 * KIB, async () => {
      const [a, b] = await opened();
      const kept: unknown[] = [];
      const loop = b.lines();
      for (let round = 0; round < KEPT; round++) {
        void a.write(run);
        for (let line = 0; line < count; line++) {
          const next = (await loop.next()) as IteratorResult<string, undefined>;
          if (line === count / 2) kept.push(next.value);
        }
      }
      a.reset();
      b.reset();
      return kept;
    });
  },

  async "small results of reads"() {
    const rest = RUN - 100;
    const reads: readonly (readonly [string, (connection: Connection) => Promise<unknown>])[] = [
      ["1234", (connection) => connection.readExactly(4)],
      ["1234|", (connection) => connection.readUntil("|")],
      ["1234|", (connection) => connection.readUntilAny(["|", "-"])],
      ["1234|", (connection) => connection.split("|").next()],
      ["1234\n", (connection) => connection.readLine()],
      ["\0\u00041234", (connection) => lengthPrefixed(connection, { bytes: 2 }).receive()],
    ];
    for (const [text, read] of reads) {
      const run = Buffer.concat([Buffer.from(text), Buffer.alloc(rest)]);
      await holds(2_000 * KIB, () => keepSome(run, read, (connection) => connection.readExactly(rest)));
    }
  },

  async "idle loops over lines"() {
    // Less than is read at once: a socket that fills that has as much ready for its next read.
    const count = RUN / 32 - 50;
    const run = Buffer.from(`${"x".repeat(31)}\n`.repeat(count));
    await holds(40 * 24 * KIB, async () => {
      const kept = [];
      for (let n = 0; n < 40; n++) {
        const [a, b] = await opened();
        await a.write(run);
        while (b.readableLength < run.length) await new Promise((resolve) => setImmediate(resolve));
        const loop = b.lines();
        for (let line = 0; line < count; line++) await loop.next();
        kept.push(a, b, loop, loop.next());
      }
      return kept;
    });
  },
};

await cases[process.argv[2] ?? ""]?.();
await listener.close();
console.log("done");
process.exit();
