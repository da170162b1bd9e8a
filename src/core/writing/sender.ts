import type { OperationOptions } from "../../options/operation.js";
import { aborted, timedOut, translated, type Subject } from "../../errors.js";
import { unwatch, watch, type Cancellable } from "../timing/signals.js";
import { clock } from "../timing/clock.js";
import { kernelUnits, nextTurn, rejectedInTime, spend } from "../timing/budget.js";
import { Deadline, Deadlines } from "../timing/deadlines.js";
import { WritePromise, failAll } from "./write-promise.js";
import { markHandled, whenAwaited } from "../timing/fail-at-caller.js";
import { memoryChanged } from "../bytes/given-bytes.js";
import { isWhole, lengthOf, sizeOf, type Payload } from "../bytes/payload.js";
import { causeOfFailure, type Outcome, type Taken } from "../transport/outcome.js";
import type { Transport } from "../transport/transport.js";
import { Entry, WriteQueue } from "./write-queue.js";

/** What the sender needs of those it works for. */
export interface SenderHost {
  readonly subject: Subject;
  /** Has {@link Sender.expire} called at that time, if not earlier. */
  wakeAt(due: number): void;
  /** The time, in milliseconds from any start. */
  now(): number;
  /** A call waits from now on, or none does any more. */
  waitChanged(): void;
  readonly transport: Transport;
  /** Sending failed. */
  fail(cause: unknown): void;
  /** Bytes are lost that this call answers for, or none does. */
  lost(call: WritePromise | null): void;
  /** Fails if bytes are lost, and nobody has heard of it; `teller` tells of it then. */
  surface(teller: WritePromise | null): void;
  /** An entry of kind `end` has had its turn. */
  finSent(): void;
  /** The kernel has taken all; answers whether that has put something into the queue. */
  drained(): boolean;
}

export const DONE = Promise.resolve();
const NONE: OperationOptions = {};

/** The queue of those who never had to queue anything: most never do. */
const NOTHING = new WriteQueue();

/**
 * Has entries sent one after the other and settles the calls that wait for them. At most one is with the kernel; one
 * whose caller gives up before its turn leaves the queue, one in its turn is sent to its end.
 */
export class Sender {
  readonly #host: SenderHost;
  readonly #writeTimeout: number;
  /** `null` while no call has ever waited: most never do. */
  #deadlines: Deadlines<Entry> | null = null;
  /** The entry of which the kernel has not taken all. While there is none, the queue is empty. */
  #turn: Entry | null = null;
  #queue = NOTHING;
  /** Calls that wait. */
  #waits = 0;
  /**
   * Entries are being handed to the transport. Some streams run the program's code in the course of that: calls that it
   * makes have to queue, and are handed on when the transport has returned.
   */
  #handing = false;
  /** Set by {@link drop} and {@link detach} from such code: rejects the call that the transport is being handed. */
  #cut: ((entry: Entry, inTurn: boolean) => unknown) | null = null;
  /** Called by the transport for all that is pending; `null` while nothing was ever handed to it. */
  #callback: Taken | null = null;
  /** When the kernel was last seen to take bytes of the entry in its turn, and how many it left. */
  #progressAt = 0;
  #unsent = 0;

  constructor(host: SenderHost, writeTimeout: number) {
    this.#host = host;
    this.#writeTimeout = writeTimeout;
  }

  /** Whether the kernel has taken all. */
  get idle(): boolean {
    return this.#turn === null && !this.#handing;
  }

  /** Whether a call waits. */
  get waits(): boolean {
    return this.#waits > 0;
  }

  /** Bytes that the kernel has not taken. */
  get length(): number {
    if (this.idle) return 0;
    const { unsent } = this.#host.transport;
    const inTurn = this.#turn?.size ?? (unsent === Infinity ? 0 : unsent);
    return this.#queue.size + Math.min(inTurn, unsent);
  }

  /** Sends a payload now, or in its turn as an entry of this kind. With `null` for options nobody waits for it. */
  send(kind: "data" | "kept", payload: Payload, options: OperationOptions | null | undefined): Promise<void> {
    if (!this.idle) return this.enqueue(new Entry(kind, "write", payload), options);
    this.#handing = true;
    const outcome = this.#host.transport.send(payload, this.#taken);
    if (outcome === "taken") {
      // Most writes have neither anything behind them, nor something that the program's code did inside of them.
      if (this.#queue.first === null && this.#cut === null && !this.#host.drained()) this.#handing = false;
      else this.#handOn();
      return spend(kernelUnits(lengthOf(payload))) ? DONE : nextTurn();
    }
    if (outcome === "failed") {
      const cause = causeOfFailure();
      const error = translated("write", this.#host.subject, cause, { written: "nothing" });
      const failed = options === null ? null : WritePromise.failed(error);
      this.#host.transport.refused(sizeOf(payload));
      this.#host.lost(failed);
      this.#host.fail(cause);
      this.#handing = false;
      return failed ?? DONE;
    }
    const entry = new Entry(kind, "write", payload);
    this.#takesTurn(entry);
    this.#handing = false;
    const settled = options === null ? DONE : this.#wait(entry, options);
    this.#cutOff();
    return settled;
  }

  /** Puts an entry at the end of the queue. With `null` for options nobody waits for it. */
  enqueue(entry: Entry, options: OperationOptions | null | undefined): Promise<void> {
    if (this.#queue === NOTHING) this.#queue = new WriteQueue();
    this.#queue.push(entry);
    const settled = options === null ? DONE : this.#wait(entry, options);
    if (this.idle) this.#handOn();
    return settled;
  }

  /** Hands nothing to the transport before that has connected: what waits has not been sent. */
  holdUntilConnected(): void {
    const opening = new Entry("open", "write");
    opening.forget = this.#host.transport.whenConnected(() => this.#onTaken(null));
    this.#takesTurn(opening);
  }

  /** Drops all entries and rejects those who wait. */
  drop(make: (entry: Entry, inTurn: boolean) => unknown): void {
    const turn = this.#turn;
    this.#turn = null;
    if (this.#handing) this.#cut = make;
    const dropped = this.#takeAll(turn);
    for (const entry of dropped) if (entry.isData) this.#host.lost(entry.promise);
    this.#rejectAll(dropped, turn, make);
  }

  /**
   * Rejects those who wait, and gives away what has not had its turn: whoever sends on this socket from now on sends it.
   * What is in its turn is with the kernel and goes on.
   */
  detach(make: (entry: Entry) => unknown): readonly Entry[] {
    const turn = this.#turn;
    this.#turn = null;
    if (this.#handing) this.#cut = make;
    const left = this.#takeAll(null);
    this.#rejectAll(turn === null ? left : [turn, ...left], turn, make);
    return left;
  }

  /** Fails the calls whose time is up by `now`; answers when to look again. */
  expire(now: number): number {
    const deadlines = this.#deadlines;
    if (this.#turn === null || deadlines === null) return Infinity;
    const { unsent } = this.#host.transport;
    if (unsent !== this.#unsent) this.#progressed(now, unsent);
    this.#expireAll(deadlines.late(now, this.#progressAt));
    return deadlines.next(now, this.#progressAt);
  }

  /** The transport has taken what it was being handed, or not. */
  #onTaken(error: Error | null | undefined): void {
    const turn = this.#turn;
    // What a destroyed socket says of its last write differs between releases; its 'close' settles everything.
    if (turn === null || this.#host.transport.destroyed) return;
    if (error) {
      this.#host.transport.refused(this.#unsent);
      this.#host.fail(error);
      return;
    }
    this.#handing = true;
    this.#turn = null;
    this.#settle(turn);
    if (turn.kind === "end") this.#host.finSent();
    this.#handOn();
  }

  get #taken(): Taken {
    return (this.#callback ??= (error) => this.#onTaken(error));
  }

  /** Hands on entry after entry, for as long as the transport takes them at once. */
  #handOn(): void {
    this.#handing = true;
    while (this.#turn === null) {
      // A call that answers for all that was written before it: should bytes be lost, no FIN must close the gap.
      const { first } = this.#queue;
      if (first?.isData === false) this.#host.surface(first.promise);
      const entry = this.#queue.shift();
      if (entry !== null) this.#handEntry(entry);
      else if (!this.#host.drained()) break;
    }
    this.#handing = false;
    this.#cutOff();
  }

  #handEntry(entry: Entry): void {
    if (!isWhole(entry.payload, entry.size)) {
      this.#reject(entry, () => {
        this.#host.lost(entry.promise);
        return memoryChanged();
      });
      return;
    }
    const outcome = this.#hand(entry);
    if (outcome === "pending") {
      this.#takesTurn(entry);
    } else if (outcome === "taken") {
      this.#settle(entry);
      if (entry.kind === "end") this.#host.finSent();
    } else {
      const cause = causeOfFailure();
      this.#host.transport.refused(entry.size);
      if (entry.isData) this.#host.lost(entry.promise);
      this.#reject(entry, () => translated(entry.operation, this.#host.subject, cause, entry.written(false)));
      this.#host.fail(cause);
    }
  }

  #hand({ kind, payload }: Entry): Outcome {
    if (kind === "mark") return "taken";
    const { transport } = this.#host;
    return kind === "end" ? transport.end(this.#taken) : transport.send(payload, this.#taken);
  }

  /** Rejects the call whose turn has come in spite of a {@link drop} or a {@link detach} from inside of the transport. */
  #cutOff(): void {
    const make = this.#cut;
    const turn = this.#turn;
    this.#cut = null;
    if (make === null || turn === null) return;
    this.#turn = null;
    if (turn.isData) this.#host.lost(turn.promise);
    this.#reject(turn, () => make(turn, true));
  }

  #takesTurn(entry: Entry): void {
    this.#turn = entry;
    this.#progressed(this.#host.now(), this.#host.transport.unsent);
  }

  #progressed(now: number, unsent: number): void {
    this.#progressAt = now;
    this.#unsent = unsent;
  }

  /** Makes the promise of the call that waits for an entry. */
  #wait(entry: Entry, { timeout, signal }: OperationOptions = NONE): Promise<void> {
    if (this.#waits++ === 0) this.#host.waitChanged();
    if (timeout !== undefined) entry.deadline = new Deadline(entry, timeout);
    const promise = (entry.promise = WritePromise.pending());
    if ((timeout ?? this.#writeTimeout) === 0) {
      if (this.#host.transport.callsBackAtOnce) this.#expireAll([entry]);
      else clock.setImmediate(() => this.#expireAll(entry.isAwaited ? [entry] : []));
      return promise;
    }
    this.#deadlines ??= new Deadlines(this.#writeTimeout);
    this.#host.wakeAt(this.#deadlines.add(entry, this.#host.now()));
    if (signal !== undefined) this.#heed(signal, entry);
    return promise;
  }

  #heed(signal: AbortSignal, entry: Entry): void {
    const call: Cancellable = {
      aborted: () =>
        this.#giveUp(entry, (written) => aborted(entry.operation, this.#host.subject, signal, written)),
    };
    try {
      // A stream that was given bytes of this call may have run the program, which has aborted it.
      if (signal.aborted) {
        call.aborted(signal);
        return;
      }
      watch(signal, call);
      entry.forget = () => unwatch(signal, call);
    } catch (error) {
      this.#giveUp(entry, () => error);
    }
  }

  /** The time of these calls is up. */
  #expireAll(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const turn = this.#turn;
    for (const entry of entries) if (entry !== turn) this.#leave(entry);
    // Not before: by then their callers have had the time to await them.
    whenAwaited(() => {
      for (const entry of entries)
        if (entry.kind === "data" && entry !== turn) this.#host.lost(entry.promise);
    });
    this.#rejectAll(entries, turn, (entry, inTurn) => {
      const timeout = entry.deadline?.timeout ?? this.#writeTimeout;
      return timedOut(entry.operation, this.#host.subject, timeout, entry.written(inTurn));
    });
  }

  /** Takes an entry out of the queue before its turn, unless it has its turn all the same. */
  #leave(entry: Entry): void {
    if (entry.staysQueued) return;
    this.#queue.remove(entry);
    entry.payload = "";
  }

  /** The caller no longer waits. */
  #giveUp(entry: Entry, make: (written: { written?: "nothing" | "partly" }) => unknown): void {
    const inTurn = entry === this.#turn;
    if (!inTurn) this.#leave(entry);
    this.#reject(entry, () => make(entry.written(inTurn)));
  }

  #settle(entry: Entry): void {
    this.#forget(entry);
    entry.promise?.succeed();
    this.#deadlines?.remove(entry);
  }

  #reject(entry: Entry, make: () => unknown): void {
    this.#forget(entry);
    entry.promise?.fail(make);
    this.#deadlines?.remove(entry);
  }

  /** Takes out all entries, after one that is out already. */
  #takeAll(turn: Entry | null): Entry[] {
    const all = turn === null ? [] : [turn];
    for (let entry = this.#queue.shift(); entry !== null; entry = this.#queue.shift()) all.push(entry);
    return all;
  }

  #rejectAll(
    entries: readonly Entry[],
    turn: Entry | null,
    make: (entry: Entry, inTurn: boolean) => unknown,
  ): void {
    const awaited = entries.filter((entry) => entry.isAwaited);
    for (const entry of entries) this.#forget(entry);
    for (const entry of awaited) {
      if (entry.promise !== null) entry.promise.waits = false;
      this.#deadlines?.remove(entry);
    }
    const kindOf = (entry: Entry) =>
      [entry.kind, entry.operation, entry === turn, entry.deadline?.timeout].join();
    if (awaited.length > 0)
      whenAwaited(() => failAll(awaited, kindOf, (entry) => make(entry, entry === turn)));
  }

  #forget(entry: Entry): void {
    if (entry.isAwaited && --this.#waits === 0) this.#host.waitChanged();
    const { forget } = entry;
    entry.forget = null;
    forget?.();
  }
}

/** A rejection that nobody has to handle. */
export function rejected(reason: unknown): Promise<never> {
  const promise = rejectedInTime(reason);
  markHandled(promise);
  return promise;
}
