import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { getEventListeners } from "node:events";
import { Readable, Writable, type PipelineSource } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ReadableStream } from "node:stream/web";
import { framed, lengthPrefixed, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { endingWith } from "./own-codec.js";
import { pattern } from "./payloads.js";

interface Options {
  readonly signal?: AbortSignal;
  readonly timeout?: number;
}

type Loop = AsyncIterableIterator<unknown, undefined>;
type MakeLoop = (connection: Connection, options?: Options) => Loop;

/** Every kind of loop over what a connection receives, and bytes that satisfy none of them. */
const LOOPS: readonly (readonly [name: string, make: MakeLoop, partial: string])[] = [
  ["chunks", (connection, options) => connection.chunks(options), ""],
  ["recycled chunks", (connection, options) => connection.chunks({ ...options, recycle: true }), ""],
  ["lines", (connection, options) => connection.lines(options), "half a li"],
  ["split", (connection, options) => connection.split("\n", options), "half a rec"],
  ["lines in batches", (connection, options) => connection.lines({ ...options, batch: true }), "half a li"],
  [
    "split in batches",
    (connection, options) => connection.split("\n", { ...options, batch: true }),
    "half a rec",
  ],
  ["frames", (connection) => lengthPrefixed(connection)[Symbol.asyncIterator]() as Loop, "\0\0\0\u0009half"],
  [
    "messages",
    (connection) => framed(connection, endingWith("\n"))[Symbol.asyncIterator]() as Loop,
    "half a mess",
  ],
  [
    "frames in batches",
    (connection) => lengthPrefixed(connection, { batch: true })[Symbol.asyncIterator]() as Loop,
    "\0\0\0\u0009half",
  ],
  [
    "messages in batches",
    (connection) => framed(connection, endingWith("\n"), { batch: true })[Symbol.asyncIterator]() as Loop,
    "half a mess",
  ],
];

const OVER = { value: undefined, done: true };

/** What leaves a loop while its pull waits. */
const WAYS_TO_LEAVE: readonly (readonly [name: string, leave: (loop: Loop) => Promise<void>])[] = [
  ["return()", async (loop) => assert.deepEqual(await loop.return?.(), OVER)],
  [
    "return() twice",
    async (loop) => assert.deepEqual(await Promise.all([loop.return?.(), loop.return?.()]), [OVER, OVER]),
  ],
  [
    "throw()",
    async (loop) => {
      const error = new Error("thrown in");
      assert.equal(await rejection(loop.throw?.(error) ?? Promise.resolve()), error);
    },
  ],
];

function abortable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

type MakeSource = (connection: Connection, signal: AbortSignal) => PipelineSource<unknown>;

const PIPELINE_SOURCES: readonly (readonly [name: string, make: MakeSource])[] = [
  ["chunks with the same signal", (connection, signal) => connection.chunks({ signal })],
  [
    "lines with the signal that the pipeline gives",
    (connection) =>
      ((inner: { signal: AbortSignal }) => connection.lines(inner)) as unknown as PipelineSource<unknown>,
  ],
  ["Readable.from", (connection) => Readable.from(connection)],
];

/** Asserts that nothing waits on a connection, and that what comes next is the next reader's. */
async function isFree(a: Connection, b: Connection, unread = ""): Promise<void> {
  await b.write("first\nsecond\n");
  assert.equal(await a.readLine(), `${unread}first`);
  assert.equal(await a.readLine(), "second");
}

/** Loops that are left while they wait. */
export const leftLoops: readonly ContractCase[] = [
  ...LOOPS.flatMap(([name, makeLoop, partial]) =>
    WAYS_TO_LEAVE.map(([how, leave]) =>
      onPair(`${name}: ${how} while a pull waits ends that pull and consumes nothing`, async ({ a, b }) => {
        const loop = makeLoop(a);
        if (partial !== "") await b.write(partial);
        const pull = loop.next();
        await until(() => a.readableLength === partial.length);
        await stillPending(pull);
        await leave(loop);
        assert.deepEqual(await pull, OVER);
        assert.deepEqual(await loop.next(), OVER);
        await isFree(a, b, partial);
      }),
    ),
  ),

  ...LOOPS.map(([name, makeLoop]) =>
    onPair(
      `${name}: of several pulls in a row the first waits, and is ended when the loop is left`,
      async (pair) => {
        const { a, b } = pair;
        const loop = makeLoop(a);
        const pulls = [loop.next(), loop.next(), loop.next()] as const;
        await Promise.all(pulls.slice(1).map((pull) => fails(pull, "ERR_BUSY")));
        assert.deepEqual(await loop.return?.(), OVER);
        assert.deepEqual(await pulls[0], OVER);
        await isFree(a, b);
      },
    ),
  ),

  ...LOOPS.map(([name, makeLoop]) =>
    onPair(`${name}: leaving one loop leaves the pull of another alone`, async ({ a, b }) => {
      const waiting = makeLoop(a);
      const pull = waiting.next();
      await makeLoop(a).return?.();
      for (const [, makeOther] of LOOPS) await makeOther(a).return?.();
      await stillPending(pull);
      await b.write("\0\0\0\u0001\n");
      assert.equal((await pull).done, false);
    }),
  ),

  ...LOOPS.slice(0, 6).map(([name, makeLoop]) =>
    onPair(
      `${name}: a loop that is left takes its listener off the signal, and never times out`,
      async ({ a, b }) => {
        const { signal } = new AbortController();
        const loop = makeLoop(a, { signal, timeout: 5 });
        const pull = loop.next();
        assert.equal(getEventListeners(signal, "abort").length, 1);
        await loop.return?.();
        assert.equal(getEventListeners(signal, "abort").length, 0);
        assert.deepEqual(await pull, OVER);
        // This wait began after the other one's time was up: no timer may end it.
        const next = a.read({ timeout: 60_000 });
        await rejection(b.read({ timeout: 20 }));
        await stillPending(next);
        await b.write("here");
        assert.equal(text(await next), "here");
      },
    ),
  ),

  onPair("Readable.from(connection).destroy() gives the connection back", async ({ a, b }) => {
    const readable = Readable.from(a);
    readable.resume();
    await turn();
    readable.destroy();
    await until(() => readable.closed);
    await isFree(a, b);
    const failed = Readable.from(a.lines());
    const error = new Error("no more");
    failed.on("error", () => undefined).resume();
    await turn();
    failed.destroy(error);
    await until(() => failed.closed);
    assert.equal(failed.errored, error);
    await isFree(a, b);
  }),

  onPair("ReadableStream.from(connection).cancel() gives the connection back", async ({ a, b }) => {
    // Node's own types lack it.
    type From = { from(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> };
    const reader = (ReadableStream as unknown as From).from(a).getReader();
    const read = reader.read();
    await turn();
    await reader.cancel();
    assert.equal((await read).done, true);
    await isFree(a, b);
  }),

  onPair("a generator that delegates to a loop ends as its consumer ends it", async ({ a, b }) => {
    const delegate = async function* (): AsyncGenerator<string, void> {
      yield* a.lines();
    };
    await b.write("one\n");
    const generator = delegate();
    assert.deepEqual(await generator.next(), { value: "one", done: false });
    const error = new Error("thrown in");
    assert.equal(await rejection(generator.throw(error)), error);
    await isFree(a, b);
  }),

  // An aborted `pipeline` leaves a loop that waits as it is, so the loop is given the signal as well.
  ...PIPELINE_SOURCES.map(([how, makeSource]) =>
    onPair(`an aborted pipeline over ${how} gives the connection back`, async ({ a, b }) => {
      const { signal, abort } = abortable();
      const sink = new Writable({ write: (_chunk, _encoding, done) => done() });
      const flow = pipeline(makeSource(a, signal), sink, { signal });
      await turn();
      abort();
      assert.equal(((await rejection(flow)) as Error).name, "AbortError");
      assert.equal(getEventListeners(signal, "abort").length, 0);
      await isFree(a, b);
    }),
  ),

  ...["break", "a read"].map((how) =>
    onPair(`a recycled chunk stays as it is after ${how}, while more arrives`, async ({ a, b }) => {
      const sent = pattern(8 * 1024 * 1024);
      void b.write(sent);
      let seen = 0;
      let held: Uint8Array = sent;
      let before: Uint8Array = sent;
      for await (const chunk of a.chunks({ recycle: true })) {
        held = chunk;
        before = Buffer.from(chunk);
        seen += chunk.length;
        if (seen > 4 * 1024 * 1024) {
          await until(() => a.readableLength > 0);
          if (how === "break") break;
          const more = await a.read();
          sameBytes(more, sent.subarray(seen, (seen += more?.length ?? 0)));
          break;
        }
      }
      for (let turns = 0; turns < 50; turns++) await turn();
      sameBytes(held, before);
      const rest = await a.readExactly(sent.length - seen);
      sameBytes(rest, sent.subarray(seen));
      sameBytes(held, before);
    }),
  ),
];
