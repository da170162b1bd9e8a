import { duplexCalls } from "./duplex.js";
import type { End } from "./end.js";
import { callsByHand, endingCalls } from "./ending.js";
import { Operation } from "./operation.js";
import { readingCalls } from "./reading.js";
import type { Call, CallOf, Op } from "./scenario.js";
import { webCalls } from "./web.js";
import { writingCalls } from "./writing.js";

/** How a call is made. */
type Performer<O extends Op> = (end: End, operation: Operation, call: CallOf<O>) => Promise<void> | void;

const CALLS: { readonly [O in Op]: Performer<O> } = {
  ...readingCalls,
  ...writingCalls,
  ...duplexCalls,
  ...webCalls,
  ...endingCalls,
};

/** Makes a call, which settles in its own time: what it gives, or fails with, is noted and judged then. */
export function make(end: End, call: Call, number: number): Operation {
  const operation = new Operation(end, call, number);
  const { op } = call;
  // What was detached goes on by hand.
  const inHand = end.detached === null ? undefined : callsByHand[op];
  const perform = (inHand ?? CALLS[op]) as Performer<Op>;
  const outcome = (async () => perform(end, operation, call))();
  outcome.catch((error: unknown) => operation.threw(error)).finally(() => operation.settled());
  return operation;
}
