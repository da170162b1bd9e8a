import { inspect } from "node:util";
import { checkedOperation, type OperationOptions } from "../../options/operation.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import type { Input } from "./input.js";
import type { LineRun } from "./lines.js";
import { NEXT_CHUNK, NEXT_REUSED_CHUNK, type Read, type RecordSearch } from "./reads.js";
import { RecordRun } from "./record-run.js";
import type { DelimiterSearch } from "./search.js";

/**
 * What all loops over a connection have in common. A loop can be left, and is over then; the bytes that it has not read stay
 * unread. If a pull waits when the loop is left, the pull resolves to the end of the loop.
 */
export abstract class Loop<T> implements AsyncIterableIterator<T, undefined> {
  protected readonly input: Input;
  #left = false;

  constructor(input: Input) {
    this.input = input;
  }

  /** The argument of this loop's reads. No other read has the same, so that it identifies them. */
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

  /** Its fields are the library's own. */
  [inspect.custom](): string {
    return `[${this.constructor.name}]`;
  }

  protected leave(): void {
    this.#left = true;
    this.input.withdraw(this.argument, { value: undefined, done: true });
  }
}

/** The loop over chunks. */
export class Chunks extends Loop<NonSharedBuffer> {
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

  protected override pull(): Promise<IteratorResult<NonSharedBuffer, undefined>> {
    return this.input.pull(this.#recycle ? NEXT_REUSED_CHUNK : NEXT_CHUNK, this, this.#options);
  }

  protected override leave(): void {
    super.leave();
    if (this.#recycle) this.input.endRecycling();
  }
}

/** The loop over lines, one at a time or as `read` takes them. */
export class Lines<T = string> extends Loop<T> {
  protected override readonly argument: LineRun;
  readonly #read: Read<IteratorResult<T, undefined>, LineRun>;
  readonly #options: OperationOptions | undefined;

  constructor(
    input: Input,
    read: Read<IteratorResult<T, undefined>, LineRun>,
    run: LineRun,
    options: OperationOptions | undefined,
  ) {
    super(input);
    this.argument = run;
    this.#read = read;
    this.#options = asGiven(options);
  }

  protected override pull(): Promise<IteratorResult<T, undefined>> {
    return this.input.pull(this.#read, this.argument, this.#options);
  }

  protected override leave(): void {
    super.leave();
    this.argument.drop();
  }
}

/** The loop over records, one at a time or as `read` takes them. */
export class Records<T = NonSharedBuffer> extends Loop<T> {
  protected override readonly argument: RecordSearch;
  readonly #read: Read<IteratorResult<T, undefined>, RecordSearch>;
  readonly #options: OperationOptions | undefined;

  constructor(
    input: Input,
    read: Read<IteratorResult<T, undefined>, RecordSearch>,
    search: DelimiterSearch,
    last: boolean,
    options: OperationOptions | undefined,
  ) {
    super(input);
    this.argument = { search, run: new RecordRun(search), last };
    this.#read = read;
    this.#options = asGiven(options);
  }

  protected override pull(): Promise<IteratorResult<T, undefined>> {
    return this.input.pull(this.#read, this.argument, this.#options);
  }

  protected override leave(): void {
    super.leave();
    this.argument.run.drop();
  }
}

/** A checked copy of the options that bound each pull of a loop, made when the loop is. */
function asGiven(options: OperationOptions | undefined): OperationOptions | undefined {
  const { timeout, signal } = checkedOperation(options);
  return timeout === undefined && signal === undefined ? undefined : { timeout, signal };
}
