/** Where a run takes place: the machine itself, or a network in memory with virtual time. */
import type { ConnectionOptions } from "../../src/index.js";
import type { RunningPair } from "./kinds.js";
import { holdings, leftSince } from "./leaks.js";
import { pass } from "./turns.js";
import type { CallOf, EndName, Pause } from "./scenario.js";

/** What can be done to a simulated network. */
export interface Faults {
  readonly partition: () => void;
  readonly heal: () => void;
  /** The host of an end falls silent for good, or comes back without its programs. */
  readonly crash: (end: EndName) => void;
  readonly restart: (end: EndName) => void;
  readonly stall: (end: EndName, ms: number) => void;
  readonly link: (options: Omit<CallOf<"link">, "op">) => void;
}

export interface Surroundings {
  /** `closeOn`: what the connection at each end is closed by, where it can be given. */
  readonly makePair: (
    settings: ConnectionOptions,
    closeOn: Readonly<Record<EndName, AbortSignal>>,
  ) => Promise<RunningPair>;
  /** Runs code of an end where that end is. */
  readonly at: <T>(end: EndName, body: () => T) => T;
  readonly faults?: Faults;
  /** Whether nothing runs at an end any more: its host has crashed. */
  readonly isGone: (end: EndName) => boolean;
  /** Whether a connection may break although neither end has done anything to it. */
  readonly mayBreak: () => boolean;
  /** Whether a packet may have been lost for good: a reset is sent once. */
  readonly mayBeSilent: () => boolean;
  /** Makes the network what it is to be while the ends are brought to their end. */
  readonly beforeFinish: () => void;
  /** Lets some turns of the event loop pass in which the programs of both ends run. */
  readonly someTurns: () => Promise<void>;
  /** Ms for which the programs of an end were stopped. */
  readonly stalledMs: (end: EndName) => number;
  /** Whether time is virtual: then a call settles when it should, to the millisecond. */
  readonly isExact: boolean;
  /** Most ms that a call takes longer than its bound. */
  readonly patience: number;
  /** Most ms until both ends have ended, once they were asked to. */
  readonly patienceAtEnd: () => number;
  /** Ms of a pause that is not counted in turns; `undefined` where there is no such pause. */
  readonly pauseMs: (pause: Pause) => number | undefined;
  /** What was left behind by a pair that is gone. */
  readonly leftBehind: () => Promise<string[]>;
}

/** A busy machine is no fault. */
const PATIENCE_MS = 6_000;

/** The machine itself. */
export function machine(makePair: Surroundings["makePair"]): Surroundings {
  const before = holdings();
  return {
    makePair,
    at: (_end, body) => body(),
    isGone: () => false,
    mayBreak: () => false,
    mayBeSilent: () => false,
    beforeFinish: () => undefined,
    someTurns: () => pass(4),
    stalledMs: () => 0,
    isExact: false,
    patience: PATIENCE_MS,
    patienceAtEnd: () => PATIENCE_MS,
    pauseMs: () => undefined,
    leftBehind: () => leftSince(before),
  };
}
