import assert from "node:assert/strict";
import type { Connection, ConnectionOptions } from "../../index.js";
import { onManualClock, type ManualClock } from "../manual-clock.js";

/** Two ends of one connection. */
export interface Pair {
  /** The end that connected. */
  readonly a: Connection;
  /** The end that was accepted. */
  readonly b: Connection;
  /** Whether `reset()` reaches the peer as a reset; where it does not, the peer sees the stream end. */
  readonly resets: boolean;
  /** Whether the ends report at once what they have taken. Other streams report it later, and may lose it by a reset. */
  readonly takesAtOnce: boolean;
  /** Whether the ends are the kernel's own sockets, and send from the caller's memory. */
  readonly kernel: boolean;
  /** Whether the ends have a descriptor that can be known. */
  readonly hasDescriptor: boolean;
  /** Whether a read that is given up leaves in the kernel, or in the stream, what comes next. */
  readonly stopsAtOnce: boolean;
  /** Whether `connection.socket` is a stream beneath the connection. Where there is none, it is the Duplex over it. */
  readonly hasStream: boolean;
  /** Whether the end of a stream is told apart from a stream that was cut off: then reads fail, with `ERR_TLS_TRUNCATED`. */
  readonly endsAreTold: boolean;
  /** Whether a write that fails leaves what has arrived beneath. Node destroys a Duplex then, with what is unread in it. */
  readonly keepsUnread: boolean;
  /** The family of the addresses that the ends have, if they have any. */
  readonly family: 4 | 6 | undefined;
  /** Drops both ends, in whatever state they are; settles when both are closed. */
  readonly dispose: () => Promise<void>;
}

/** Makes a pair; the options are those of both ends. */
export type MakePair = (options?: ConnectionOptions) => Promise<Pair>;

/** Something that holds for every kind of connection. */
export interface ContractCase {
  readonly name: string;
  readonly run: (makePair: MakePair) => Promise<void>;
}

/** A pair whose time stands still until the case moves its clock. */
export interface TimedPair extends Pair {
  readonly clock: ManualClock;
}

/** A case about the time that calls on one pair may take. It waits for no real time. */
export function onTimedPair(
  name: string,
  check: (pair: TimedPair) => Promise<void>,
  options?: ConnectionOptions,
): ContractCase {
  return {
    name,
    run: (makePair) =>
      onManualClock((clock) => onPair(name, (pair) => check({ ...pair, clock }), options).run(makePair)),
  };
}

/** A case about one pair, which is gone afterwards. */
export function onPair(
  name: string,
  check: (pair: Pair) => Promise<void>,
  options?: ConnectionOptions,
): ContractCase {
  return {
    name,
    run: async (makePair) => {
      const pair = await makePair(options);
      try {
        await check(pair);
      } finally {
        await pair.dispose();
      }
      assert.deepEqual([pair.a.fd, pair.b.fd], [undefined, undefined], "a descriptor was left behind");
    },
  };
}
