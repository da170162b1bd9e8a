import { failAtCaller } from "../core/timing/fail-at-caller.js";
import type { Cancellable, Watch } from "../core/timing/signals.js";
import type { Timed } from "../core/timing/wake-queue.js";

/** Where a call reports that its signal was aborted. */
export interface CallHost {
  abort(call: Call, signal: AbortSignal): void;
}

/** One request, from the call of `request()` until its reply has come: also when its caller has given it up before. */
export class Call implements Cancellable, Timed {
  /** When its own timeout is over: see {@link Timed}. */
  due = Infinity;
  place = -1;
  /** In the {@link CallList} that it is in. */
  next: Call | null = null;
  previous: Call | null = null;
  /** Whether the caller still waits. */
  isAwaited = true;
  /** When it began to wait for what it waits for now: to be sent, for its reply, or for a reply that is thrown away. */
  since = 0;
  /** How many bytes had arrived when it was sent: its reply comes behind them. -1: it was not sent. */
  sentAt = -1;
  /** Whether its caller has given it up, and its reply has not come in time. */
  isOverdue = false;
  /** Of its signal; `null` if there is none. */
  watch: Watch | null = null;
  readonly #resolve: (value: unknown) => void;

  /** `timeout`: the caller's own; `undefined`: the `readTimeout` of the connection bounds each wait. */
  constructor(
    readonly host: CallHost,
    /** `undefined` once it was sent. */
    public message: unknown,
    readonly key: unknown,
    readonly timeout: number | undefined,
    readonly signal: AbortSignal | undefined,
    resolve: (value: never) => void,
  ) {
    this.#resolve = resolve as (value: unknown) => void;
  }

  /** Whether it is with the peer, or on the way. */
  get isSent(): boolean {
    return this.sentAt !== -1;
  }

  /** What its error says: of what was sent, the peer may have got some, perhaps all. */
  get written(): "nothing" | "partly" {
    return this.isSent ? "partly" : "nothing";
  }

  aborted(signal: AbortSignal): void {
    this.host.abort(this, signal);
  }

  succeed(reply: unknown): void {
    this.#leave();
    this.#resolve(reply);
  }

  /** Rejects with the error that `make` returns, whose stack has the functions that await the promise. */
  fail(make: () => unknown): void {
    this.#leave();
    failAtCaller(this.#resolve, make);
  }

  #leave(): void {
    this.isAwaited = false;
    this.watch?.leave();
  }
}

/** Calls in order. Any of them is removed in constant time. */
export class CallList implements Iterable<Call> {
  first: Call | null = null;
  #last: Call | null = null;
  size = 0;

  push(call: Call): void {
    this.size++;
    call.previous = this.#last;
    if (this.#last === null) this.first = call;
    else this.#last.next = call;
    this.#last = call;
  }

  /** Removes a call, which must be in the list. */
  remove(call: Call): void {
    this.size--;
    if (call.previous === null) this.first = call.next;
    else call.previous.next = call.next;
    if (call.next === null) this.#last = call.previous;
    else call.next.previous = call.previous;
    call.next = call.previous = null;
  }

  /** The calls; the one that was given last may be removed meanwhile. */
  *[Symbol.iterator](): Generator<Call, void> {
    for (let call = this.first; call !== null;) {
      const { next } = call;
      yield call;
      call = next;
    }
  }
}
