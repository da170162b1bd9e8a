import { setImmediate as turn } from "node:timers/promises";
import { delimited, framed, lengthPrefix, listen, requests, type Connection } from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { pairOver } from "../pair.js";
import { rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";
import { withAnother } from "../with-another.js";

const LANES = 32;
const READS = 64;

/** A million reads with a timeout and a signal: of what is there, of what comes, and given up in every way. */
export const reads: Scenario = {
  name: "reads",
  unit: "reads with timeout and signal",
  count: 1_000_000,
  perOperation: READS,
  together: LANES,
  kinds: LANES,

  async start(): Promise<Load> {
    const lived = new AbortController();
    const pairs = await pairsOver(LANES);
    return {
      signals: { "the signal of reads": lived.signal },
      async operate(_, lane) {
        const [a, b] = pairs[lane] as [Connection, Connection];
        const withLived = { timeout: 60_000, signal: lived.signal };
        // Of what comes.
        const first = a.readExactly(1, withLived);
        await b.write(`${"x".repeat(53)}\nline\nlast`);
        await first;
        // Of what is there.
        for (let read = 0; read < 44; read++) await a.readExactly(1, withLived);
        const fresh = new AbortController();
        const withFresh = { timeout: 60_000, signal: fresh.signal };
        for (let read = 0; read < 4; read++) await a.readExactly(1, withFresh);
        const withAny = { timeout: 60_000, signal: withAnother(fresh.signal) };
        await a.readExactly(2, withAny);
        await a.readExactly(1, { signal: AbortSignal.timeout(60_000) });
        await a.peek(1, withLived);
        await a.readLine(withLived);
        await a.readUntil("\n", withAny);
        await a.readInto(new Uint8Array(4), withLived);
        // Of what does not come.
        await rejects(a.read({ timeout: 0, signal: lived.signal }), "ETIMEDOUT");
        await rejects(a.readLine({ timeout: 1, signal: lived.signal }), "ETIMEDOUT");
        const withdrawn = a.lines(withLived);
        const waiting = withdrawn.next();
        await withdrawn.return?.();
        await waiting;
        // In this order, so that the last of them has many.
        const [one, two] = [new AbortController(), new AbortController()];
        const byOne = a.read({ timeout: 60_000, signal: one.signal });
        one.abort();
        await rejects(byOne, "AbortError");
        await rejects(a.read({ signal: one.signal }), "AbortError");
        const byAny = a.readUntilAny(["\r", "\n"], { signal: withAnother(two.signal) });
        await turn();
        two.abort();
        await rejects(byAny, "AbortError");
        const byTimeout = a.read({ signal: AbortSignal.timeout(1) });
        await rejects(byTimeout, "ETIMEDOUT");
      },
      stop: () => over(pairs),
    };
  },
};

/** Other calls with a timeout and a signal: writes, loops, messages, requests. */
export const calls: Scenario = {
  name: "calls",
  unit: "writes, loops, messages and requests",
  count: 200_000,
  perOperation: 20,
  together: LANES,
  kinds: LANES,

  async start(): Promise<Load> {
    const lived = new AbortController();
    const pairs = await pairsOver(LANES);
    // Takes nothing, since its peer does not read.
    const [full, silent] = memoryPair({ capacity: 1, readAhead: 0 });
    const stuck = full.write("123");
    const asking = await pairsOver(LANES);
    const callers = asking.map(([a, b]) => {
      const replies = framed(b, lengthPrefix());
      void (async () => {
        for await (const message of replies) await replies.send(message);
      })().catch(() => undefined);
      return requests(framed(a, lengthPrefix()));
    });
    return {
      signals: { "the signal of calls": lived.signal },
      counts: { "requests that are pending": () => callers.reduce((sum, { pending }) => sum + pending, 0) },
      async operate(_, lane) {
        const [a, b] = pairs[lane] as [Connection, Connection];
        const withLived = { timeout: 60_000, signal: lived.signal };
        for (let write = 0; write < 3; write++) await b.write("line\n", withLived);
        await b.writeLine("end", withLived);
        await b.flush(withLived);
        for await (const line of a.lines(withLived)) if (line === "end") break;
        await rejects(full.write("4", { timeout: 0, signal: lived.signal }), "ETIMEDOUT");
        const stop = new AbortController();
        // Of those without a timeout of their own, which are swept together, up to 1 024 are kept.
        const given = full.write("5", { ...withLived, signal: withAnother(stop.signal) });
        stop.abort();
        await rejects(given, "AbortError");
        await rejects(full.flush({ timeout: 1, signal: lived.signal }), "ETIMEDOUT");
        const messages = framed(b, delimited("|"));
        await framed(a, delimited("|")).send("message", withLived);
        await messages.receive(withLived);
        await rejects(messages.receive({ timeout: 0 }), "ETIMEDOUT");
        const caller = callers[lane];
        if (caller === undefined) throw new RangeError("no caller");
        await Promise.all(
          Array.from({ length: 5 }, () => caller.request(Buffer.from("question"), withLived)),
        );
        const leave = new AbortController();
        const left = caller.request(Buffer.from("unheard"), { signal: leave.signal });
        leave.abort();
        await rejects(left, "AbortError");
        const unsent = caller.request(Buffer.from("too late"), { timeout: 0 });
        await rejects(unsent, "ETIMEDOUT");
      },
      async stop() {
        full.reset();
        silent.reset();
        await stuck.catch(() => undefined);
        await over([...pairs, ...asking]);
      },
    };
  },
};

async function pairsOver(count: number): Promise<(readonly [Connection, Connection])[]> {
  await using listener = await listen("127.0.0.1:0");
  const pairs: (readonly [Connection, Connection])[] = [];
  while (pairs.length < count) pairs.push(await pairOver(listener));
  return pairs;
}

async function over(pairs: readonly (readonly [Connection, Connection])[]): Promise<void> {
  for (const connection of pairs.flat()) connection.reset();
  await Promise.allSettled(pairs.flat().map(({ closed }) => closed));
}
