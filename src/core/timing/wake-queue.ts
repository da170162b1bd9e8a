/** A member of a {@link WakeQueue}. */
export interface Timed {
  /** When the member is due; `Infinity` outside of the queue. Only the queue changes this field and the next. */
  due: number;
  /** Index of the member in the queue; -1 outside of it. */
  place: number;
}

/** What an alarm wakes. */
export interface Sleeper extends Timed {
  /** Ends the waits whose time is up by `now`. Returns when to wake the sleeper again, or `Infinity`. */
  expire(now: number): number;
}

/** What is due first: a binary heap whose members know their places, so that they can leave early. */
export class WakeQueue<T extends Timed = Sleeper> {
  readonly #heap: T[] = [];

  /** The member that is due first. */
  get first(): T | undefined {
    return this.#heap[0];
  }

  /** Adds a sleeper, or moves it forward: a sleeper that is in the queue can only become due earlier. */
  put(sleeper: T, due: number): void {
    sleeper.due = due;
    if (sleeper.place === -1) sleeper.place = this.#heap.push(sleeper) - 1;
    this.#rise(sleeper);
  }

  /** Removes a sleeper, if it is in the queue. */
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
