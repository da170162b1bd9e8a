import assert from "node:assert/strict";
import { framed, lengthPrefixed, type Connection } from "../../index.js";
import { spend } from "../../core/timing/budget.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, text, timesOut, turn, until } from "./expectations.js";
import { endingWith } from "./own-codec.js";

/** Calls that are served at once, again and again. */
type Loop = (end: Connection) => AsyncIterator<unknown> | (() => Promise<unknown>);

/** What a loop does with bytes that are there. */
const readers: Readonly<Record<string, Loop>> = {
  read: (end) => () => end.readExactly(1),
  readInto: (end) => {
    const target = new Uint8Array(1);
    return () => end.readInto(target);
  },
  readUntil: (end) => () => end.readUntil("\n"),
  readUntilAny: (end) => () => end.readUntilAny(["\n", "\r"]),
  readLine: (end) => () => end.readLine(),
  "reads that alternate": (end) => async () => {
    await end.readExactly(1);
    await end.readLine();
  },
  peek: (end) => () => end.peek(1),
  lines: (end) => end.lines(),
  split: (end) => end.split("\n"),
  frames: (end) => lengthPrefixed(end, { bytes: 1 })[Symbol.asyncIterator](),
  messages: (end) => framed(end, endingWith("\n"))[Symbol.asyncIterator](),
};

/** What a loop does with an end that has nothing to read, and takes what it is given. */
const others: Readonly<Record<string, Loop>> = {
  write: (end) => () => end.write("0123456789abcde\n"),
  "write of a view": (end) => () => end.write(new Uint8Array(16)),
  "write of a list": (end) => () => end.write(["a", new Uint8Array(1)]),
  "write of nothing": (end) => () => end.write(""),
  writeLine: (end) => () => end.writeLine("line"),
  flush: (end) => () => end.flush(),
  "send of frames": (end) => () => lengthPrefixed(end).send("frame"),
  "send of messages": (end) => () => framed(end, endingWith("\n")).send("message"),
  "reads that may not wait": (end) => () => rejection(end.read({ timeout: 0 })),
};

/** Runs the loop until the event loop has turned some times; fails if it does not. */
async function turnsBeside(loop: ReturnType<Loop>, most: number): Promise<void> {
  let turns = 0;
  let timer = setImmediate(function count() {
    turns++;
    timer = setImmediate(count);
  });
  const step = typeof loop === "function" ? loop : () => loop.next();
  for (let calls = 0; turns < 5 && calls < most; calls++) await step();
  clearImmediate(timer);
  assert.equal(turns, 5, `the event loop turned ${turns} times beside ${most} calls`);
}

/** Spends what this turn may do without waiting. */
function spendAll(): void {
  spend(Number.MAX_SAFE_INTEGER);
}

/** Loops over calls that need not wait let the event loop turn, and lose no byte by it. */
export const fairness: readonly ContractCase[] = [
  ...Object.entries(readers).map(([name, loop]) =>
    onPair(`a loop of ${name} lets the event loop turn`, async ({ a, b }) => {
      // Lines of one character, and frames of ten bytes.
      await b.write("\n\n".repeat(30_000));
      await until(() => a.readableLength === 60_000);
      await turnsBeside(loop(a), 5_000);
    }),
  ),

  ...Object.entries(others).map(([name, loop]) =>
    onPair(`a loop of ${name} lets the event loop turn`, async ({ a }) => {
      await turnsBeside(loop(a), 5_000);
    }),
  ),

  ...(["write", "flush", "closeWrite", "close", "read", "readLine"] as const).map((name) =>
    onPair(`a loop of calls to ${name} whose signal is aborted lets the event loop turn`, async ({ a }) => {
      const signal = AbortSignal.abort(new Error("stop"));
      const call = (): Promise<unknown> => (name === "write" ? a.write("", { signal }) : a[name]({ signal }));
      await turnsBeside(() => rejection(call()), 5_000);
    }),
  ),

  ...(["write", "read"] as const).map((name) =>
    onPair(`a loop of calls to ${name} that fail lets the event loop turn`, async ({ a }) => {
      a.reset();
      await turnsBeside(() => rejection(name === "write" ? a.write("lost") : a.read()), 5_000);
    }),
  ),

  ...(["read", "readLine", "readExactly", "write", "writeLine", "flush", "closeWrite", "close"] as const).map(
    (name) =>
      onPair(`a loop of calls to ${name} with wrong arguments lets the event loop turn`, async ({ a }) => {
        const call = a[name].bind(a) as (wrong: unknown) => Promise<unknown>;
        await turnsBeside(() => rejection(call(true)), 5_000);
      }),
  ),

  onPair("writable: what is no chunk resets the connection at once, also late in a turn", async ({ a }) => {
    const writer = a.writable.getWriter();
    await turn();
    spendAll();
    const wrong = rejection(writer.write(5 as never));
    await fails(a.write("behind it"), "ERR_CLOSED");
    assert.ok((await wrong) instanceof TypeError);
    await rejection(writer.closed);
    await a.closed;
  }),

  onPair(
    "a loop of gathered writes lets the event loop turn",
    async ({ a }) => {
      await turnsBeside(() => a.write("x"), 20_000);
    },
    { bufferSize: 1_000_000 },
  ),

  onPair("reads in a turn whose budget is spent get the same bytes, in order", async ({ a, b }) => {
    await b.write("0123456789");
    await until(() => a.readableLength === 10);
    spendAll();
    const reads = [a.readExactly(3), a.readExactly(2), a.read({ timeout: 0 })];
    assert.deepEqual((await Promise.all(reads)).map(text), ["012", "34", "56789"]);
    spendAll();
    await timesOut(a.read({ timeout: 0 }));
    spendAll();
    const waiting = a.read();
    await fails(a.read(), "ERR_BUSY");
    await b.write("later");
    assert.equal(text(await waiting), "later");
    spendAll();
    await b.closeWrite();
    assert.equal(await a.read(), null);
    a.reset();
    spendAll();
    const calls = [a.read(), a.readLine(), a.readExactly(1), a.write("x"), a.flush()];
    await Promise.all(calls.map((call) => fails(call, "ERR_CLOSED")));
  }),

  onPair("a pull that waits for its turn has taken nothing when it is aborted or left", async ({ a, b }) => {
    await b.write("unread\n");
    await until(() => a.readableLength === 7);
    for (const loop of ["chunks", "lines"] as const) {
      const controller = new AbortController();
      spendAll();
      const pull = a[loop]({ signal: controller.signal }).next();
      const busy = a.read();
      controller.abort("no longer");
      assert.equal(await rejection(pull), "no longer");
      await fails(busy, "ERR_BUSY");
      const iterator: AsyncIterableIterator<unknown, undefined> = a[loop]();
      spendAll();
      const next = iterator.next();
      await iterator.return?.();
      assert.deepEqual(await next, { value: undefined, done: true });
    }
    assert.equal(text(await a.read()), "unread\n");
  }),

  onPair("a pull that waits for its turn is ended by every ending", async ({ a, b }) => {
    await b.write("unread");
    await until(() => a.readableLength === 6);
    spendAll();
    const pull = a.chunks().next();
    a.reset();
    await fails(pull, "ERR_CLOSED");
  }),

  onPair("a timeout begins when a pull's turn has come", async ({ a }) => {
    spendAll();
    await timesOut(a.read({ timeout: 5 }));
    spendAll();
    await timesOut(a.chunks({ timeout: 5 }).next());
    spendAll();
    assert.equal((await timesOut(a.chunks({ timeout: 0 }).next())).timeout, 0);
  }),

  onPair("what stopped the reading goes on after a read that waited for its turn", async ({ a, b }) => {
    void b.write(new Uint8Array(300_000));
    await until(() => a.readableLength >= 64 * 1024);
    for (let bytes = 0; bytes < 300_000;) {
      spendAll();
      bytes += (await a.read())?.length ?? assert.fail("the stream ended");
    }
  }),
];
