import type { LinkOptions } from "./options.js";
import type { Random } from "./random.js";

/** What a path to the host itself is like. */
export const LOOPBACK: Required<LinkOptions> = { latency: 0, jitter: 0, bandwidth: Infinity, loss: 0 };

/** The path between two hosts, in both directions. */
export class Path {
  /** Whether it carries nothing. */
  isCut = false;
  #latency: readonly [number, number] = [0, 0];
  #jitter = 0;
  #bandwidth = Infinity;
  #loss = 0;
  /** By the host that sends: when what it has sent has left, and when the last of it arrives. */
  readonly #lanes = new Map<object, Lane>();

  constructor(options: LinkOptions) {
    this.set(options);
  }

  set({ latency, jitter, bandwidth, loss }: LinkOptions): void {
    if (latency !== undefined) this.#latency = typeof latency === "number" ? [latency, latency] : latency;
    this.#jitter = jitter ?? this.#jitter;
    this.#bandwidth = bandwidth ?? this.#bandwidth;
    this.#loss = loss ?? this.#loss;
  }

  /** The longest that a packet takes to the other host and back, behind what both hosts have sent before `now`. */
  longestRoundTrip(now: number): number {
    return 2 * (this.#latency[1] + this.#jitter) + this.queued(now);
  }

  /** Ms until all that both hosts have sent before `now` has left. */
  queued(now: number): number {
    let queued = 0;
    for (const { leaves } of this.#lanes.values()) queued += Math.max(0, leaves - now);
    return queued;
  }

  /** Ms from `now` until a packet of `size` bytes arrives, or `null` if it is lost. No packet overtakes another one. */
  send(from: object, size: number, now: number, random: Random): number | null {
    const lane = this.#laneOf(from);
    const leaves = Math.max(now, lane.leaves) + (1000 * size) / this.#bandwidth;
    const arrives = leaves + random.between(...this.#latency) + random.between(0, this.#jitter);
    const isLost = this.isCut || random.chance(this.#loss);
    lane.leaves = leaves;
    if (isLost) return null;
    lane.arrives = Math.max(arrives, lane.arrives);
    return lane.arrives - now;
  }

  #laneOf(from: object): Lane {
    let lane = this.#lanes.get(from);
    if (lane === undefined) this.#lanes.set(from, (lane = { leaves: 0, arrives: 0 }));
    return lane;
  }
}

interface Lane {
  leaves: number;
  arrives: number;
}
