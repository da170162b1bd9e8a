import type { Buffer } from "node:buffer";
import { checkedOperation, type OperationOptions } from "../../options/operation.js";
import type { Input } from "./input.js";
import { LineRun, NEXT_LINE } from "./lines.js";
import { NEXT_CHUNK, NEXT_REUSED_CHUNK } from "./reads.js";

/**
 * What all loops over a connection share: they can be left, and are over then. What they have not read stays unread, also
 * where a pull waits for it: that one finds the end of the loop.
 */
export abstract class Loop<T> implements AsyncIterableIterator<T, undefined> {
  protected readonly input: Input;
  #left = false;

  constructor(input: Input) {
    this.input = input;
  }

  /** What this loop's pulls give their reads for an argument, and no other read has: it tells which read is this loop's. */
  protected abstract readonly argument: object;

  protected abstract pull(): Promise<IteratorResult<T, undefined>>;

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#left ? Promise.resolve({ value: undefined, done: true }) : this.pull();
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.leave();
    return Promise.resolve({ value: undefined, done: true });
  }

  /** Leaves the loop, and rejects with `error` as a generator's does. */
  throw(error: unknown): Promise<IteratorResult<T, undefined>> {
    this.leave();
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  protected leave(): void {
    this.#left = true;
    this.input.withdraw(this.argument, { value: undefined, done: true });
  }
}

/** The loop over chunks. */
export class Chunks extends Loop<Buffer> {
  readonly #recycle: boolean;
  readonly #options: OperationOptions | undefined;

  constructor(input: Input, recycle: boolean, options: OperationOptions | undefined) {
    super(input);
    this.#recycle = recycle;
    this.#options = asGiven(options);
  }

  protected override get argument(): this {
    return this;
  }

  protected override pull(): Promise<IteratorResult<Buffer, undefined>> {
    return this.input.pull(this.#recycle ? NEXT_REUSED_CHUNK : NEXT_CHUNK, this, this.#options);
  }

  protected override leave(): void {
    super.leave();
    if (this.#recycle) this.input.endRecycling();
  }
}

/** The loop over lines. */
export class Lines extends Loop<string> {
  protected override readonly argument: LineRun;
  readonly #options: OperationOptions | undefined;

  constructor(input: Input, limit: number, encoding: BufferEncoding, options: OperationOptions | undefined) {
    super(input);
    this.argument = new LineRun(limit, encoding);
    this.#options = asGiven(options);
  }

  protected override pull(): Promise<IteratorResult<string, undefined>> {
    return this.input.pull(NEXT_LINE, this.argument, this.#options);
  }

  protected override leave(): void {
    super.leave();
    this.argument.drop();
  }
}

/** What all pulls of a loop are bounded by, checked, as it was when the loop was made. */
function asGiven(options: OperationOptions | undefined): OperationOptions | undefined {
  const { timeout, signal } = checkedOperation(options);
  return timeout === undefined && signal === undefined ? undefined : { timeout, signal };
}
