import type { Buffer } from "node:buffer";
import { bounded } from "./timing/bounded.js";
import { rejectedInTime } from "./timing/budget.js";
import { letReport } from "./timing/let-arrive.js";
import { checkedOperation, type OperationOptions } from "../options/operation.js";
import { aborted, NetTimeoutError, refused, translated, type Subject } from "../errors.js";
import type { ConnectionOrigin } from "../diagnostics.js";
import { announceClose, nextConnection } from "./announce.js";
import { currentAlarm } from "./timing/alarm.js";
import { markHandled } from "./timing/fail-at-caller.js";
import type { HalfHost } from "./half-host.js";
import type { Inherited, LinkSettings } from "./link-settings.js";
import {
  CLOSING,
  Ending,
  failedWith,
  isDecided,
  OPEN,
  OUTCOMES,
  wholeOf,
  type Closing,
  type Failure,
  type Life,
  type Outcome,
} from "./life.js";
import { Input } from "./reading/input.js";
import { Output } from "./writing/output.js";
import { rejectedQuietly } from "./writing/write-promise.js";
import { hold, release } from "./timing/process-hold.js";
import type { Transport, TransportEvents } from "./transport/transport.js";
import type { Sleeper } from "./timing/wake-queue.js";
import type { Duplex } from "node:stream";

/**
 * The life of a connection: its transport, its two halves, and how they end. {@link Life} is the table of it.
 */
export class Link implements TransportEvents, HalfHost, Sleeper {
  /** Of the clock that was in use when the connection was made: its waits go by that one. */
  readonly #alarm = currentAlarm();
  readonly id = nextConnection();
  readonly openedAt = this.#alarm.now();
  readonly origin: ConnectionOrigin;
  readonly transport: Transport;
  readonly subject: Subject;
  readonly input: Input;
  readonly output: Output;
  /** As the connection has captured it: see {@link LinkSettings}. */
  readonly lingerTimeout: number;
  readonly #inherited: Inherited | null;

  due = Infinity;
  place = -1;

  #life: Life = OPEN;
  #closing: Closing | null = null;
  #ending: Ending | null = null;
  #closed: Promise<void> | null = null;
  #onDropped: (() => void)[] | null = null;
  #onLeftOpen: (() => void)[] | null = null;
  /** Whether the program has asked for {@link closed}. */
  #isAwaited = false;
  /** Whether it keeps the process alive. `unreferred`: the program has called `unref()`. */
  #hold: "held" | "free" | "unreferred";

  constructor(origin: ConnectionOrigin, transport: Transport, subject: Subject, settings: LinkSettings) {
    this.origin = origin;
    this.transport = transport;
    this.subject = subject;
    this.input = new Input(this, settings.readTimeout, settings.readAhead);
    this.output = new Output(this, settings.writeTimeout, settings.bufferSize, settings.autoCork);
    this.lingerTimeout = settings.lingerTimeout;
    this.#inherited = settings.inherited;
    this.#hold = transport.unreferred ? "unreferred" : "free";
    transport.attach(this.input, this);
    this.input.start();
    this.#holdOrRelease();
  }

  /** Whether it was neither closed, reset nor detached here, and has not ended by itself. */
  get live(): boolean {
    const { kind } = this.#life;
    return kind === "open" || (kind === "lingering" && this.#closing === null);
  }

  /** What it has captured, for a connection that takes its place. */
  get settings(): LinkSettings {
    const { readTimeout, readAhead } = this.input;
    const { writeTimeout, bufferSize, autoCork } = this.output;
    const own = { lingerTimeout: this.lingerTimeout, inherited: this.#inherited, maker: undefined };
    return { readTimeout, readAhead, writeTimeout, bufferSize, autoCork, ...own };
  }

  /** Where the connection stands. */
  get life(): Life {
    return this.#life;
  }

  /** Settles when the connection is over: rejects if it failed, without ever being an unhandled rejection. */
  get closed(): Promise<void> {
    const closed = (this.#closed ??= this.#whenOver().then((failure) => {
      if (failure === null) return;
      const error = translated(failure.operation, this.subject, failure.cause);
      markHandled(closed);
      throw error;
    }));
    return closed;
  }

  /** {@link closed} for the program: a call that waits, which keeps the process alive. */
  awaitClosed(): Promise<void> {
    this.#isAwaited = true;
    this.#holdOrRelease();
    return this.closed;
  }

  // What the transport reports

  peerEnded(): void {
    this.input.end(this.output.failure);
    this.#endIfDone();
    if (this.#onLeftOpen !== null && this.#isLeftOpen) for (const act of this.#onLeftOpen) act();
  }

  failed(cause: unknown): void {
    if (isDecided(this.#life)) return;
    let outcome = this.#outcome("closed");
    // A peer that resets what was closed here anyway takes nothing from us.
    const isHarmless = this.input.isShut && this.output.ended;
    if (outcome.failure === null && !isHarmless) outcome = failedWith("read", cause);
    this.#become({ kind: "destroyed", outcome });
    // The kernel says once why it has given a connection up. If a write was told, a read finds an end, or what looks like a reset.
    this.input.fail(outcome.failure?.cause ?? cause);
    this.output.fail(cause);
    this.transport.destroy();
  }

  outputEnded(): void {
    void this.output.end();
  }

  streamClosed(): void {
    if (this.#life.kind === "over") return;
    this.output.surfaceLoss();
    const outcome = this.#outcome("closed");
    const { failure } = outcome;
    // No call is left waiting, whatever has closed the stream.
    if (failure !== null) this.input.fail(failure.cause);
    else if (!this.input.peerEnded && !this.input.isShut) this.input.close();
    if (this.output.failure === null) this.output.close();
    this.#finish(outcome);
  }

  refer(isReferred: boolean): void {
    this.#holdOrRelease(isReferred);
  }

  handOverToStream(): { unread: readonly Buffer[]; ended: boolean } {
    return { unread: this.input.handOver(), ended: this.input.peerEnded };
  }

  // What the two halves report

  beforeWait(): void {
    this.output.sendGatheredSoon();
  }

  outputChanged(): void {
    const { ending, failure } = this.output;
    if (ending) {
      if (this.input.isShut && this.live) void this.#sendOrReset();
      return;
    }
    if (failure !== null && this.input.peerEnded) this.input.fail(failure.cause);
    this.#endIfDone();
  }

  waitChanged(): void {
    if (!this.transport.holdsProcess) this.#holdOrRelease();
  }

  now(): number {
    return this.#alarm.now();
  }

  wakeAt(due: number): void {
    this.#alarm.wakeBy(this, due);
  }

  deadlineIn(bound: number): number {
    if (bound === Infinity) return Infinity;
    const due = this.#alarm.deadlineIn(bound);
    this.#alarm.wakeBy(this, due);
    return due;
  }

  expire(now: number): number {
    if (this.#lingersUntil <= now) this.#destroy();
    return Math.min(this.input.expire(now), this.output.expire(now), this.#lingersUntil);
  }

  // The endings

  closeInput(): void {
    if (this.input.isShut) return;
    this.input.shut();
    if (this.input.abandoned) this.transport.stopReading();
    if (this.output.ending) void this.#sendOrReset();
    this.#endIfDone();
  }

  close(given?: OperationOptions): Promise<void> {
    let options: OperationOptions;
    try {
      options = checkedOperation(given);
    } catch (error) {
      return rejectedInTime(error);
    }
    const { timeout, signal } = options;
    if (signal?.aborted === true) return rejectedQuietly(aborted("close", this.subject, signal));
    const isOver = this.#life.kind === "over";
    if (isOver) this.#dropUnread();
    // An explicit timeout bounds flush and drain together, in place of writeTimeout.
    const closing = this.#closing ?? this.#beginClosing(timeout === undefined ? undefined : Infinity);
    if (isOver || (timeout === undefined && signal === undefined)) return wholeOf(closing);
    const within = this.#closeWithin(options, closing, () => markHandled(within));
    return within;
  }

  reset(): void {
    if (this.#life.kind === "over") this.#dropUnread();
    else this.#reset(this.#outcome("reset"));
  }

  /**
   * Calls `drop` when the program closes or resets the connection after it was over, perhaps more than once: a view drops its
   * unread bytes then, too.
   */
  onDropped(drop: () => void): void {
    (this.#onDropped ??= []).push(drop);
  }

  /** Calls `act` when the peer has ended its side and ours is still open. */
  whenLeftOpen(act: () => void): void {
    (this.#onLeftOpen ??= []).push(act);
    if (this.#isLeftOpen) act();
  }

  /** Without `allowHalfOpen` an adopted stream ends as it did before it was adopted, and any other ends with its peer. */
  detach(allowHalfOpen?: boolean, reason = "the connection was detached"): Duplex {
    // Should that fail, an input that is let go already would end the connection.
    if (this.live) this.output.sendQueued();
    if (!this.live || this.transport.destroyed) throw refused("detach", this.subject, "ERR_CLOSED");
    if (this.transport.spent && this.input.length > 0) {
      const why = "the stream had ended before it was adopted: what it had is here, to be read";
      throw refused("detach", this.subject, "ERR_CLOSED", why);
    }
    const { failure } = this.#outcome("detached");
    const unread = this.input.drain();
    this.input.release(reason);
    const { unsent, ending } = this.output.detach(reason);
    const ended = this.input.peerEnded;
    const stream = this.transport.release({ unread, ended, unsent, ending, allowHalfOpen });
    this.#finish({ end: "detached", failure });
    return stream;
  }

  #beginClosing(timeout: number | undefined): Closing {
    const closing: Closing = { whole: null, isCutShort: false };
    this.#closing = closing;
    if (this.#life.kind !== "over") closing.whole = this.#close(closing, timeout);
    else closing.whole = this.output.hasUnobservedLoss ? this.output.end() : DONE;
    return closing;
  }

  /** Closes both sides: rejects if bytes could not be sent that no other call answers for. */
  async #close(closing: Closing, timeout: number | undefined): Promise<void> {
    const isReported = this.output.failure !== null && !this.output.hasUnobservedLoss;
    if (this.#life.kind === "open") this.#become(CLOSING);
    else this.#holdOrRelease();
    this.input.close();
    try {
      await this.output.end(timeout === undefined ? undefined : { timeout });
    } catch (error) {
      markHandled(wholeOf(closing));
      if (error instanceof NetTimeoutError) this.reset();
      else this.#destroy();
      if (!closing.isCutShort && !isReported) throw error;
    }
    this.#endIfDone();
    await this.#whenOver();
  }

  /** {@link close} within a time: bytes that are unsent then are lost, and the call rejects. */
  async #closeWithin(options: OperationOptions, closing: Closing, failing: () => void): Promise<void> {
    try {
      await bounded("close", this.subject, options, () => wholeOf(closing));
    } catch (error) {
      failing();
      if (!this.transport.callsBackAtOnce)
        await new Promise<void>((resolve) => letReport(() => this.output.length, resolve));
      if (isDecided(this.#life)) {
        // Another call, a failure or a reset came first, and that decides how every call to close settles.
        if (!(error instanceof NetTimeoutError)) throw error;
        await closing.whole;
        return;
      }
      const isSent = this.output.idle;
      if (isSent) {
        closing.isCutShort = true;
        this.#destroy();
      } else {
        this.reset();
      }
      if (!isSent || !(error instanceof NetTimeoutError)) throw error;
      await this.#whenOver();
    }
  }

  /** Resets the connection if the peer takes nothing in time, once both our sides are closed; as `close` does. */
  async #sendOrReset(): Promise<void> {
    // The FIN is queued by then.
    await DONE;
    try {
      await this.output.end();
    } catch (error) {
      if (!this.live || !(error instanceof NetTimeoutError)) return;
      this.#reset(failedWith("close", error));
    }
  }

  /** Closes the transport once neither side has anything left to do. */
  #endIfDone(): void {
    const { ended, failure } = this.output;
    if (isDecided(this.#life) || (!ended && failure === null)) return;
    const { peerEnded, isShut } = this.input;
    if (peerEnded || (isShut && (failure !== null || this.#isAbandoned))) this.#destroy();
    else if (isShut && this.#life.kind !== "lingering") this.#linger();
  }

  #linger(): void {
    if (this.lingerTimeout === 0) {
      this.#destroy();
      return;
    }
    this.#become({ kind: "lingering", until: this.deadlineIn(this.lingerTimeout) });
    this.transport.discardInput();
  }

  get #lingersUntil(): number {
    return this.#life.kind === "lingering" ? this.#life.until : Infinity;
  }

  /** Closes the transport. Errors that it reports afterwards are no failure of the connection. */
  #destroy(): void {
    if (isDecided(this.#life)) return;
    this.#become({ kind: "destroyed", outcome: this.#outcome("closed") });
    if (this.output.failure === null) {
      if (!this.output.ended) this.output.close();
      this.transport.destroy();
    } else {
      // A FIN would make what was sent look like all of it.
      this.transport.reset();
    }
  }

  #reset(outcome: Outcome): void {
    this.#become({ kind: "destroyed", outcome });
    this.input.close();
    this.output.close();
    this.transport.reset();
  }

  /** How the connection ends: as it was decided before, with the failure of the output if there is one, or with `end`. */
  #outcome(end: "closed" | "reset" | "detached"): Outcome {
    const life = this.#life;
    if (isDecided(life) && life.outcome.end !== "closed") return life.outcome;
    const { failure } = this.output;
    return failure === null ? OUTCOMES[end] : failedWith("write", failure.cause);
  }

  /** Whether one side is left as it is, so that no end of the other is to be waited for. */
  get #isAbandoned(): boolean {
    return this.input.abandoned || this.output.abandoned;
  }

  get #isLeftOpen(): boolean {
    return this.input.peerEnded && this.live && !this.output.ended;
  }

  /** The connection is over, so only its unread bytes are left to drop. */
  #dropUnread(): void {
    if (!this.input.closed) this.input.close();
    this.#onDropped?.forEach((drop) => drop());
  }

  /**
   * An open connection keeps the process alive, also while its socket is not reading. Over a stream that holds no process by
   * itself, it does so while a call waits.
   */
  #holdOrRelease(isReferred = this.#hold !== "unreferred"): void {
    const holds =
      isReferred && this.#life.kind !== "over" && (this.transport.holdsProcess || this.#hasWaitingCall);
    const held = this.#hold === "held";
    this.#hold = holds ? "held" : isReferred ? "free" : "unreferred";
    if (holds === held) return;
    if (holds) hold();
    else release();
  }

  get #hasWaitingCall(): boolean {
    return !this.live || this.#isAwaited || this.input.waits || this.output.waits;
  }

  #become(life: Life): void {
    this.#life = life;
    this.#holdOrRelease();
  }

  #finish(outcome: Outcome): void {
    this.#become({ kind: "over", outcome });
    this.#alarm.letSleep(this);
    this.#ending?.resolve(outcome.failure);
    announceClose(this, outcome);
  }

  #whenOver(): Promise<Failure | null> {
    if (this.#life.kind === "over") return Promise.resolve(this.#life.outcome.failure);
    return (this.#ending ??= new Ending()).promise;
  }
}

const DONE = Promise.resolve();
