import { NetTimeoutError, requests } from "../../src/index.js";
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
