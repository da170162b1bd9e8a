import type { EventEmitter } from "node:events";

/** Something that a program does again and again, and that must leave nothing behind. */
export interface Scenario {
  readonly name: string;
  /** What is counted. */
  readonly unit: string;
  /** How many of these a full run does, and how many of them are one operation. */
  readonly count: number;
  readonly perOperation?: number;
  /** How many operations go on beside each other. */
  readonly together: number;
  /** How many kinds of operations there are: all of them are done in the warm-up. */
  readonly kinds: number;
  start(): Load | Promise<Load>;
}

export interface Load {
  /** What lives through all operations, and must have as many listeners afterwards as before. */
  readonly signals?: Readonly<Record<string, AbortSignal>>;
  readonly emitters?: Readonly<Record<string, EventEmitter>>;
  /** Counts of the program's own that must come back. */
  readonly counts?: Readonly<Record<string, () => number>>;
  /**
   * Does one operation; what it rejects with ends the run.
   *
   * @param lane - which of the operations that go on beside each other it takes the place of
   */
  operate(index: number, lane: number): Promise<unknown>;
  stop(): Promise<unknown>;
}
