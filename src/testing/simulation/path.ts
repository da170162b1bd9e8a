import { Lane } from "./lane.js";
import type { LinkOptions } from "./options.js";
import type { Random } from "./random.js";
import type { VirtualClock } from "./virtual-clock.js";

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
  readonly #clock: VirtualClock;
  /** By the host that sends. */
  readonly #lanes = new Map<object, Lane>();

  constructor(options: LinkOptions, clock: VirtualClock) {
    this.#clock = clock;
    this.set(options);
  }

  set({ latency, jitter, bandwidth, loss }: LinkOptions): void {
    if (latency !== undefined) this.#latency = typeof latency === "number" ? [latency, latency] : latency;
    this.#jitter = jitter ?? this.#jitter;
    if (bandwidth !== undefined) {
      for (const lane of this.#lanes.values()) lane.stretch(this.#bandwidth / bandwidth);
      this.#bandwidth = bandwidth;
    }
    this.#loss = loss ?? this.#loss;
  }

  /** The longest that a packet takes to the other host and back, behind what both hosts have sent. */
  get longestRoundTrip(): number {
    return 2 * (this.#latency[1] + this.#jitter) + this.queued;
  }

  /** Ms until all that both hosts have sent has left. */
  get queued(): number {
    let queued = 0;
    for (const lane of this.#lanes.values()) queued += lane.queued;
    return queued;
  }

  /** Sends a packet of `size` bytes. Returns whether it arrives; it is lost otherwise. */
  send(from: object, size: number, random: Random, arrive: () => void): boolean {
    const lane = this.#laneOf(from);
    const ms = (1000 * size) / this.#bandwidth;
    const travels = random.between(...this.#latency) + random.between(0, this.#jitter);
    const isLost = this.isCut || random.chance(this.#loss);
    if (isLost) lane.lose(ms);
    else lane.send(ms, travels, arrive);
    return !isLost;
  }

  /** Drops what a host has sent and what has not left. */
  dropQueue(from: object): void {
    this.#lanes.get(from)?.clear();
  }

  #laneOf(from: object): Lane {
    let lane = this.#lanes.get(from);
    if (lane === undefined) this.#lanes.set(from, (lane = new Lane(this.#clock)));
    return lane;
  }
}
