import { checkOperation, type OperationOptions } from "../arguments.js";
import type { Input } from "./input.js";
import { LineRun, takeNextLine } from "./lines.js";
import type { Link } from "./link.js";
import { takeIteration } from "./reads.js";

const RING_SIZE = 64 * 1024;

/** What all loops over a connection share: they can be left, and are over then. */
abstract class Loop<T> implements AsyncIterableIterator<T, undefined> {
  #left = false;

  protected abstract pull(): Promise<IteratorResult<T, undefined>>;

  /** Called once, when the loop is left early. */
  protected leave(): void {
    // Nothing to put back, unless a subclass says so.
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#left ? Promise.resolve({ value: undefined, done: true }) : this.pull();
  }

  return(): Promise<IteratorResult<T, undefined>> {
    if (!this.#left) this.leave();
    this.#left = true;
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The loop over chunks. */
export class Chunks extends Loop<Buffer> {
  readonly #link: Link;
  readonly #recycle: boolean;
  readonly #options: OperationOptions | undefined;

  constructor(link: Link, recycle: boolean, options: OperationOptions | undefined) {
    super();
    checkOperation(options);
    this.#link = link;
    this.#recycle = recycle;
    this.#options = options;
  }

  protected pull(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#recycle) this.#setRing(true);
    return this.#link.input.request(takeIteration, undefined, this.#options);
  }

  protected override leave(): void {
    if (this.#recycle) this.#setRing(false);
  }

  #setRing(on: boolean): void {
    if (on === (this.#link.ring !== null)) return;
    this.#link.ring = on ? [Buffer.allocUnsafeSlow(RING_SIZE), Buffer.allocUnsafeSlow(RING_SIZE)] : null;
    this.#link.input.recycling = on;
  }
}

/** The loop over lines. */
export class Lines extends Loop<string> {
  readonly #input: Input;
  readonly #run: LineRun;
  readonly #options: OperationOptions | undefined;

  constructor(input: Input, limit: number, encoding: BufferEncoding, options: OperationOptions | undefined) {
    super();
    checkOperation(options);
    this.#input = input;
    this.#run = new LineRun(limit, encoding);
    this.#options = options;
  }

  protected pull(): Promise<IteratorResult<string, undefined>> {
    return this.#input.request(takeNextLine, this.#run, this.#options);
  }
}
