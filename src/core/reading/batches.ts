import { spend } from "../timing/budget.js";
import { takeNextLine, type LineRun } from "./lines.js";
import { takeNextMessage, type MessageRun } from "./messages.js";
import { Read, Refusal, takeNextRecord, WAIT, type RecordSearch, type Take } from "./reads.js";
import type { ByteQueue } from "../bytes/byte-queue.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";

/** A batch is over once it has this many bytes: about as many as arrive at once. */
const MAX_BATCH_BYTES = 64 * 1024;

/** The cost of each element: it has no promise of its own. */
const ELEMENT_UNITS = 1;

/** Takes all that `take` can take now, in one list, which is never empty. `takeMany` begins the list, where that is faster. */
function inBatches<T, A>(
  take: Take<IteratorResult<T, undefined>, A>,
  takeMany: (queue: ByteQueue, argument: A, most: number, batch: T[]) => void = () => undefined,
): Take<IteratorResult<T[], undefined>, A> {
  return (queue, argument, ended) => {
    const batch: T[] = [];
    const most = queue.position + MAX_BATCH_BYTES;
    takeMany(queue, argument, MAX_BATCH_BYTES, batch);
    while (queue.position < most) {
      let next;
      try {
        next = take(queue, argument, ended);
      } catch (error) {
        if (batch.length === 0) throw error;
        break;
      }
      if (next === WAIT || next instanceof Refusal || next.done === true) {
        // Nothing was taken by that. The next pull fails in the same way.
        if (batch.length === 0) return next;
        break;
      }
      batch.push(next.value);
    }
    spend(ELEMENT_UNITS * batch.length);
    return { value: batch, done: false };
  };
}

/** `next()` of `lines({ batch: true })`. */
export const NEXT_LINES: Read<IteratorResult<string[], undefined>, LineRun> = new Read(
  inBatches(takeNextLine, (queue, run, most, lines) => run.takeMany(queue, most, lines)),
);

/** `next()` of `split(delimiter, { batch: true })`. */
export const NEXT_RECORDS: Read<IteratorResult<NonSharedBuffer[], undefined>, RecordSearch> = new Read(
  inBatches(takeNextRecord),
);

/** `next()` of a loop over messages that was made with `batch: true`. */
export const NEXT_MESSAGES: Read<IteratorResult<unknown[], undefined>, MessageRun> = new Read(
  inBatches(takeNextMessage),
);
