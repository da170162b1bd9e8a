import { CallList, type Call } from "./call.js";

/** The requests with the same key that were sent and whose replies have not come: these come in the same order. */
export class Line extends CallList {
  /** How many replies have come. */
  answered = 0;
  /** When that was last seen to change. */
  answeredAt = 0;
  #seen = 0;

  /**
   * `isStrict`: a reply that is overdue leaves no reply after it to be believed. So it is where all requests are in one line;
   * and in any line in which a reply was overdue before.
   */
  constructor(public isStrict: boolean) {
    super();
  }

  noteAnswers(now: number): void {
    if (this.answered === this.#seen) return;
    this.#seen = this.answered;
    this.answeredAt = now;
  }
}

/** Which request a message answers. */
export interface Lines extends Iterable<Line> {
  /** Adds a request that is sent now. */
  push(call: Call): void;
  /** The line of the requests with this key, if there is one. */
  get(key: unknown): Line | undefined;
  /** Removes a request: its reply has come, or it was not sent after all. */
  remove(line: Line, call: Call): void;
}

/** Replies that come in the order of all requests. */
export class OneLine implements Lines {
  readonly #line = new Line(true);

  push(call: Call): void {
    this.#line.push(call);
  }

  get(): Line {
    return this.#line;
  }

  remove(line: Line, call: Call): void {
    line.remove(call);
  }

  *[Symbol.iterator](): Generator<Line, void> {
    yield this.#line;
  }
}

/** Replies that have keys. */
export class LineOfEachKey implements Lines {
  readonly #lines = new Map<unknown, Line>();

  push(call: Call): void {
    let line = this.#lines.get(call.key);
    if (line === undefined) this.#lines.set(call.key, (line = new Line(false)));
    line.push(call);
  }

  get(key: unknown): Line | undefined {
    return this.#lines.get(key);
  }

  remove(line: Line, call: Call): void {
    line.remove(call);
    if (line.size === 0) this.#lines.delete(call.key);
  }

  [Symbol.iterator](): IterableIterator<Line> {
    return this.#lines.values();
  }
}
