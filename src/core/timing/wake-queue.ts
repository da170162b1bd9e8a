/** A member of a {@link WakeQueue}. */
export interface Timed {
  /** When it is due: `Infinity` if it is not. Only the queue changes this, and the next. */
  due: number;
  /** Where it is in the queue; -1 if it is not. */
  place: number;
}

/** Whom the alarm wakes. */
export interface Sleeper extends Timed {
  /** Ends the waits whose time is up by `now`; answers when to wake it again, or `Infinity`. */
  expire(now: number): number;
}

/** Who is to be woken when: a binary heap, whose members know their places, so that they can leave early. */
export class WakeQueue<T extends Timed = Sleeper> {
  readonly #heap: T[] = [];

  /** The one to be woken first. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Puts a sleeper in, or moves it forward: while it is in, it can only be due earlier. */
  put(sleeper: T, due: number): void {
    sleeper.due = due;
    if (sleeper.place === -1) sleeper.place = this.#heap.push(sleeper) - 1;
    this.#rise(sleeper);
  }

  /** Takes a sleeper out, if it is in. */
  remove(sleeper: T): void {
    const { place } = sleeper;
    if (place === -1) return;
    sleeper.place = -1;
    sleeper.due = Infinity;
    const last = this.#heap.pop();
    if (last === undefined || last === sleeper) return;
    this.#set(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #rise(sleeper: T): void {
    while (sleeper.place > 0) {
      const { place } = sleeper;
      const parent = this.#heap[(place - 1) >> 1];
      if (parent === undefined || parent.due <= sleeper.due) return;
      this.#set(sleeper, parent.place);
      this.#set(parent, place);
    }
  }

  #sink(sleeper: T): void {
    for (;;) {
      const { place } = sleeper;
      const left = this.#heap[2 * place + 1];
      const right = this.#heap[2 * place + 2];
      const child = right !== undefined && left !== undefined && right.due < left.due ? right : left;
      if (child === undefined || child.due >= sleeper.due) return;
      this.#set(sleeper, child.place);
      this.#set(child, place);
    }
  }

  #set(sleeper: T, place: number): void {
    this.#heap[place] = sleeper;
    sleeper.place = place;
  }
}
