import { Connection, relay } from "../../../src/index.js";
import { faulty } from "../../../src/testing/faulty.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { adopted, duplexesInMemory } from "../../support/adopted-pairs.js";
import { rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";
import { withAnother } from "../with-another.js";

/** Connections that are over no socket: in memory, faulty ones, over streams of the program's; and relays. */
export const pairs: Scenario = {
  name: "pairs",
  unit: "pairs in memory and over other streams",
  count: 40_000,
  together: 16,
  kinds: 6,

  start(): Load {
    const lived = new AbortController();
    const kinds: readonly (() => Promise<unknown>)[] = [
      async () => converse(...memoryPair({ closeOn: lived.signal })),
      async () => converse(...(await adopted(duplexesInMemory))),
      async () => {
        const [a, b] = memoryPair();
        const waiting = rejects(b.read({ signal: lived.signal }), "ECONNRESET");
        a.reset();
        await waiting;
      },
      async () => {
        const [a, b] = memoryPair();
        const cut = Connection.from(faulty(a.duplex, { resetAfter: 3, seed: 1 }));
        await cut.write("hello").catch(() => undefined);
        await b.readAll().catch(() => undefined);
        cut.reset();
        b.reset();
      },
      async () => {
        const [a, b] = memoryPair();
        const [c, d] = memoryPair();
        const relaying = relay(b, c, { signal: lived.signal });
        await converse(a, d);
        await relaying;
      },
      async () => {
        const [a, b] = memoryPair();
        const [c, d] = memoryPair();
        const stop = new AbortController();
        const relaying = relay(b, c, { signal: withAnother(stop.signal) });
        await a.write("hello");
        await d.readExactly(5);
        stop.abort();
        await rejects(relaying, "AbortError");
        a.reset();
        d.reset();
      },
    ];
    return {
      signals: { "the signal of pairs": lived.signal },
      operate: (index) => kinds[index % kinds.length]?.() ?? Promise.reject(new RangeError("no kind")),
      stop: () => Promise.resolve(),
    };
  },
};

async function converse(a: Connection, b: Connection): Promise<void> {
  await a.writeLine("hello");
  await b.writeLine((await b.readLine()) ?? "");
  await a.readLine();
  await Promise.all([a.close(), b.close()]);
}
