import { NetError, NetTimeoutError, requests } from "../../src/index.js";
import { pairKinds } from "../support/pairs.js";
import { jsonMessages } from "../support/requests/peer.js";

const CALLERS = 16;
const REQUESTS_EACH = 10;

test.each(pairKinds)("many callers share one connection: $name", async (kind) => {
  kind.enter?.();
  const { a, b, dispose } = await kind.makePair();
  try {
    const peer = jsonMessages(b);
    const echoing = (async () => {
      for await (const message of peer) await peer.send(message);
      await b.close();
    })();
    const shared = requests(jsonMessages(a));
    let answered = 0;
    const call = async (text: string, timeout: number | undefined): Promise<void> => {
      try {
        expect(await shared.request({ text }, { timeout })).toEqual({ text });
        answered++;
      } catch (error) {
        if (timeout === undefined || !(error instanceof NetTimeoutError)) throw error;
      }
    };
    const caller = async (name: number): Promise<void> => {
      for (let i = 0; i < REQUESTS_EACH; i++)
        await call(`${String(name)}.${String(i)}`, i % 5 === 0 ? 1 : undefined);
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, name) => caller(name)));
    expect(answered).toBeGreaterThanOrEqual((CALLERS * REQUESTS_EACH * 4) / 5);
    await shared.close();
    await shared.closed;
    await echoing;
  } finally {
    await dispose();
    kind.leave?.();
  }
});

test.each(pairKinds)("a reset at every byte of a reply: $name", async (kind) => {
  kind.enter?.();
  const text = Buffer.from(JSON.stringify({ text: "0" }));
  const reply = Buffer.concat([Buffer.of(0, 0, 0, text.length), text]);
  try {
    for (let cut = 0; cut <= reply.length; cut++) {
      const { a, b, dispose } = await kind.makePair();
      try {
        const shared = requests(jsonMessages(a), { concurrency: 2 });
        const calls = ["0", "1", "2"].map((name) => shared.request({ text: name }));
        const outcomes = Promise.allSettled(calls);
        const peer = jsonMessages(b);
        for (const name of ["0", "1"]) expect(await peer.receive()).toEqual({ text: name });
        await b.write(reply.subarray(0, cut));
        b.reset();
        for (const [i, outcome] of (await outcomes).entries()) {
          if (outcome.status === "fulfilled") {
            expect([i, cut, outcome.value]).toEqual([0, reply.length, { text: "0" }]);
            continue;
          }
          // A reset may overtake a reply that is whole.
          const error = outcome.reason as NetError;
          expect(error).toBeInstanceOf(NetError);
          expect(error.written).toMatch(/^(?:partly|nothing)$/);
        }
        expect(shared.pending).toBe(0);
        await Promise.allSettled([shared.close(), b.closed]);
      } finally {
        await dispose();
      }
    }
  } finally {
    kind.leave?.();
  }
});
