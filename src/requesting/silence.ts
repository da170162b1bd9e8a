import type { Call, CallList } from "./call.js";
import type { Line, Lines } from "./lines.js";

/** How often per `readTimeout` the replies that are due are looked at. */
const SAMPLES_PER_TIMEOUT = 4;

/** What has waited too long. */
export interface Verdict {
  /** A reply has not come, and no reply after it could be believed. */
  readonly isFatal: boolean;
  /** Calls that have waited for the `readTimeout`, and have no timeouts of their own. */
  readonly late: readonly Call[];
  /** Calls whose replies are overdue, while requests with other keys go on. */
  readonly overdue: readonly (readonly [Line, Call])[];
  /** When to look again. */
  readonly next: number;
}

const FATAL: Verdict = { isFatal: true, late: [], overdue: [], next: Infinity };

/**
 * Which calls have waited for as long as the `readTimeout` without progress. Replies cost nothing: the counts of bytes and of
 * replies are looked at now and then, so that a silence may be noticed a quarter of the `readTimeout` late.
 */
export class Silence {
  readonly #timeout: number;
  /** Bytes that had arrived at the last look, and when that was last seen to change while a message was incomplete. */
  #received = 0;
  #progressAt = 0;

  constructor(readTimeout: number) {
    this.#timeout = readTimeout;
  }

  /** When to look at a call that begins to wait. */
  firstLook(now: number): number {
    return now + this.#timeout / SAMPLES_PER_TIMEOUT;
  }

  /** Looks at the calls whose requests were sent, and at those in the `queue`. */
  look(now: number, lines: Lines, queue: CallList, input: { received: number; length: number }): Verdict {
    if (this.#timeout === Infinity) return { isFatal: false, late: [], overdue: [], next: Infinity };
    this.#noteProgress(now, input);
    const late: Call[] = [];
    const overdue: [Line, Call][] = [];
    let next = Infinity;
    let answeredAt = 0;
    let isIdle = queue.first === null;
    for (const line of lines) {
      line.noteAnswers(now);
      answeredAt = Math.max(answeredAt, line.answeredAt);
      for (const call of line) {
        if (call.isOverdue) continue;
        isIdle = false;
        if (call.isAwaited && call.timeout !== undefined) continue;
        const due = this.#dueOf(call, line.answeredAt);
        if (due > now) {
          next = Math.min(next, due);
          continue;
        }
        // No more than one in a line is overdue, the first.
        const isFirst = call.previous === null || call.previous.isOverdue;
        if (isFirst && (line.isStrict || line.size > 1)) return FATAL;
        if (call.isAwaited) late.push(call);
        if (isFirst) overdue.push([line, call]);
      }
    }
    for (const call of queue) {
      if (call.timeout !== undefined) continue;
      const due = this.#dueOf(call, answeredAt);
      if (due > now) next = Math.min(next, due);
      else late.push(call);
    }
    return { isFatal: false, late, overdue, next: isIdle ? Infinity : Math.min(next, this.firstLook(now)) };
  }

  #dueOf({ since }: Call, answeredAt: number): number {
    return Math.max(since, answeredAt, this.#progressAt) + this.#timeout;
  }

  #noteProgress(now: number, { received, length }: { received: number; length: number }): void {
    if (received === this.#received) return;
    this.#received = received;
    // A part of a message: the rest is on its way.
    if (length > 0) this.#progressAt = now;
  }
}
