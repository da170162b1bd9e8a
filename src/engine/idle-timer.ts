import { performance } from "node:perf_hooks";
import { LONGEST_TIMER } from "../bounded.js";

/** How often per period it is looked whether bytes have moved: so much later than due is it noticed at most. */
const SAMPLES = 4;

/** Rings when nothing has moved for some time. That bytes move costs nothing: their count is looked at now and then. */
export class IdleTimer {
  readonly #count: () => number;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #period = 0;
  #counted = 0;
  /** When the count was last seen to change. */
  #movedAt = 0;

  /** `count` gives a number that grows with every byte. */
  constructor(count: () => number, ring: () => void) {
    this.#count = count;
    this.#ring = ring;
  }

  /** Rings once after `period` ms without a byte, and again after as many; 0 or `Infinity`: never. */
  set(period: number): void {
    clearInterval(this.#timer);
    this.#period = period;
    if (period === 0 || period === Infinity) return;
    this.#moved();
    const interval = Math.min(Math.max(1, period / SAMPLES), LONGEST_TIMER);
    this.#timer = setInterval(() => this.#look(), interval).unref();
  }

  #look(): void {
    if (this.#count() !== this.#counted) this.#moved();
    else if (performance.now() - this.#movedAt >= this.#period) {
      this.#moved();
      this.#ring();
    }
  }

  #moved(): void {
    this.#counted = this.#count();
    this.#movedAt = performance.now();
  }
}
