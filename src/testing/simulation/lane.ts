import type { FakeTimer } from "./fake-timers.js";
import type { VirtualClock } from "./virtual-clock.js";

/** A packet that has not arrived. */
interface UnderWay {
  /** When it has left: until then it is in the queue. */
  readonly leaves: number;
  /** Ms that it takes from then on. */
  readonly travels: number;
  readonly arrives: number;
  readonly arrive: () => void;
  readonly timer: FakeTimer;
}

/** One direction of a path. Packets leave one after another, and no packet overtakes another one. */
export class Lane {
  readonly #clock: VirtualClock;
  /** In the order in which they arrive. */
  readonly #underWay = new Set<UnderWay>();
  /** When all that was sent has left, what is lost included. */
  #leaves = 0;
  /** When the last packet arrives. */
  #arrives = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Ms until all that was sent has left. */
  get queued(): number {
    return Math.max(0, this.#leaves - this.#clock.now());
  }

  /** Sends a packet that takes `ms` to leave and is lost then. */
  lose(ms: number): void {
    this.#leaves = Math.max(this.#leaves, this.#clock.now()) + ms;
  }

  /** Sends a packet that takes `ms` to leave, and arrives `travels` ms later, or with the last one that was sent before. */
  send(ms: number, travels: number, arrive: () => void): void {
    this.lose(ms);
    this.#put(this.#leaves, travels, arrive);
  }

  /** From now on what is in the queue takes `factor` times as long to leave. */
  stretch(factor: number): void {
    const { queued } = this;
    if (queued === 0) return;
    const now = this.#clock.now();
    this.#leaves = now + queued * factor;
    for (const { leaves, travels, arrive } of this.#takeQueue())
      this.#put(now + (leaves - now) * factor, travels, arrive);
  }

  /** Drops what is in the queue. What has left still arrives. */
  clear(): void {
    this.#leaves = 0;
    this.#takeQueue();
  }

  #put(leaves: number, travels: number, arrive: () => void): void {
    const arrives = (this.#arrives = Math.max(leaves + travels, this.#arrives));
    const arrived = (): void => {
      this.#underWay.delete(packet);
      arrive();
    };
    const timer = this.#clock.schedule(arrived, arrives - this.#clock.now());
    const packet: UnderWay = { leaves, travels, arrives, arrive, timer };
    this.#underWay.add(packet);
  }

  #takeQueue(): readonly UnderWay[] {
    const now = this.#clock.now();
    const queue: UnderWay[] = [];
    this.#arrives = 0;
    for (const packet of this.#underWay) {
      if (packet.leaves <= now) {
        this.#arrives = packet.arrives;
        continue;
      }
      this.#clock.cancel(packet.timer);
      this.#underWay.delete(packet);
      queue.push(packet);
    }
    return queue;
  }
}
