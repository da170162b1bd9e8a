import type { Buffer } from "node:buffer";
import type { OperationOptions } from "../../options/operation.js";
import { watch, type Cancellable, type Watch } from "../timing/signals.js";
import type { Read } from "./reads.js";

/**
 * Tells about a reader that may turn away while its read waits, as the user of a stream can. The read of a reader that is
 * gone does not time out.
 */
export interface ReaderProbe {
  /** Whether the reader has turned away. */
  isGone(): boolean;
  /** Whether another read may take the place of a reader that is gone, whose own read then rejects with `ERR_BUSY`. */
  readonly yields: boolean;
  /** Called with the result of the read at once, a microtask before its promise settles. */
  given?(value: unknown): void;
}

/** The reader of a stream that holds bytes ahead of its own user, as Node's streams do. */
export interface StreamReader extends ReaderProbe {
  /** Whether the user of the stream reads, also while no read waits. */
  isReading(): boolean;
  /** Bytes that the stream holds and its user has left to other readers: 0 while the user reads. */
  readonly left: number;
  /** Takes back the bytes that the stream holds and its user has not got, for other readers. */
  takeBack(): readonly Buffer[];
}

/** Where a waiting read reports that its signal was aborted. */
interface WaitingHost {
  abort(waiting: Waiting, signal: AbortSignal): void;
}

/** A read that waits. */
export class Waiting implements Cancellable {
  /** Whether the read is tried in the next turn only, since this turn's budget was spent when it was requested. */
  postponed = false;
  deadline = Infinity;
  /** Whether the reader was gone when its probe was last asked. */
  wasAway = false;
  /** Of its signal; `null` if there is none. */
  watch: Watch | null = null;

  /** `bound`: most ms to wait, for the `whole` call or until more bytes arrive. */
  constructor(
    readonly reader: WaitingHost,
    readonly read: Read<unknown, unknown>,
    readonly argument: unknown,
    readonly resolve: (value: unknown) => void,
    readonly bound: number,
    readonly whole: boolean,
    readonly probe: ReaderProbe | undefined,
  ) {}

  aborted(signal: AbortSignal): void {
    this.reader.abort(this, signal);
  }
}

const NONE: OperationOptions = {};

/** A read that its signal can abort. Throws what the signal throws. */
export function watchedRead<T, A>(
  reader: WaitingHost,
  read: Read<T, A>,
  argument: A,
  resolve: (value: T) => void,
  options: OperationOptions | undefined,
  readTimeout: number,
  probe: ReaderProbe | undefined,
): Waiting {
  const { timeout, signal } = options ?? NONE;
  const waiting = new Waiting(
    reader,
    read as Read<unknown, unknown>,
    argument,
    resolve as (value: unknown) => void,
    timeout ?? readTimeout,
    timeout !== undefined,
    probe,
  );
  if (signal !== undefined) waiting.watch = watch(signal, waiting);
  return waiting;
}
