import type { ReadableByteStreamController } from "node:stream/web";
import type { NonSharedBuffer } from "../core/bytes/non-shared.js";
import type { Link } from "../core/link.js";
import { READ_CHUNK, READ_INTO } from "../core/reading/reads.js";
import type { ReaderProbe } from "../core/reading/waiting.js";

/**
 * What a byte source is doing. `pulling`: a read of the connection waits for it. `yielding`: the reader of the stream has
 * left meanwhile, and that read gives way to another. `over`: the stream has ended or failed, or was cancelled.
 */
type Pulling = "idle" | "pulling" | "yielding" | "over";

/** Fills a byte stream from a connection, whenever the reader of the stream wants more. */
export class ByteSource {
  readonly #link: Link;
  readonly #controller: ReadableByteStreamController;
  readonly #isLocked: () => boolean;
  readonly #fail: (error: unknown) => never;
  #state: Pulling = "idle";

  /**
   * `isLocked` tells whether the stream has a reader. `fail` is given what a read has failed with, and throws what the stream
   * fails with.
   */
  constructor(
    link: Link,
    controller: ReadableByteStreamController,
    isLocked: () => boolean,
    fail: (error: unknown) => never,
  ) {
    this.#link = link;
    this.#controller = controller;
    this.#isLocked = isLocked;
    this.#fail = fail;
  }

  readonly #probe: ReaderProbe = {
    yields: true,
    isGone: () => {
      const isGone = !this.#isLocked();
      if (this.#state !== "over") this.#state = isGone ? "yielding" : "pulling";
      return isGone;
    },
  };

  /** A read into a reader's buffer cannot give way: the stream does not pull again before that buffer is filled. */
  readonly #byobProbe: ReaderProbe = { yields: false, isGone: () => !this.#isLocked() };

  /** Resolves when the reader has got something, or the end. */
  pull(): Promise<void> {
    this.#state = "pulling";
    const { input } = this.#link;
    const view = this.#controller.byobRequest?.view as Uint8Array | null | undefined;
    if (view == null)
      return input.request(READ_CHUNK, undefined, undefined, this.#probe).then(this.#enqueue, this.#failed);
    return input.request(READ_INTO, view, undefined, this.#byobProbe).then(this.#respond, this.#failed);
  }

  /** Whether no bytes are in the stream's own queue, or on their way there: a loop may {@link take} what comes next. */
  get isIdle(): boolean {
    return this.#state === "idle" && this.#controller.desiredSize === 0;
  }

  /** Reads for a loop, past the stream. What comes of it is told to {@link hasTaken} or {@link hasFailed}. */
  take(): Promise<NonSharedBuffer | null> {
    this.#state = "pulling";
    return this.#link.input.request(READ_CHUNK, undefined, undefined, this.#probe);
  }

  /** Returns whether the loop has got bytes; otherwise the stream has ended. */
  hasTaken(chunk: NonSharedBuffer | null): boolean {
    if (!this.#isBack()) return false;
    if (chunk === null) this.#end();
    return chunk !== null;
  }

  /** Throws what the stream has failed with; returns if that is an end. */
  hasFailed(error: unknown): void {
    try {
      this.#failed(error);
    } catch (told) {
      this.#controller.error(told);
      throw told;
    }
  }

  cancel(): void {
    this.#state = "over";
    this.#link.closeInput();
  }

  /**
   * The connection is over. A read that waits has been told; the next reader gets the bytes that are left, and is told
   * behind them.
   */
  fail(error: unknown): void {
    const { input } = this.#link;
    // Bytes in the stream's own queue are left by a reader that went away while it waited.
    const queued = -(this.#controller.desiredSize ?? 0);
    if (this.#state !== "idle" || input.length > 0 || queued > 0) return;
    if (input.ended) this.#end();
    else {
      this.#state = "over";
      this.#controller.error(error);
    }
  }

  // One function of each kind serves all pulls.

  readonly #enqueue = (chunk: Uint8Array | null): void => {
    if (!this.#isBack()) return;
    try {
      if (chunk === null) this.#end();
      else this.#controller.enqueue(chunk);
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #respond = (size: number | null): void => {
    if (!this.#isBack()) return;
    try {
      if (size === null) this.#end();
      else this.#controller.byobRequest?.respond(size);
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #failed = (error: unknown): void => {
    const isYielding = this.#state === "yielding";
    if (!this.#isBack() || isYielding) return;
    // A program that has closed the input itself reads no more: that is an end.
    if (this.#link.input.ended) this.#end();
    else {
      this.#state = "over";
      this.#fail(error);
    }
  };

  /** The read has settled. Returns whether the stream still wants to know. */
  #isBack(): boolean {
    if (this.#state === "over") return false;
    this.#state = "idle";
    return true;
  }

  #end(): void {
    this.#state = "over";
    try {
      this.#controller.close();
      // A BYOB reader gets its buffer back.
      this.#controller.byobRequest?.respond(0);
    } catch {
      // Thrown when a buffer holds a partial element; its reader has been rejected already.
    }
  }
}
