import { cancel, clock, LONGEST_TIMER_MS, type Timer } from "./clock.js";
import { letArrive } from "./let-arrive.js";

/** How often per period it is looked whether bytes have moved: a silence is noticed so much later than due at most. */
const SAMPLES = 16;

/** It is looked no more often than that; of a short period twice as often at least. */
const SHORTEST_INTERVAL_MS = 5;

/**
 * Rings when nothing has moved for some time, once for each silence. That bytes move costs nothing: their count is looked
 * at now and then.
 */
export class IdleTimer {
  readonly #clock = clock;
  readonly #count: () => number;
  readonly #onSilence: () => void;
  #timer: Timer | undefined;
  #lastLook: Disposable | undefined;
  #period = 0;
  #counted = 0;
  /** When the count was last seen to change. */
  #movedAt = 0;
  /** It has rung for this silence. */
  #hasRung = false;

  /** `count` gives a number that changes with every byte. */
  constructor(count: () => number, ring: () => void) {
    this.#count = count;
    this.#onSilence = ring;
  }

  /** Rings after `period` ms without a byte, and after as many again once bytes have moved; 0 or `Infinity`: never. */
  set(period: number): void {
    cancel(this.#timer);
    cancel(this.#lastLook);
    this.#period = period;
    if (period === 0 || period === Infinity) return;
    this.#moved();
    this.#lookLater();
  }

  #lookLater(): void {
    const shortest = Math.min(SHORTEST_INTERVAL_MS, this.#period / 2);
    const interval = Math.max(1, shortest, this.#period / SAMPLES);
    const left = this.#movedAt + this.#period - this.#clock.now();
    const wait = this.#hasRung ? interval : Math.min(interval, Math.max(1, left));
    this.#timer = this.#clock.setTimeout(() => this.#look(), Math.min(wait, LONGEST_TIMER_MS));
    this.#timer.unref();
  }

  #look(): void {
    if (this.#count() !== this.#counted) this.#moved();
    if (this.#hasRung || this.#clock.now() - this.#movedAt < this.#period) this.#lookLater();
    else this.#lastLook = letArrive(this.#clock, () => this.#ringIfSilent());
  }

  #ringIfSilent(): void {
    const isSilent = this.#count() === this.#counted;
    if (isSilent) this.#hasRung = true;
    else this.#moved();
    this.#lookLater();
    if (isSilent) this.#onSilence();
  }

  #moved(): void {
    this.#counted = this.#count();
    this.#movedAt = this.#clock.now();
    this.#hasRung = false;
  }
}
