import { Buffer } from "node:buffer";
import { checkedOperation, READ, type OperationOptions } from "../../options/operation.js";
import type { LibraryCode } from "../../error-codes.js";
import { aborted, refused, timedOut, translated, type NetError } from "../../errors.js";
import { inNextTurn, QUEUE_UNITS, postpone, rejectedInTime, spend } from "../timing/budget.js";
import { ByteQueue } from "../bytes/byte-queue.js";
import { failAtCaller } from "../timing/fail-at-caller.js";
import type { NonSharedBuffer } from "../bytes/non-shared.js";
import { ReusedMemory, type Ring } from "../bytes/reused-memory.js";
import type { HalfHost } from "../half-host.js";
import { discards, ENDED, hasEnd, isClosed, isShut, OPEN, SHUT, type InputState } from "./input-state.js";
import { Refusal, WAIT, type Read } from "./reads.js";
import type { Sink } from "../transport/transport.js";
import { watchedRead, type ReaderProbe, type StreamReader, type Waiting } from "./waiting.js";

/** The default of `readAhead`. */
export const READ_AHEAD_BYTES = 64 * 1024;

const HANDED_OVER = "connection.socket is read as a stream";

/** The receiving half of a connection: what has arrived, and the one read that may wait for more. */
export class Input implements Sink {
  /** Bytes that have arrived since the connection was made. */
  received = 0;
  /** Whether the last read copies its bytes to the caller. */
  copies = false;
  /** Whether the peer has ended its side. */
  peerEnded = false;
  /** Whether ending this side leaves what arrives then in the kernel. */
  abandoned = false;
  /** A stream over the connection, which may hold bytes that come before those in the queue. */
  streamReader: StreamReader | null = null;

  readonly #queue = new ByteQueue();
  readonly #host: HalfHost;
  readonly readTimeout: number;
  /** While no read waits, reading stops at this many bytes, and the kernel's receive window fills. */
  readonly readAhead: number;
  #state: InputState = OPEN;
  #waiting: Waiting | null = null;
  /** The memory of a loop that reuses it. A read of another kind ends that, since its result is its caller's own. */
  #reusedMemory: ReusedMemory | null = null;
  /** Whether the transport does not read, since no read waits and enough is here. */
  #stopped = true;

  constructor(host: HalfHost, readTimeout: number, readAhead: number) {
    this.#host = host;
    this.readTimeout = readTimeout;
    this.readAhead = readAhead;
  }

  get readsAhead(): boolean {
    return this.readAhead > 0;
  }

  /** Has the transport read, if bytes are wanted before a read waits. */
  start(): void {
    this.#refill();
  }

  /** Bytes that are in the queue. */
  get length(): number {
    return this.#queue.length;
  }

  /** The first byte in the queue; `undefined` if it is empty. */
  get first(): number | undefined {
    return this.#queue.length === 0 ? undefined : this.#queue.at(0);
  }

  /** Bytes that can be read without waiting, including those in a stream whose user has left. */
  get readable(): number {
    return this.length + (discards(this.#state) ? 0 : (this.streamReader?.left ?? 0));
  }

  /** Whether reads get the end of the stream after the bytes in the queue. */
  get ended(): boolean {
    return hasEnd(this.#state);
  }

  /** Whether this side was ended here. */
  get isShut(): boolean {
    return isShut(this.#state);
  }

  /** Whether all reads reject. */
  get closed(): boolean {
    return isClosed(this.#state);
  }

  /** Whether a read waits. */
  get waits(): boolean {
    return this.#waiting !== null;
  }

  /** Whether a read waits and does not yield, or a stream is being read; for a reader with this `probe`. */
  isBusy(probe?: ReaderProbe): boolean {
    if (this.#waiting !== null && !this.#givesWay(this.#waiting)) return true;
    // Once bytes are thrown away, so are those that the user of the stream has not got.
    if (this.streamReader === null || this.streamReader === probe || discards(this.#state)) return false;
    if (this.streamReader.isReading()) return true;
    this.putBack(this.streamReader.takeBack());
    return false;
  }

  /**
   * Settles with what the read makes of the bytes, now or when enough of them have arrived. A read that fails has taken
   * nothing. While it waits all others are refused, unless its `probe` yields.
   */
  request<T, A>(
    read: Read<T, A>,
    argument: A,
    options?: OperationOptions,
    probe?: ReaderProbe,
    known = READ,
  ): Promise<T> {
    if (options !== undefined) {
      try {
        options = checkedOperation(options, known);
      } catch (error) {
        return rejectedInTime(error);
      }
    }
    return this.#request(read, argument, options, probe, probe !== undefined);
  }

  /** The same for a loop. Its options were checked when it was made; it may be left while this read waits. */
  pull<T, A>(read: Read<T, A>, argument: A, options: OperationOptions | undefined): Promise<T> {
    return this.#request(read, argument, options, undefined, true);
  }

  /** `mayLeave`: the caller may turn away before the promise settles, so nothing may be taken in advance. */
  #request<T, A>(
    read: Read<T, A>,
    argument: A,
    options: OperationOptions | undefined,
    probe: ReaderProbe | undefined,
    mayLeave: boolean,
  ): Promise<T> {
    if (options?.signal?.aborted === true)
      return rejectedInTime(aborted("read", this.#host.subject, options.signal));
    if (read.reuses) this.#reusedMemory ??= new ReusedMemory();
    else if (this.#reusedMemory !== null) this.#reusedMemory = null;
    this.copies = read.copies;
    const state = this.#state;
    if ((this.#waiting !== null || this.streamReader !== null) && this.isBusy(probe))
      return rejectedInTime(this.#refused("ERR_BUSY"));
    if (state !== OPEN && this.closed) return rejectedInTime(this.#refusedBy(state));
    const isInTime = spend(QUEUE_UNITS);
    if (!isInTime && mayLeave) return this.#postpone(read, argument, options, probe);
    const taken = this.#try(read, argument);
    if (taken === WAIT) {
      if (state.kind === "failed") return rejectedInTime(this.#failed(state.cause));
      return this.#wait(read, argument, options, probe);
    }
    if (taken instanceof Refusal) return rejectedInTime(taken.errorFor(this.#host.subject));
    if (this.#stopped) this.#refill();
    probe?.given?.(taken);
    return isInTime ? Promise.resolve(taken) : inNextTurn(taken);
  }

  arrive(memory: Buffer, size: number, lent: boolean): boolean {
    if (this.#queue.feedsToDrop > 0 && size > 0 && this.#queue.drops(memory[0])) {
      this.received++;
      if (size === 1) return this.#waiting !== null || this.#mayGoOn();
      return this.arrive(memory.subarray(1), size - 1, true);
    }
    this.received += size;
    if (this.#state !== OPEN && discards(this.#state)) return !this.abandoned;
    const waiting = this.#waiting;
    const isTaken = waiting !== null && !waiting.postponed;
    if (!isTaken || (waiting.probe !== undefined && this.#givesWay(waiting))) {
      this.#keep(memory, size, lent);
      if (this.#state.kind === "claimed") this.#state.onArrival();
      return this.#mayGoOn();
    }
    const taken = waiting.read.takeDirectly(memory, size, lent, waiting.argument, this.#reusedMemory);
    if (taken !== WAIT) this.#settle(waiting, taken);
    else {
      this.#keep(memory, size, lent);
      this.#retry(waiting);
    }
    return this.#waiting !== null || this.#mayGoOn();
  }

  /** Settles the waiting read with `value`, if it has this `argument`. It has taken nothing. */
  withdraw(argument: object, value: unknown): void {
    if (this.#waiting?.argument !== argument) return;
    this.#settle(this.#waiting, value);
    this.#stopUnlessAhead();
  }

  /** Forgets the memory that is reused; the last chunk of its loop stays as it is. */
  endRecycling(): void {
    this.#reusedMemory = null;
    if (this.#stopped) this.#refill();
  }

  /** The pieces of memory that bytes arrive in by turns, if a loop reuses memory. At most one may be ahead of the loop. */
  get ring(): Ring | null {
    return this.#reusedMemory?.ring ?? null;
  }

  /** The peer has ended its side. If there is a `failure` of the output, that comes after the bytes in the queue. */
  end(failure: { readonly cause: unknown } | null): void {
    this.peerEnded = true;
    if (this.#state.kind !== "open") return;
    this.#become(failure === null ? ENDED : { kind: "failed", cause: failure.cause });
  }

  /** Nothing more will arrive because of `cause`; what has arrived can still be read. */
  fail(cause: unknown): void {
    const { kind } = this.#state;
    if (kind === "open" || kind === "ended") this.#become({ kind: "failed", cause });
  }

  /** Ends this side, which was not ended here before: the bytes in the queue and all that follow are thrown away. */
  shut(): void {
    const { kind } = this.#state;
    if (kind === "handed over") this.#state = { kind, isShut: true };
    else this.#discard(SHUT);
  }

  /** Ends this side as {@link shut} does, and reads reject from now on. */
  close(reason?: string): void {
    this.#discard({ kind: "closed", reason });
  }

  /** Ends this side as {@link close} does, for a stream that goes to another owner with all that it has not read. */
  release(reason: string): void {
    this.#setDiscarding({ kind: "closed", reason });
    if (this.readsAhead) return;
    this.#host.transport.stopReading();
  }

  /** Keeps what arrives for an owner that is about to take the stream, and calls `onArrival` then; reads reject from now on. */
  claim(reason: string, onArrival: () => void): void {
    this.#state = { kind: "claimed", reason, onArrival };
  }

  /** Gives away what is unread, since the program reads the stream itself; reads reject from now on. */
  handOver(): NonSharedBuffer[] {
    const unread = this.drain();
    this.#discard({ kind: "handed over", isShut: this.isShut });
    return unread;
  }

  /** Lets the waiting read begin its time anew, if it has this `probe`. */
  renew(probe: ReaderProbe): void {
    const waiting = this.#waiting;
    if (waiting?.probe === probe) waiting.deadline = this.#host.deadlineIn(waiting.bound);
  }

  /** Takes out all bytes, for the reader that the stream has from now on. */
  drain(): NonSharedBuffer[] {
    if (this.streamReader !== null) this.putBack(this.streamReader.takeBack());
    return this.#queue.takeRuns();
  }

  /** Puts copies of bytes before those in the queue: the stream that had them may have given away other parts of their memory. */
  putBack(unread: readonly Buffer[]): void {
    if (unread.length > 0 && !discards(this.#state)) this.#queue.putBack(unread);
  }

  /**
   * Puts a copy of `bytes` before all that is unread, for the program.
   *
   * @throws NetError if a read waits, a stream is being read, or reads get no bytes any more
   */
  unread(bytes: Uint8Array): void {
    if (this.isBusy()) throw this.#refused("ERR_BUSY");
    if (this.closed || this.isShut) throw this.#refusedBy(this.#state);
    this.#queue.putBack([bytes]);
  }

  /** The signal of the waiting read was aborted. */
  abort(waiting: Waiting, signal: AbortSignal): void {
    this.#fail(waiting, () => aborted("read", this.#host.subject, signal));
  }

  /** Fails the waiting read if its time is up by `now`. Returns when to look again. */
  expire(now: number): number {
    const waiting = this.#waiting;
    if (waiting === null) return Infinity;
    if (waiting.deadline > now) return waiting.deadline;
    if (waiting.probe !== undefined && this.#isAway(waiting)) {
      if (this.#givesWay(waiting)) return Infinity;
      return (waiting.deadline = now + waiting.bound);
    }
    this.#fail(waiting, () => timedOut("read", this.#host.subject, waiting.bound));
    return Infinity;
  }

  #wait<T, A>(
    read: Read<T, A>,
    argument: A,
    options: OperationOptions | undefined,
    probe: ReaderProbe | undefined,
  ): Promise<T> {
    const bound = options?.timeout ?? this.readTimeout;
    if (bound === 0) return rejectedInTime(timedOut("read", this.#host.subject, 0));
    this.#host.beforeWait();
    // Sending what was gathered may have failed, and with it the connection; or the stream has run code of the program.
    if (this.#state !== OPEN || this.#waiting !== null || options?.signal?.aborted === true)
      return this.#request(read, argument, options, probe, false);
    return new Promise<T>((resolve) => {
      const waiting = watchedRead(this, read, argument, resolve, options, this.readTimeout, probe);
      this.#waiting = waiting;
      this.#host.waitChanged();
      waiting.deadline = this.#host.deadlineIn(bound);
      if (this.#stopped) this.#refill();
    });
  }

  /** Waits for the next turn of the event loop, and takes nothing before. */
  #postpone<T, A>(
    read: Read<T, A>,
    argument: A,
    options: OperationOptions | undefined,
    probe: ReaderProbe | undefined,
  ): Promise<T> {
    return new Promise<T>((resolve) => {
      const waiting = watchedRead(this, read, argument, resolve, options, this.readTimeout, probe);
      waiting.postponed = true;
      this.#waiting = waiting;
      this.#host.waitChanged();
      postpone(() => this.#resume(waiting));
    });
  }

  /** Tries the read that was postponed. */
  #resume(waiting: Waiting): void {
    if (this.#waiting !== waiting) return;
    waiting.postponed = false;
    this.#retry(waiting);
    // Sending what is gathered may fail, and with it the read.
    if (this.#waiting === waiting) this.#host.beforeWait();
    if (this.#waiting === waiting) {
      const { bound } = waiting;
      if (bound === 0) this.#fail(waiting, () => timedOut("read", this.#host.subject, 0));
      else waiting.deadline = this.#host.deadlineIn(bound);
    }
    if (this.#stopped) this.#refill();
  }

  /** Reading stops when this many bytes are in the queue and no read waits. */
  get #most(): number {
    return this.ring === null ? this.readAhead : Math.min(this.readAhead, 1);
  }

  /** Whether the transport goes on reading while no read waits. */
  #mayGoOn(): boolean {
    this.#stopped = this.#queue.length >= this.#most;
    return !this.#stopped;
  }

  /** A read no longer waits, and has got nothing: without reading ahead, what comes now stays in the kernel. */
  #stopUnlessAhead(): void {
    if (this.readAhead > 0 || this.#state !== OPEN) return;
    this.#stopped = true;
    this.#host.transport.stopReading();
  }

  /** What a read makes of the bytes as they are. It throws if they are more than one buffer can hold. */
  #try<T, A>(read: Read<T, A>, argument: A): T | typeof WAIT | Refusal {
    try {
      return read.take(this.#queue, argument, this.#state !== OPEN && this.ended);
    } catch (error) {
      return new Refusal("ERR_LIMIT", (error as Error).message);
    }
  }

  /** Tries the waiting read again, since bytes have arrived or the state has changed. */
  #retry(waiting: Waiting): void {
    const taken = this.#try(waiting.read, waiting.argument);
    // A codec is code of the program's, which may have ended the read.
    if (this.#waiting !== waiting) return;
    if (taken === WAIT) {
      const { cause } = this.#state as { cause?: unknown };
      if (this.#state.kind === "failed") this.#fail(waiting, () => this.#failed(cause));
      else if (!waiting.whole) waiting.deadline = this.#host.deadlineIn(waiting.bound);
    } else if (taken instanceof Refusal) {
      this.#fail(waiting, () => taken.errorFor(this.#host.subject));
    } else {
      this.#settle(waiting, taken);
    }
  }

  /** Whether the reader is gone, or was when this was last asked: a reader that has come back gets all its time again. */
  #isAway(waiting: Waiting): boolean {
    const wasAway = waiting.wasAway;
    waiting.wasAway = waiting.probe?.isGone() ?? false;
    return wasAway || waiting.wasAway;
  }

  #givesWay(waiting: Waiting): boolean {
    const { probe } = waiting;
    if (probe?.yields !== true || !probe.isGone()) return false;
    this.#fail(waiting, () => this.#refused("ERR_BUSY"));
    return true;
  }

  #settle(waiting: Waiting, value: unknown): void {
    this.#leave(waiting);
    waiting.probe?.given?.(value);
    waiting.resolve(value);
  }

  #fail(waiting: Waiting, make: () => unknown): void {
    this.#leave(waiting);
    this.#stopUnlessAhead();
    failAtCaller(waiting.resolve, make);
  }

  #leave(waiting: Waiting): void {
    this.#waiting = null;
    this.#host.waitChanged();
    waiting.watch?.leave();
  }

  #become(state: InputState): void {
    this.#state = state;
    if (this.#waiting !== null) this.#retry(this.#waiting);
  }

  #discard(state: InputState): void {
    this.#setDiscarding(state);
    if (this.#stopped) this.#refill();
  }

  #setDiscarding(state: InputState): void {
    this.#state = state;
    this.#queue.clear();
    const waiting = this.#waiting;
    if (waiting !== null) this.#fail(waiting, () => this.#refusedBy(state));
    // The loop may still hold its last chunk, which must not be written over.
    this.#reusedMemory = null;
  }

  #keep(memory: Buffer, size: number, lent: boolean): void {
    if (lent) this.#queue.copy(memory, size);
    else this.#queue.append((size === memory.length ? memory : memory.subarray(0, size)) as NonSharedBuffer);
  }

  #refill(): void {
    if (this.#waiting === null && !discards(this.#state) && this.#queue.length >= this.#most) return;
    this.#stopped = false;
    this.#host.transport.startReading();
  }

  #failed(cause: unknown): NetError {
    return translated("read", this.#host.subject, cause);
  }

  /** How a read is refused that this state does not serve. */
  #refusedBy(state: InputState): NetError {
    if (state.kind === "handed over") return this.#refused("ERR_BUSY", HANDED_OVER);
    return this.#refused("ERR_CLOSED", (state as { reason?: string }).reason);
  }

  #refused(code: LibraryCode, reason?: string): NetError {
    return refused("read", this.#host.subject, code, reason);
  }
}
