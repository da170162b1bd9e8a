import { connectionContract } from "../../../src/testing/index.js";
import { breakages, brokenPairs, settleHeld } from "../../support/broken-pairs.js";

/** A case that waits for what never comes takes as long. */
const TIMEOUT_MS = 2_000;

afterAll(settleHeld);

/** The case that finds each fault, among others. */
const FINDERS: Readonly<Record<keyof typeof breakages, string>> = {
  "loses a byte": "readAhead 0: readInto() gives all bytes in order, and the end",
  "doubles a byte": "readAhead 0: readInto() gives all bytes in order, and the end",
  "reorders chunks": "readAhead 0: readInto() gives all bytes in order, and the end",
  "gives memory that it still writes to": "a chunk that was read is never overwritten later",
  "swallows an error": "a reset fails the read that waits at the other end",
  "reports a reset as an end": "a reset fails the read that waits at the other end",
  "reports an end as a reset": "the end of the peer's stream never closes our side",
  "never settles on close": "a reset of our own rejects what waits, and resolves closed",
  "delivers after close": "a reset of our own rejects what waits, and resolves closed",
  "says that it has written what it has cut short":
    "both ends can end their side at the same moment, with data under way",
  "leaves a listener on a signal":
    "read: an abort rejects with the signal's reason, consumes nothing and leaves no listener",
  "leaves a listener on the stream beneath": "calls that are over leave no listener on the stream beneath",
  "leaves a timer": "calls that are over leave no timer",
  "ignores a timeout": "read: a timeout of 0 fails at once, a short one soon, and both consume nothing",
  "ignores an abort":
    "read: an abort rejects with the signal's reason, consumes nothing and leaves no listener",
};

function runNamed(
  name: string,
  makePair: ReturnType<typeof brokenPairs>,
  options: { readonly timeout?: number } = {},
): Promise<void> {
  const found = connectionContract.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no such case: ${name}`);
  return found.run(makePair, options);
}

test.each(Object.keys(breakages) as (keyof typeof breakages)[])(
  "a connection that %s is found by a case",
  async (fault) => {
    const run = runNamed(FINDERS[fault], brokenPairs(breakages[fault]), { timeout: TIMEOUT_MS });
    await expect(run).rejects.toThrow(FINDERS[fault]);
  },
);

test.each([...new Set(Object.values(FINDERS))])("a whole connection passes it: %s", async (name) => {
  await runNamed(name, brokenPairs({}));
});
