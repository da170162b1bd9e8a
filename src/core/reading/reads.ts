import { Buffer, constants } from "node:buffer";
import type { Delimiter } from "../../options/delimiters.js";
import type { ByteQueue } from "../bytes/byte-queue.js";
import { lengthOf } from "../bytes/given-bytes.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import { maxBufferBytes, ownBytes } from "../bytes/own-memory.js";
import type { ReusedMemory } from "../bytes/reused-memory.js";
import type { RecordRun } from "./record-run.js";
import type { DelimiterSearch, SearchForAny } from "./search.js";
import { refused, type Subject } from "../../errors.js";

/** Not enough bytes have arrived: the read waits. */
export const WAIT: unique symbol = Symbol("wait");

/** The read fails with `code`, since the bytes that have arrived can never satisfy it. They stay unread. */
export class Refusal {
  constructor(
    readonly code: "ERR_INVALID_LINE" | "ERR_INVALID_MESSAGE" | "ERR_LIMIT" | "ERR_UNEXPECTED_EOF",
    readonly reason: string,
    readonly cause?: unknown,
  ) {}

  /** Makes the error that the read rejects with. */
  errorFor(subject: Subject): unknown {
    return refused("read", subject, this.code, this.reason, { cause: this.cause });
  }
}

/**
 * Takes the result of a read out of the queue; or takes nothing, and returns {@link WAIT} or why the read fails. `ended`:
 * no more bytes will arrive.
 */
export type Take<T, A> = (queue: ByteQueue, argument: A, ended: boolean) => T | typeof WAIT | Refusal;

/**
 * Makes the result of a waiting read directly of the bytes that arrive while the queue is empty; or returns {@link WAIT}, and
 * the bytes go through the queue. They are the first `size` bytes of `memory`; `lent` memory will be written over, other
 * memory is given away.
 */
export type TakeDirectly<T, A> = (
  memory: Buffer,
  size: number,
  lent: boolean,
  argument: A,
  reused: ReusedMemory | null,
) => T | typeof WAIT;

/** A kind of read: how its result is made, and what memory the bytes for it should arrive in. */
export class Read<T, A> {
  readonly take: Take<T, A>;
  readonly takeDirectly: TakeDirectly<T, A>;
  /** Whether bytes are copied into memory of the caller's, so that memory to give away would be allocated in vain. */
  readonly copies: boolean;
  /** Whether results are in memory that is used again. The input keeps that memory until a read of another kind. */
  readonly reuses: boolean;

  constructor(
    take: Take<T, A>,
    takeDirectly: TakeDirectly<T, A> = () => WAIT,
    { copies = false, reuses = false } = {},
  ) {
    this.take = take;
    this.takeDirectly = takeDirectly;
    this.copies = copies;
    this.reuses = reuses;
  }
}

export const takeChunk: Take<NonSharedBuffer | null, undefined> = (queue, _, ended) => {
  if (queue.length > 0) return queue.takeRun();
  return ended ? null : WAIT;
};

/** As {@link takeChunk}, in the form that an iterator's `next` resolves to. */
export const takeIteration: Take<IteratorResult<NonSharedBuffer, undefined>, unknown> = (queue, _, ended) => {
  if (queue.length > 0) return { value: queue.takeRun(), done: false };
  return ended ? { value: undefined, done: true } : WAIT;
};

/** The same for a loop that reuses memory: each chunk is valid until the loop asks for the next one. */
export const takeReused: typeof takeIteration = (queue, _, ended) => {
  if (queue.length > 0) return { value: queue.takeView(), done: false };
  return ended ? { value: undefined, done: true } : WAIT;
};

export const takeInto: Take<number | null, Uint8Array> = (queue, target, ended) => {
  if (queue.length > 0 || lengthOf(target) === 0) return queue.takeInto(target);
  return ended ? null : WAIT;
};

export const takeExactly: Take<NonSharedBuffer, number> = (queue, size, ended) => {
  const most = maxBufferBytes(size);
  if (size > most) return overLimit(most, size);
  if (queue.length >= size) return queue.take(size);
  return ended ? unexpectedEnd(`after ${String(queue.length)} of ${String(size)} bytes`) : WAIT;
};

export const takeUntil: Take<NonSharedBuffer | null, DelimiterSearch> = (queue, search, ended) => {
  const { limit } = search;
  const end = search.in(queue);
  if (end === -1) {
    if (queue.length > limit && !search.mayKeepLimit(queue)) return overLimit(limit);
    if (!ended) return WAIT;
    return queue.length === 0
      ? null
      : unexpectedEnd(`after ${String(queue.length)} bytes without the delimiter`);
  }
  if (end > limit) return overLimit(limit);
  const { length } = search.delimiter;
  const found = queue.take(end);
  queue.skip(length);
  return found;
};

/** What comes before the delimiter that was found, and that delimiter as the caller has given it. */
export interface DelimitedRecord<D extends Delimiter = Delimiter> {
  /** What comes before the delimiter. */
  readonly bytes: NonSharedBuffer;
  /** The delimiter, one of those that were given, and the same object. */
  readonly delimiter: D;
}

/** A search for several delimiters, and these as the caller has given them. */
export interface SearchForGiven {
  readonly search: SearchForAny;
  readonly given: readonly Delimiter[];
}

export const takeUntilAny: Take<DelimitedRecord | null, SearchForGiven> = (
  queue,
  { search, given },
  ended,
) => {
  const bytes = takeUntil(queue, search, ended);
  if (bytes === null || bytes === WAIT || bytes instanceof Refusal) return bytes;
  return { bytes, delimiter: given[search.index] as Delimiter };
};

/** What a loop over records looks for, the run that it is in, and whether a last record may lack its delimiter. */
export interface RecordSearch {
  readonly search: DelimiterSearch;
  readonly run: RecordRun;
  readonly last: boolean;
}

/** As {@link takeUntil}, in the form that an iterator's `next` resolves to. */
export const takeNextRecord: Take<IteratorResult<NonSharedBuffer, undefined>, RecordSearch> = (
  queue,
  { search, run, last },
  ended,
) => {
  const record = run.take(queue) ?? takeUntil(queue, search, ended);
  if (record === null) return { value: undefined, done: true };
  if (record === WAIT) return record;
  if (!(record instanceof Refusal)) return { value: record, done: false };
  if (!last || record.code !== "ERR_UNEXPECTED_EOF") return record;
  if (queue.length > search.limit) return overLimit(search.limit);
  return { value: queue.take(queue.length), done: false };
};

/** The next bytes, which stay in the queue; fewer at the end of the stream. */
export const peekNext: Take<NonSharedBuffer, number> = (queue, size, ended) => {
  const most = maxBufferBytes(size);
  if (size > most) return overLimit(most, size);
  if (queue.length < size && !ended) return WAIT;
  return queue.peek(Math.min(size, queue.length));
};

export const takeAll: Take<NonSharedBuffer, number> = (queue, limit, ended) => {
  const most = Math.min(limit, constants.MAX_LENGTH);
  if (queue.length > most) return overLimit(most);
  return ended ? queue.take(queue.length) : WAIT;
};

/** `read()`. */
export const READ_CHUNK: Read<NonSharedBuffer | null, undefined> = new Read(takeChunk, (memory, size, lent) =>
  ownBytes(memory, size, lent),
);

/** `next()` of `chunks()`. */
export const NEXT_CHUNK: Read<IteratorResult<NonSharedBuffer, undefined>, unknown> = new Read(
  takeIteration,
  (memory, size, lent) => ({
    value: ownBytes(memory, size, lent),
    done: false,
  }),
);

/** `next()` of `chunks({ recycle: true })`. */
export const NEXT_REUSED_CHUNK: Read<IteratorResult<NonSharedBuffer, undefined>, unknown> = new Read(
  takeReused,
  (memory, size, lent, _, reused) => ({
    value: reused?.view(memory, size, lent) ?? ownBytes(memory, size, lent),
    done: false,
  }),
  { reuses: true },
);

/** `readInto()`. */
export const READ_INTO: Read<number | null, Uint8Array> = new Read(
  takeInto,
  (memory, size, _, target) => {
    if (size > lengthOf(target)) return WAIT;
    memory.copy(target, 0, 0, size);
    return size;
  },
  { copies: true },
);

/** `readExactly()`. */
export const READ_EXACTLY: Read<NonSharedBuffer, number> = new Read(takeExactly);
/** `readUntil()`. */
export const READ_UNTIL: Read<NonSharedBuffer | null, DelimiterSearch> = new Read(takeUntil);
/** `readUntilAny()`. */
export const READ_UNTIL_ANY: Read<DelimitedRecord | null, SearchForGiven> = new Read(takeUntilAny);
/** `next()` of `split()`. */
export const NEXT_RECORD: Read<IteratorResult<NonSharedBuffer, undefined>, RecordSearch> = new Read(
  takeNextRecord,
);
/** `peek()`. */
export const PEEK: Read<NonSharedBuffer, number> = new Read(peekNext);
/** `readAll()`. */
export const READ_ALL: Read<NonSharedBuffer, number> = new Read(takeAll);

export function overLimit(limit: number, size?: number): Refusal {
  const length = size === undefined ? "longer than" : `${String(size)} bytes, more than`;
  return new Refusal("ERR_LIMIT", `${length} the limit of ${String(limit)} bytes`);
}

export function unexpectedEnd(where: string): Refusal {
  return new Refusal("ERR_UNEXPECTED_EOF", `end of stream ${where}`);
}
