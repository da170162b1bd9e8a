import type { Subject } from "../errors.js";
import type { Transport } from "./transport/transport.js";

/** What the two halves of a connection, its input and its output, need of the whole. */
export interface HalfHost {
  readonly subject: Subject;
  readonly transport: Transport;
  /** The time, in milliseconds from any start. */
  now(): number;
  /** Schedules a call of the half's `expire()` for `due` or earlier. */
  wakeAt(due: number): void;
  /** Returns when a wait of `bound` ms ends that begins now, and schedules a call of `expire()` for then or earlier. */
  deadlineIn(bound: number): number;
  /** The first call has begun to wait, or the last one has stopped. */
  waitChanged(): void;
  /** A read is about to wait: a peer that waits for what is gathered would never answer. */
  beforeWait(): void;
  /** The output is ending, has ended or has failed. */
  outputChanged(): void;
}
