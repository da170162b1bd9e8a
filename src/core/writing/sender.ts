import { nextTick } from "node:process";
import type { OperationOptions } from "../../options/operation.js";
import { aborted, timedOut, translated, type Subject } from "../../errors.js";
import { watch, type Cancellable } from "../timing/signals.js";
import { letReport } from "../timing/let-arrive.js";
import { kernelUnits, nextTurn, postpone, spend } from "../timing/budget.js";
import { Deadline, Deadlines } from "../timing/deadlines.js";
import { WritePromise, failAll } from "./write-promise.js";
import { whenAwaited } from "../timing/fail-at-caller.js";
import { memoryChanged } from "../bytes/given-bytes.js";
import { isWhole, estimatedSizeOf, sizeOf, type Payload } from "../bytes/payload.js";
import { causeOfFailure, type Outcome, type Taken } from "../transport/outcome.js";
import type { Transport } from "../transport/transport.js";
import { CORKED, HANDING, IDLE, type MakeError, type Sending, type State } from "./sender-state.js";
import { Entry, NOT_BEGUN, payloadOfAll, WriteQueue } from "./write-queue.js";

/** What the sender needs of the connection. */
export interface SenderHost {
  readonly subject: Subject;
  readonly transport: Transport;
  /** Has {@link Sender.expire} called at `due` or earlier. */
  wakeAt(due: number): void;
  /** The time, in milliseconds from any start. */
  now(): number;
  /** The first call waits from now on, or the last one no longer does. */
  waitChanged(): void;
}

/** What the sender tells the output. */
export interface SenderEvents {
  /** Sending has failed: the output calls {@link Sender.drop}. */
  fail(cause: unknown): void;
  /** Bytes will not be sent. `call` is the promise that tells the program; `null`: no promise does. */
  lost(call: WritePromise | null): void;
  /** Fails the output if bytes were lost and no caller has observed that; `call` is a promise that then tells of it. */
  surfaceLoss(call: WritePromise | null): void;
  /** The FIN was sent, or all that comes before it, where a mark stands in its place. */
  finSent(): void;
  /** The kernel has taken all that was queued. Returns whether the output has queued more. */
  drained(): boolean;
}

/** Most bytes that are sent in one go, unless a single write has more: none of them can be taken back. */
const MAX_GROUP_BYTES = 64 * 1024;

export const SETTLED = Promise.resolve();
const NO_OPTIONS: OperationOptions = {};
const NONE: readonly Entry[] = [];

/** The queue of all senders that have never queued anything, as most never do. Nothing is put into it. */
const EMPTY_QUEUE = new WriteQueue();

/**
 * Sends entries one after the other and settles the calls that wait for them. The transport has at most one entry, or one
 * group of them that is sent in one go; an entry whose caller gives up before it is sent leaves the queue, one that is being
 * sent is sent to its end.
 */
export class Sender {
  readonly #host: SenderHost;
  readonly #events: SenderEvents;
  readonly #writeTimeout: number;
  /** Whether what was written in one turn is sent in one go. */
  readonly #autoCork: boolean;
  /** `null` while no call has ever waited: most never do. */
  #deadlines: Deadlines<Entry> | null = null;
  #state: State = IDLE;
  /** What is sent behind the entry that the transport has. */
  #queue = EMPTY_QUEUE;
  /** How many calls wait. */
  #waiting = 0;
  /** What the transport calls when it has answered `"pending"`; `null` while nothing was ever handed to it. */
  #onTakenBound: Taken | null = null;

  constructor(host: SenderHost, events: SenderEvents, writeTimeout: number, autoCork: boolean) {
    this.#host = host;
    this.#events = events;
    this.#writeTimeout = writeTimeout;
    this.#autoCork = autoCork;
  }

  /** Whether the kernel has taken everything. */
  get idle(): boolean {
    return this.#state === IDLE;
  }

  /** Whether a call waits. */
  get waits(): boolean {
    return this.#waiting > 0;
  }

  /** Bytes that the kernel has not taken. */
  get length(): number {
    if (this.idle) return 0;
    const { unsent } = this.#host.transport;
    const size = this.#sending?.size ?? (unsent === Infinity ? 0 : unsent);
    return this.#queue.size + Math.min(size, unsent);
  }

  /**
   * Sends a payload now, or behind what is queued as an entry of this kind. Settles when the kernel has taken it; with
   * `null` for options no call waits for that.
   */
  send(
    kind: "data" | "gathered",
    payload: Payload,
    options: OperationOptions | null | undefined,
  ): Promise<void> {
    if (this.#autoCork && this.#cork(options)) {
      const settled = this.#push(new Entry(kind, "write", payload), options);
      if (this.#queue.size >= MAX_GROUP_BYTES) this.uncork();
      return settled;
    }
    if (!this.idle) return this.enqueue(new Entry(kind, "write", payload), options);
    this.#state = HANDING;
    const outcome = this.#host.transport.send(payload, this.#taken);
    if (outcome === "taken") {
      // Most writes have nothing behind them, and run no code of the program's.
      if (this.#queue.first === null && !this.#isCut && !this.#events.drained()) this.#state = IDLE;
      else this.#handOn();
      return spend(kernelUnits(estimatedSizeOf(payload))) ? SETTLED : nextTurn();
    }
    if (outcome === "failed") {
      const cause = causeOfFailure();
      const error = translated("write", this.#host.subject, cause, { written: "nothing" });
      const failed = options === null ? null : WritePromise.failed(error);
      this.#host.transport.refused(sizeOf(payload));
      this.#events.lost(failed);
      this.#events.fail(cause);
      this.#state = IDLE;
      return failed ?? SETTLED;
    }
    const entry = new Entry(kind, "write", payload);
    const entries = [entry];
    const cut = this.#startSending(entries, entry.size);
    const settled = options === null ? SETTLED : this.#wait(entry, options);
    this.#cutOff(entries, cut);
    return settled;
  }

  /** Puts an entry at the end of the queue. Settles when it was sent; with `null` for options no call waits for that. */
  enqueue(entry: Entry, options: OperationOptions | null | undefined): Promise<void> {
    const settled = this.#push(entry, options);
    if (this.idle) this.#handOn();
    else this.uncork();
    return settled;
  }

  /** Sends what was written in this turn. */
  uncork(): void {
    if (this.#state !== CORKED) return;
    this.#handOn();
    const sending = this.#sending;
    if (sending === null) return;
    // What was not taken at once waits from now on.
    for (const entry of sending.entries) this.#bound(entry);
    for (let entry = this.#queue.first; entry !== null; entry = entry.next) this.#bound(entry);
  }

  /** Hands nothing to the transport before that has connected: what waits has not been sent. */
  holdUntilConnected(): void {
    const opening = new Entry("open", "write");
    opening.unwatch = this.#host.transport.whenConnected(() => this.#onTaken(null));
    this.#startSending([opening], 0);
  }

  /** Drops all entries and rejects the calls that wait for them. */
  drop(makeError: MakeError): void {
    const sending = this.#stop(makeError);
    const dropped = [...sending, ...this.#takeAll()];
    for (const entry of dropped) if (entry.isData) this.#events.lost(entry.promise);
    this.#rejectAll(dropped, makeError);
  }

  /**
   * Rejects all calls that wait, and returns the entries that were not handed to the transport: the socket's next user
   * sends them. The transport goes on sending what it has.
   */
  detach(makeError: MakeError): readonly Entry[] {
    const sending = this.#stop(makeError);
    const left = this.#takeAll();
    this.#rejectAll([...sending, ...left], makeError);
    return left;
  }

  /** Fails the calls whose time is up by `now`, in ms; returns when to look again. */
  expire(now: number): number {
    this.uncork();
    const deadlines = this.#deadlines;
    const sending = this.#sending;
    if (sending === null || deadlines === null) return Infinity;
    const { unsent } = this.#host.transport;
    if (unsent !== sending.unsent) {
      sending.progressAt = now;
      sending.unsent = unsent;
    }
    this.#expireAll(deadlines.late(now, sending.progressAt));
    return deadlines.next(now, sending.progressAt);
  }

  get #sending(): Sending | null {
    const state = this.#state;
    return state.kind === "sending" ? state : null;
  }

  get #isCut(): boolean {
    return this.#state.kind === "cut";
  }

  get #taken(): Taken {
    return (this.#onTakenBound ??= (error) => this.#onTaken(error));
  }

  /** The transport has taken all that was pending, or never will. */
  #onTaken(error: Error | null | undefined): void {
    const sending = this.#sending;
    // What a destroyed socket says of its last write differs between releases; its 'close' settles everything.
    if (sending === null || this.#host.transport.destroyed) return;
    if (error) {
      this.#host.transport.refused(sending.unsent);
      this.#events.fail(error);
      return;
    }
    this.#state = HANDING;
    for (const entry of sending.entries) this.#sent(entry);
    this.#handOn();
  }

  /**
   * Whether a write is queued until the program's code, and what follows it in the same turn, has run. One that may not wait
   * is not, and is sent behind those before it.
   */
  #cork(options: OperationOptions | null | undefined): boolean {
    if (this.#state !== CORKED && !this.idle) return false;
    if ((options?.timeout ?? this.#writeTimeout) === 0) {
      this.uncork();
      return false;
    }
    if (this.idle) {
      this.#state = CORKED;
      // A loop of writes that are awaited must let the event loop turn.
      if (spend(kernelUnits(0))) nextTick(uncork, this);
      else postpone(() => this.uncork());
    }
    return true;
  }

  #push(entry: Entry, options: OperationOptions | null | undefined): Promise<void> {
    if (this.#queue === EMPTY_QUEUE) this.#queue = new WriteQueue();
    this.#queue.push(entry);
    return options === null ? SETTLED : this.#wait(entry, options);
  }

  /** Hands on what is queued, for as long as the transport takes it at once. */
  #handOn(): void {
    if (!this.#isCut) this.#state = HANDING;
    for (;;) {
      // A flush or an end also reports losses before it; and a FIN behind a gap would make the stream look complete.
      const { first } = this.#queue;
      if (first?.isData === false) this.#events.surfaceLoss(first.promise);
      const entries = this.#queue.shiftGroup(this.#autoCork ? MAX_GROUP_BYTES : 0);
      if (entries.length === 0) {
        if (!this.#events.drained()) break;
      } else if (this.#handAll(entries) === "pending") return;
    }
    this.#state = IDLE;
  }

  /** Hands entries to the transport in one go. */
  #handAll(given: readonly Entry[]): Outcome {
    const entries = given.filter((entry) => this.#isWhole(entry));
    if (entries.length === 0) return "failed";
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    for (const entry of entries) entry.isSending = true;
    const outcome = this.#hand(entries);
    if (outcome === "taken") {
      for (const entry of entries) this.#sent(entry);
    } else if (outcome === "failed") {
      const cause = causeOfFailure();
      this.#host.transport.refused(size);
      for (const entry of entries) {
        if (entry.isData) this.#events.lost(entry.promise);
        this.#reject(entry, () =>
          translated(entry.operation, this.#host.subject, cause, entry.written(false)),
        );
      }
      this.#events.fail(cause);
    } else this.#cutOff(entries, this.#startSending(entries, size));
    return outcome;
  }

  /** Whether the memory of an entry is what it was; rejects the call if it is not. */
  #isWhole(entry: Entry): boolean {
    if (isWhole(entry.payload, entry.size)) return true;
    this.#reject(entry, () => {
      this.#events.lost(entry.promise);
      return memoryChanged();
    });
    return false;
  }

  #hand(entries: readonly Entry[]): Outcome {
    const { transport } = this.#host;
    const kind = entries[0]?.kind;
    if (kind === "mark") return "taken";
    if (kind === "end") return transport.end(this.#taken);
    return transport.send(payloadOfAll(entries), this.#taken);
  }

  /** The transport has taken all of an entry. */
  #sent(entry: Entry): void {
    this.#settle(entry);
    if (entry.kind === "end") this.#events.finSent();
  }

  /** The transport has entries, and calls back. Returns what they are to be rejected with at once, if they are. */
  #startSending(entries: readonly Entry[], size: number): MakeError | null {
    const state = this.#state;
    const { unsent } = this.#host.transport;
    for (const entry of entries) entry.isSending = true;
    this.#state = { kind: "sending", entries, size, progressAt: this.#host.now(), unsent };
    return state.kind === "cut" ? state.makeError : null;
  }

  /** Rejects calls that were being handed to the transport while code inside of that dropped or detached everything. */
  #cutOff(entries: readonly Entry[], makeError: MakeError | null): void {
    if (makeError === null) return;
    this.#state = IDLE;
    for (const entry of entries) {
      if (entry.isData) this.#events.lost(entry.promise);
      this.#reject(entry, () => makeError(entry, true));
    }
  }

  /** Waits for the transport no longer. Returns the entries that it has. */
  #stop(makeError: MakeError): readonly Entry[] {
    const state = this.#state;
    if (state.kind === "handing" || state.kind === "cut") this.#state = { kind: "cut", makeError };
    else this.#state = IDLE;
    return state.kind === "sending" ? state.entries : NONE;
  }

  /** Makes the promise of the call that waits for an entry. */
  #wait(entry: Entry, { timeout, signal }: OperationOptions = NO_OPTIONS): Promise<void> {
    if (this.#waiting++ === 0) this.#host.waitChanged();
    if (timeout !== undefined) entry.deadline = new Deadline(entry, timeout);
    const promise = (entry.promise = WritePromise.pending());
    if ((timeout ?? this.#writeTimeout) === 0) {
      if (this.#host.transport.callsBackAtOnce) this.#expireAll([entry]);
      else
        letReport(
          () => (entry.isAwaited ? this.length : 0),
          () => this.#expireAll(entry.isAwaited ? [entry] : []),
        );
      return promise;
    }
    if (this.#state !== CORKED) this.#bound(entry);
    if (signal !== undefined) this.#watchSignal(signal, entry);
    return promise;
  }

  /** Begins the time of a call that waits, unless it has begun. */
  #bound(entry: Entry): void {
    if (!entry.isAwaited || entry.since !== NOT_BEGUN) return;
    this.#deadlines ??= new Deadlines(this.#writeTimeout);
    this.#host.wakeAt(this.#deadlines.add(entry, this.#host.now()));
  }

  #watchSignal(signal: AbortSignal, entry: Entry): void {
    const call: Cancellable = {
      aborted: () =>
        this.#giveUp(entry, (written) => aborted(entry.operation, this.#host.subject, signal, written)),
    };
    try {
      // The stream may have run code of the program's during the write, which may have aborted the signal.
      if (signal.aborted) {
        call.aborted(signal);
        return;
      }
      const own = watch(signal, call);
      entry.unwatch = () => own.leave();
    } catch (error) {
      this.#giveUp(entry, () => error);
    }
  }

  /** Rejects calls whose time is up. */
  #expireAll(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) this.#withdraw(entry);
    // Their callers have had the time to await them by then.
    whenAwaited(() => {
      for (const entry of entries)
        if (entry.kind === "data" && !entry.isSending) this.#events.lost(entry.promise);
    });
    this.#rejectAll(entries, (entry, isSending) => {
      const timeout = entry.deadline?.timeout ?? this.#writeTimeout;
      return timedOut(entry.operation, this.#host.subject, timeout, entry.written(isSending));
    });
  }

  /** Takes an entry out of the queue, unless it is sent all the same. */
  #withdraw(entry: Entry): void {
    if (entry.isSending || entry.staysQueued) return;
    this.#queue.remove(entry);
    entry.payload = "";
  }

  /** Rejects a call whose caller waits no longer. */
  #giveUp(entry: Entry, make: (written: { written?: "nothing" | "partly" }) => unknown): void {
    this.#withdraw(entry);
    this.#reject(entry, () => make(entry.written(entry.isSending)));
  }

  #settle(entry: Entry): void {
    this.#stopWaiting(entry);
    entry.promise?.succeed();
    this.#deadlines?.remove(entry);
  }

  #reject(entry: Entry, make: () => unknown): void {
    this.#stopWaiting(entry);
    entry.promise?.fail(make);
    this.#deadlines?.remove(entry);
  }

  /** Takes all entries out of the queue. */
  #takeAll(): Entry[] {
    const all = [];
    for (let entry = this.#queue.shift(); entry !== null; entry = this.#queue.shift()) all.push(entry);
    return all;
  }

  #rejectAll(entries: readonly Entry[], makeError: MakeError): void {
    const awaited = entries.filter((entry) => entry.isAwaited);
    for (const entry of entries) this.#stopWaiting(entry);
    for (const entry of awaited) {
      if (entry.promise !== null) entry.promise.isPending = false;
      this.#deadlines?.remove(entry);
    }
    const kindOf = (entry: Entry) =>
      [entry.kind, entry.operation, entry.isSending, entry.deadline?.timeout].join();
    if (awaited.length > 0)
      whenAwaited(() => failAll(awaited, kindOf, (entry) => makeError(entry, entry.isSending)));
  }

  #stopWaiting(entry: Entry): void {
    if (entry.isAwaited && --this.#waiting === 0) this.#host.waitChanged();
    const { unwatch } = entry;
    entry.unwatch = null;
    unwatch?.();
  }
}

function uncork(sender: Sender): void {
  sender.uncork();
}
