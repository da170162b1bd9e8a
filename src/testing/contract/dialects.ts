import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection } from "../../index.js";
import { contractCase, onPair, type ContractCase } from "./contract-case.js";
import { sameBytes, text, turn, until } from "./expectations.js";
import { random } from "../random.js";
import { pattern, pieces } from "./payloads.js";
import type { PairMaker } from "./run-case.js";

/** Reads once and waits for nothing afterwards: what it got, or `null` at the end. */
type Step = () => Promise<Uint8Array | null>;

/** A way to read. Each step gives the reading up, so that another may go on. */
interface Dialect {
  readonly name: string;
  readonly begin: (connection: Connection) => Step;
}

/** Waits for one event of a duplex that is read by `listen`, and stops reading. */
function event(
  { duplex }: Connection,
  name: "data" | "readable",
  take: (chunk: Buffer) => Buffer | null,
): Promise<Buffer | null> {
  if (duplex.readableEnded) return Promise.resolve(null);
  return new Promise((resolve, reject) => {
    const settle = (chunk: Buffer | null): void => {
      duplex.off(name, listener).off("end", onEnd).off("error", reject);
      duplex.pause();
      // The Duplex notices in a later turn that it has no listener.
      setImmediate(() => resolve(chunk));
    };
    const listener = (data: Buffer): void => {
      const chunk = take(data);
      if (chunk !== null) settle(chunk);
    };
    const onEnd = (): void => settle(null);
    duplex.on("end", onEnd).on("error", reject).on(name, listener);
    if (name === "data") duplex.resume();
  });
}

/** A view's size that fits no packet. */
const VIEW = 1_021;

const dialects: readonly Dialect[] = [
  { name: "read", begin: (connection) => () => connection.read() },
  {
    name: "readInto",
    begin: (connection) => async () => {
      const target = new Uint8Array(VIEW);
      const size = await connection.readInto(target);
      return size === null ? null : target.subarray(0, size);
    },
  },
  {
    name: "readLine",
    begin: (connection) => async () => {
      const line = await connection.readLine({ encoding: "latin1" });
      return line === null ? null : Buffer.from(`${line}\n`, "latin1");
    },
  },
  {
    name: "lines",
    begin: (connection) => {
      const lines = connection.lines({ encoding: "latin1" });
      return async () => {
        const { done, value } = (await lines.next()) as IteratorResult<string, undefined>;
        return done === true ? null : Buffer.from(`${value}\n`, "latin1");
      };
    },
  },
  ...[false, true].map((recycle) => ({
    name: recycle ? "recycled chunks" : "chunks",
    begin: (connection: Connection): Step => {
      const chunks = connection.chunks({ recycle });
      return async () => {
        const { done, value } = (await chunks.next()) as IteratorResult<Buffer, undefined>;
        return done === true ? null : Buffer.from(value);
      };
    },
  })),
  { name: "duplex data", begin: (connection) => () => event(connection, "data", (chunk) => chunk) },
  {
    name: "duplex readable",
    begin: (connection) => () =>
      event(connection, "readable", () => connection.duplex.read() as Buffer | null),
  },
  {
    name: "duplex iteration",
    begin: (connection) => async () => {
      const loop = connection.duplex.iterator({ destroyOnReturn: false });
      const { done, value } = (await loop.next()) as IteratorResult<Buffer, undefined>;
      await loop.return?.();
      await turn();
      return done === true ? null : value;
    },
  },
  {
    name: "readable",
    begin: (connection) => async () => {
      const reader = connection.readable.getReader();
      const { done, value } = await reader.read();
      reader.releaseLock();
      return done ? null : value;
    },
  },
  {
    name: "readable that fills a buffer",
    begin: (connection) => async () => {
      const reader = connection.readable.getReader({ mode: "byob" });
      const { done, value } = await reader.read(new Uint8Array(VIEW));
      reader.releaseLock();
      return done ? null : value;
    },
  },
];

/** Lines of all lengths, in which every byte tells where it belongs. */
function linesOf(size: number): Buffer {
  const bytes = pattern(size).map((byte) => (byte === 0x0a || byte === 0x0d ? byte + 1 : byte));
  const numbers = random(size);
  for (let at = numbers(200); at < size; at += 1 + numbers(200)) bytes[at] = 0x0a;
  bytes[size - 1] = 0x0a;
  return Buffer.from(bytes);
}

/** Sends all of it, then the end: at once, or in small pieces that the reader has to wait for. */
async function send(to: Connection, bytes: Buffer, inPieces: boolean): Promise<void> {
  if (inPieces) {
    for (const piece of pieces(bytes, 600)) {
      await to.write(piece);
      await turn();
    }
  } else await to.write(bytes);
  await to.closeWrite();
}

/** Reads to the end, one step after the other. */
async function readInTurns(next: () => Step): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for (;;) {
    const bytes = await next()();
    if (bytes === null) return Buffer.concat(got);
    assert.ok(bytes.length > 0);
    got.push(bytes);
  }
}

/** Two ways to read take over from each other, again and again, in the middle of a stream. */
async function inTurns(
  makePair: PairMaker,
  [one, other]: [Dialect, Dialect],
  inPieces: boolean,
): Promise<void> {
  const { a, b, dispose } = await makePair();
  try {
    const sent = linesOf(9_000);
    const sending = send(b, sent, inPieces);
    if (!inPieces) await until(() => a.readableLength > 0);
    const steps = [one.begin(a), other.begin(a)] as const;
    let turns = 0;
    sameBytes(await readInTurns(() => steps[turns++ % 2 === 0 ? 0 : 1]), sent);
    await sending;
    // A dialect that has not seen the end yet sees it now.
    for (const dialect of [one, other]) assert.equal(await dialect.begin(a)(), null);
    await a.write("open");
    assert.equal(text(await b.read()), "open");
  } finally {
    await dispose();
  }
}

/** One connection, read in every way. */
export const dialectsInTurns: readonly ContractCase[] = [
  ...dialects.map((first) =>
    contractCase(`${first.name} and every other way to read take over from each other`, async (makePair) => {
      for (const second of dialects) {
        for (const inPieces of [false, true]) {
          await inTurns(makePair, [first, second], inPieces).catch((error: unknown) => {
            const how = inPieces ? "in pieces" : "at once";
            throw new Error(`${first.name}, then ${second.name}, sent ${how}`, { cause: error });
          });
        }
      }
    }),
  ),

  ...[1, 2, 3].map((seed) =>
    onPair(`megabytes are read in all ways, in random order: ${String(seed)}`, async ({ a, b }) => {
      const sent = linesOf(3_000_000);
      const sending = send(b, sent, false);
      const steps = dialects.map((dialect) => dialect.begin(a));
      const numbers = random(seed);
      let at = 0;
      for (let left = 0, step = steps[0]; ; left--) {
        if (left <= 0) {
          step = steps[numbers(steps.length)];
          left = numbers(4);
        }
        const bytes = (await step?.()) ?? null;
        if (bytes === null) break;
        sameBytes(bytes, sent.subarray(at, at + bytes.length));
        at += bytes.length;
      }
      assert.equal(at, sent.length);
      await sending;
    }),
  ),
];
