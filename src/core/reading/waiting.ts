import type { Buffer } from "node:buffer";
import type { Cancellable } from "../timing/signals.js";
import type { Read } from "./reads.js";

/** One who may turn away while its read waits, as the reader of a stream can. Its wait does not time out then. */
export interface ReaderProbe {
  isGone(): boolean;
  /** Whether the wait may then end for whoever reads next, with `ERR_BUSY`; otherwise it goes on. */
  readonly yields: boolean;
  /** Told at once what its read comes to, of which its promise tells a microtask later. */
  given?(value: unknown): void;
}

/** The reader of a stream that holds bytes ahead of its own user, as Node's streams do. */
export interface StreamReader extends ReaderProbe {
  /** Whether that user reads, also while no read waits. */
  isReading(): boolean;
  /** How much the stream holds that its user has left to others: nothing while that user reads. */
  readonly left: number;
  /** Takes back what the stream holds and its user has not got, to be read by others. */
  takeBack(): readonly Buffer[];
}

/** Whom a waiting read tells that its signal was aborted. */
interface WaitingHost {
  abort(waiting: Waiting, signal: AbortSignal): void;
}

/** A read that waits. */
export class Waiting implements Cancellable {
  /** This turn's budget was spent when the read was requested: it is tried in the next turn. */
  postponed = false;
  deadline = Infinity;
  wasAway = false;

  /** `bound`: ms allowed, for the `whole` call or until more bytes arrive. */
  constructor(
    readonly reader: WaitingHost,
    readonly read: Read<unknown, unknown>,
    readonly argument: unknown,
    readonly resolve: (value: unknown) => void,
    readonly bound: number,
    readonly whole: boolean,
    readonly signal: AbortSignal | undefined,
    readonly probe: ReaderProbe | undefined,
  ) {}

  aborted(signal: AbortSignal): void {
    this.reader.abort(this, signal);
  }
}
