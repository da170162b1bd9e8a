import type { ReadableStreamDefaultReader } from "node:stream/web";
import type { NonSharedBuffer, NonSharedUint8Array } from "../core/bytes/non-shared.js";
import { plainOf } from "../core/bytes/own-memory.js";
import type { ByteSource } from "./byte-source.js";

type Result = IteratorResult<NonSharedUint8Array, unknown>;
type Reader = ReadableStreamDefaultReader<NonSharedUint8Array>;

/**
 * A loop over the byte stream, which ends, fails, cancels and locks the stream as the iterator of Node's stream does. But while
 * the stream's own queue is empty, the loop takes what arrives directly from the connection. The stream would make several
 * promises for each chunk, and move the chunk to other memory than its own, which no other code has.
 */
export class ByteIteration {
  readonly #reader: Reader;
  readonly #source: ByteSource;
  readonly #preventCancel: boolean;
  /** The call that came last. Calls are served one after the other. */
  #last: Promise<Result> = Promise.resolve(over());
  /** How many calls have not settled. */
  #unsettled = 0;
  #isOver = false;

  /** `reader` is this loop's alone, as the stream is while it is locked. */
  constructor(reader: Reader, source: ByteSource, preventCancel: boolean) {
    this.#reader = reader;
    this.#source = source;
    this.#preventCancel = preventCancel;
  }

  next(): Promise<Result> {
    return this.#inTurn(this.#read);
  }

  return(value?: unknown): Promise<Result> {
    return this.#inTurn(() => this.#leave(value));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #inTurn(call: () => Promise<Result>): Promise<Result> {
    const isFirst = this.#unsettled++ === 0;
    return (this.#last = isFirst ? call() : this.#last.then(call, call));
  }

  // One function of each kind serves all calls. Each call ends with one of those that count it as settled.

  readonly #read = (): Promise<Result> => {
    if (this.#isOver) {
      this.#unsettled--;
      return Promise.resolve(over());
    }
    return this.#source.isIdle
      ? this.#source.take().then(this.#taken, this.#refused)
      : this.#reader.read().then(this.#given, this.#failed);
  };

  readonly #taken = (chunk: NonSharedBuffer | null): Result => {
    this.#unsettled--;
    return this.#source.hasTaken(chunk)
      ? { value: plainOf(chunk as NonSharedBuffer), done: false }
      : this.#end();
  };

  readonly #refused = (error: unknown): Result => {
    this.#unsettled--;
    try {
      this.#source.hasFailed(error);
      return this.#end();
    } catch (told) {
      this.#end();
      throw told;
    }
  };

  readonly #given = (result: Result): Result => {
    this.#unsettled--;
    return result.done === true ? this.#end() : result;
  };

  readonly #failed = (error: unknown): never => {
    this.#unsettled--;
    this.#end();
    throw error;
  };

  #end(): Result {
    this.#isOver = true;
    this.#reader.releaseLock();
    return over();
  }

  async #leave(value: unknown): Promise<Result> {
    this.#unsettled--;
    if (!this.#isOver) {
      const cancelled = this.#preventCancel ? null : this.#reader.cancel(value);
      this.#end();
      await cancelled;
    }
    return { value, done: true };
  }
}

// Newer releases of Node.js give all async iterators methods of their own, such as `Symbol.asyncDispose`.
Object.setPrototypeOf(
  ByteIteration.prototype,
  Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}.prototype)) as object,
);

function over(): IteratorReturnResult<undefined> {
  return { value: undefined, done: true };
}
