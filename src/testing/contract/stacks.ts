import assert from "node:assert/strict";
import { NetError } from "../../index.js";
import { waitingReads, waitingWrites } from "./calls.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { rejection, turn } from "./expectations.js";
import { clog } from "./payloads.js";

/** Asserts that the error of a call shows the awaiting function. */
async function showsCaller(call: () => Promise<unknown>): Promise<void> {
  // A method: minifiers, which rename functions, leave its name as it is.
  const caller = {
    async theCaller(): Promise<void> {
      await call();
    },
  };
  const error = await rejection(caller.theCaller());
  assert.ok(error instanceof NetError, String(error));
  assert.match(error.stack ?? "", /\btheCaller\b/u, `not in the stack: ${String(error.stack)}`);
}

const reads: typeof waitingReads = [
  ...waitingReads,
  [
    "for await",
    async (end) => {
      for await (const chunk of end) assert.fail(chunk.toString());
    },
  ],
];

/** The stack of a failure shows the function that awaited the call. */
export const stacks: readonly ContractCase[] = [
  ...reads.map(([name, call]) =>
    onPair(
      `${name}: a timeout, a refusal and a close show who awaited it`,
      async ({ a, b }) => {
        await showsCaller(() => call(a));
        const waiting = b.read({ timeout: Infinity });
        await showsCaller(() => call(b));
        const closed = showsCaller(() => waiting);
        b.reset();
        await closed;
        await showsCaller(() => call(b));
      },
      { readTimeout: 20 },
    ),
  ),

  ...reads.map(([name, call]) =>
    onPair(`${name}: a failure of the connection shows the awaiting function`, async ({ a, b, resets }) => {
      if (!resets) return;
      const waiting = showsCaller(() => call(a));
      await turn();
      b.reset();
      await waiting;
      await showsCaller(() => call(a));
    }),
  ),

  ...waitingWrites.map(([name, call]) =>
    onPair(
      `${name}: a timeout shows the awaiting function`,
      async ({ a }) => {
        void a.write(clog());
        await showsCaller(() => call(a));
      },
      { writeTimeout: 20 },
    ),
  ),

  ...waitingWrites.map(([name, call]) =>
    onPair(`${name}: a failure of the connection shows the awaiting function`, async ({ a, b }) => {
      void a.write(clog());
      const waiting = showsCaller(() => call(a));
      await turn();
      b.reset();
      await waiting;
      await showsCaller(() => call(a));
    }),
  ),

  onPair("write: a timeout in its turn shows the awaiting function", ({ a }) =>
    showsCaller(() => a.write(clog(), { timeout: 5 })),
  ),

  onPair("write: a timeout of 0 shows the awaiting function", async ({ a }) => {
    await showsCaller(() => a.write(clog(), { timeout: 0 }));
    await showsCaller(() => a.write("queued", { timeout: 0 }));
  }),

  onPair("write: a reset of our own shows the awaiting function", async ({ a }) => {
    const waiting = showsCaller(() => a.write(clog()));
    await turn();
    a.reset();
    await waiting;
    await showsCaller(() => a.write("x"));
  }),

  onPair("close: a timeout shows the awaiting function", async ({ a }) => {
    void a.write(clog());
    await showsCaller(() => a.close({ timeout: 5 }));
  }),

  onPair("closed: a failure of the connection shows the awaiting function", async ({ a, b }) => {
    void a.write(clog());
    const waiting = showsCaller(() => a.closed);
    await turn();
    b.reset();
    await waiting;
  }),

  onPair("readLine: going over the limit shows the awaiting function", async ({ a, b }) => {
    const waiting = showsCaller(() => a.readLine({ limit: 1 }));
    await b.write("xx");
    await waiting;
    await showsCaller(() => a.readLine({ limit: 1 }));
  }),

  onPair("read: a timeout by a signal shows the awaiting function", ({ a }) =>
    showsCaller(() => a.read({ signal: AbortSignal.timeout(5) })),
  ),
];
