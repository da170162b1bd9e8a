import { duplexCalls } from "./duplex.js";
import type { End } from "./end.js";
import { callsByHand, endingCalls } from "./ending.js";
import { happen, isFault, type Fault } from "./network.js";
import { Operation } from "./operation.js";
import { readingCalls } from "./reading.js";
import type { Call, CallOf, Op } from "./scenario.js";
import { webCalls } from "./web.js";
import { writingCalls } from "./writing.js";

/** How a call is made. */
type Performer<O extends Op> = (end: End, operation: Operation, call: CallOf<O>) => Promise<void> | void;

/** What an end does itself. */
type OwnOp = Exclude<Op, Fault["op"]>;

const CALLS: { readonly [O in OwnOp]: Performer<O> } = {
  ...readingCalls,
  ...writingCalls,
  ...duplexCalls,
  ...webCalls,
  ...endingCalls,
};

/** Makes a call, which settles in its own time: what it gives, or fails with, is noted and judged then. */
export function make(end: End, call: Call, number: number): Operation {
  const { surroundings } = end.shared;
  if (isFault(call)) {
    const operation = new Operation(end, call, number);
    happen(surroundings.faults, end, call);
    operation.settled();
    return operation;
  }
  // A crashed program calls nothing.
  if (end.isGone) return new Operation(end, call, number);
  return surroundings.at(end.name, () => perform(new Operation(end, call, number)));
}

function perform(operation: Operation): Operation {
  const { end, call } = operation;
  const op = call.op as OwnOp;
  // What was detached goes on by hand.
  const inHand = end.detached === null ? undefined : callsByHand[op];
  const performer = (inHand ?? CALLS[op]) as Performer<Op>;
  const outcome = (async () => performer(end, operation, call))();
  outcome.catch((error: unknown) => operation.threw(error)).finally(() => operation.settled());
  return operation;
}
