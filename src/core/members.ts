/**
 * Members that come and go, in the order in which they came; each can leave in constant time.
 *
 * A `Set` would do the same. But V8 gives a set that members join and leave new memory every few times, and the old memory
 * refers to the members that it had, and to the new memory. Once it is in V8's old space, all of them stay alive until the
 * next full collection: a server whose sockets were in a set spent a sixth of its CPU time on copying those that had closed.
 */
export class Members<T> {
  #size = 0;
  #first: Member<T> | null = null;
  #last: Member<T> | null = null;

  get size(): number {
    return this.#size;
  }

  /** The member that came first. */
  get first(): Member<T> | null {
    return this.#first;
  }

  /** The values of all members that there are now. */
  get values(): readonly T[] {
    const values = [];
    for (let member = this.#first; member !== null; member = member.next) values.push(member.value);
    return values;
  }

  /** Adds a last member. */
  add(value: T): Member<T> {
    const added = new Member(this, value);
    added.previous = this.#last;
    if (this.#last === null) this.#first = added;
    else this.#last.next = added;
    this.#last = added;
    this.#size++;
    return added;
  }

  /** Takes one out. Only {@link Member.leave} calls it. */
  remove(member: Member<T>): void {
    const { previous, next } = member;
    // A member in V8's old space would keep all that came later alive.
    member.previous = member.next = null;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    this.#size--;
  }
}

/** A place among the members. Only {@link Members} changes `next` and `previous`. */
export class Member<T> {
  next: Member<T> | null = null;
  previous: Member<T> | null = null;
  /** `null` once it has left. */
  #all: Members<T> | null;

  constructor(
    all: Members<T>,
    readonly value: T,
  ) {
    this.#all = all;
  }

  /** Takes it out, unless it has left. */
  leave(): void {
    this.#all?.remove(this);
    this.#all = null;
  }
}
