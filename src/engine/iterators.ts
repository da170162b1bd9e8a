import type { Buffer } from "node:buffer";
import { checkedOperation, type OperationOptions } from "../arguments.js";
import type { Input } from "./input.js";
import { LineRun, takeNextLine } from "./lines.js";
import { takeIteration, takeRecycled } from "./reads.js";

/** What all loops over a connection share: they can be left, and are over then. What they have not read stays unread. */
export abstract class Loop<T> implements AsyncIterableIterator<T, undefined> {
  #left = false;

  protected abstract pull(): Promise<IteratorResult<T, undefined>>;

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#left ? Promise.resolve({ value: undefined, done: true }) : this.pull();
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#left = true;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The loop over chunks. */
export class Chunks extends Loop<Buffer> {
  readonly #input: Input;
  readonly #recycle: boolean;
  readonly #options: OperationOptions | undefined;

  constructor(input: Input, recycle: boolean, options: OperationOptions | undefined) {
    super();
    this.#input = input;
    this.#recycle = recycle;
    this.#options = asGiven(options);
  }

  protected pull(): Promise<IteratorResult<Buffer, undefined>> {
    if (!this.#recycle) return this.#input.request(takeIteration, undefined, this.#options);
    this.#input.recycle();
    return this.#input.request(takeRecycled, undefined, this.#options);
  }
}

/** The loop over lines. */
export class Lines extends Loop<string> {
  readonly #input: Input;
  readonly #run: LineRun;
  readonly #options: OperationOptions | undefined;

  constructor(input: Input, limit: number, encoding: BufferEncoding, options: OperationOptions | undefined) {
    super();
    this.#input = input;
    this.#run = new LineRun(limit, encoding);
    this.#options = asGiven(options);
  }

  protected pull(): Promise<IteratorResult<string, undefined>> {
    return this.#input.request(takeNextLine, this.#run, this.#options);
  }
}

/** What all pulls of a loop are bounded by, checked, as it was when the loop was made. */
function asGiven(options: OperationOptions | undefined): OperationOptions | undefined {
  const { timeout, signal } = checkedOperation(options);
  return timeout === undefined && signal === undefined ? undefined : { timeout, signal };
}
