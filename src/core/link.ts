import type { Buffer } from "node:buffer";
import { bounded } from "./timing/bounded.js";
import { clock } from "./timing/clock.js";
import { checkedOperation, type OperationOptions } from "../options/operation.js";
import { aborted, NetTimeoutError, refused, translated, type Operation, type Subject } from "../errors.js";
import { currentAlarm } from "./timing/alarm.js";
import { markHandled } from "./timing/fail-at-caller.js";
import { Input, type InputHost } from "./reading/input.js";
import { Output, type OutputHost } from "./writing/output.js";
import { rejected } from "./writing/sender.js";
import { hold, release } from "./timing/process-hold.js";
import type { Transport, TransportEvents } from "./transport/transport.js";
import type { Sleeper } from "./timing/wake-queue.js";
import type { Duplex } from "node:stream";

/**
 * How long a closed connection goes on discarding what the peer still sends, waiting for its FIN: closing with unread
 * bytes sends RST, which can destroy what we sent before (RFC 2525, section 2.17; RFC 9112, section 9.6).
 */
export const LINGER_MS = 2_000;

export interface LinkSettings {
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly bufferSize: number;
  /** Where the connection was made, if that is to be told. */
  readonly maker?: string | undefined;
}

/** A failure that was not of our making. */
interface Failure {
  readonly operation: Operation;
  readonly cause: unknown;
}

/** The life of a connection: its transport, its two halves, and how they end. */
export class Link implements TransportEvents, InputHost, OutputHost, Sleeper {
  /** Of the clock that was in use when the connection was made: its waits go by that one. */
  readonly #alarm = currentAlarm();
  readonly transport: Transport;
  readonly subject: Subject;
  readonly input: Input;
  readonly output: Output;

  due = Infinity;
  place = -1;

  /** `closing`: both our sides are closed and the socket will be. `over`: it is, or is no longer ours. */
  #phase: "live" | "closing" | "over" = "live";
  /** The peer's FIN has arrived. */
  #hasPeerEnded = false;
  /** Our input is closed by us, so nobody reads what still comes. */
  #inputShut = false;
  #failure: Failure | null = null;
  /** When to wait no longer for the peer to end its side. */
  #lingersUntil = Infinity;
  #closing: Promise<void> | null = null;
  /** A call to close has found that what was written could not be sent. */
  #sendingFailed = false;
  /** A call to close ran out of time when all was sent: nobody waits for our FIN to be acknowledged. */
  #cutShort = false;
  #gone: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;
  #closed: Promise<void> | null = null;
  #onDropped: (() => void)[] | null = null;
  #onLeftOpen: (() => void) | null = null;
  /** The program has asked when it is over. */
  #isAwaited = false;
  #isReferred: boolean;
  /** Whether it keeps the process alive. */
  #holds = false;

  constructor(transport: Transport, subject: Subject, settings: LinkSettings) {
    this.transport = transport;
    this.subject = subject;
    this.input = new Input(this, settings.readTimeout);
    this.output = new Output(this, settings.writeTimeout, settings.bufferSize);
    this.#isReferred = !transport.unreferred;
    transport.attach(this.input, this);
    transport.startReading();
    this.#holdOrRelease();
  }

  /** Whether it is neither closed, reset or detached by us nor over. */
  get live(): boolean {
    return this.#phase === "live";
  }

  /** Settles when the connection is over: rejects if it failed, without ever being an unhandled rejection. */
  get closed(): Promise<void> {
    const closed = (this.#closed ??= this.#whenGone().then(() => {
      const failure = this.#failure;
      if (failure === null) return;
      const error = translated(failure.operation, this.subject, failure.cause);
      markHandled(closed);
      throw error;
    }));
    return closed;
  }

  /** {@link closed} for the program, which may wait for it. */
  awaitClosed(): Promise<void> {
    this.#isAwaited = true;
    this.#holdOrRelease();
    return this.closed;
  }

  // What the transport reports

  peerEnded(): void {
    this.#hasPeerEnded = true;
    const { failure } = this.output;
    if (failure === null) this.input.end();
    else this.input.fail(failure.cause);
    this.#endIfDone();
    if (this.#onLeftOpen !== null) this.#tellIfLeftOpen();
  }

  failed(cause: unknown): void {
    if (this.#phase === "over") return;
    // A peer that resets what we have closed anyway takes nothing from us.
    if (!(this.#inputShut && this.output.ended)) this.#failure ??= { operation: "read", cause };
    this.input.fail(cause);
    this.output.fail(cause);
    this.transport.destroy();
  }

  whenLeftOpen(act: () => void): void {
    this.#onLeftOpen = act;
    this.#tellIfLeftOpen();
  }

  #tellIfLeftOpen(): void {
    if (this.#hasPeerEnded && this.live && !this.output.ended) this.#onLeftOpen?.();
  }

  outputEnded(): void {
    if (this.live && !this.output.ending && !this.output.ended) void this.output.end();
  }

  streamClosed(): void {
    if (this.#phase === "over") return;
    this.output.surface();
    // Whatever took the socket from us, nobody is left waiting.
    if (this.#failure !== null) this.input.fail(this.#failure.cause);
    else if (!this.#hasPeerEnded && !this.#inputShut) this.input.close("ERR_CLOSED");
    if (this.output.failure === null) this.output.close();
    this.#finish();
  }

  handOverToStream(): { unread: readonly Buffer[]; ended: boolean } {
    const unread = this.input.drain();
    this.input.close("ERR_BUSY", "connection.socket is read as a stream");
    return { unread, ended: this.#hasPeerEnded };
  }

  // What the two halves tell

  startReading(): void {
    this.transport.startReading();
  }

  beforeWait(): void {
    this.output.sendGatheredSoon();
  }

  outputEnding(): void {
    if (this.#inputShut && this.live) void this.#sendOrReset();
  }

  outputOver(): void {
    const { failure } = this.output;
    if (failure !== null) {
      this.#failure ??= { operation: "write", cause: failure.cause };
      if (this.#hasPeerEnded) this.input.fail(failure.cause);
    }
    this.#endIfDone();
  }

  refer(isReferred: boolean): void {
    this.#isReferred = isReferred;
    this.#holdOrRelease();
  }

  waitChanged(): void {
    if (!this.transport.holdsProcess) this.#holdOrRelease();
  }

  now(): number {
    return this.#alarm.now();
  }

  /** Schedules {@link expire} for `due` or earlier. */
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
    if (this.#lingersUntil <= now) {
      this.#lingersUntil = Infinity;
      this.#destroy();
    }
    return Math.min(this.input.expire(now), this.output.expire(now), this.#lingersUntil);
  }

  // The endings

  closeInput(): void {
    if (this.#inputShut) return;
    this.#inputShut = true;
    this.input.shut();
    if (this.input.abandoned) this.transport.stopReading();
    if (this.output.ending) void this.#sendOrReset();
    this.#endIfDone();
  }

  abandonInput(): void {
    this.input.abandoned = true;
  }

  close(options: OperationOptions = {}): Promise<void> {
    try {
      options = checkedOperation(options);
    } catch (error) {
      return Promise.reject(error);
    }
    const { timeout, signal } = options;
    if (signal?.aborted === true) return rejected(aborted("close", this.subject, signal));
    if (this.#phase === "over") this.#dropUnread();
    // An explicit timeout bounds flush and drain together, in place of writeTimeout.
    const unreported = this.#phase === "over" && this.output.hasUnobservedLoss;
    const whole = (this.#closing ??= unreported
      ? this.output.end()
      : this.#close(timeout === undefined ? undefined : Infinity));
    if (this.#phase === "over" || (timeout === undefined && signal === undefined)) return whole;
    const closing = this.#closeWithin(options, whole, () => markHandled(closing));
    return closing;
  }

  reset(): void {
    if (this.#phase === "over") {
      this.#dropUnread();
      return;
    }
    this.#phase = "closing";
    this.#holdOrRelease();
    this.#inputShut = true;
    this.input.close("ERR_CLOSED");
    this.output.close();
    this.transport.reset();
  }

  /** Has a view told when the program closes the connection after it was over: what was unread is dropped then. */
  onDropped(drop: () => void): void {
    (this.#onDropped ??= []).push(drop);
  }

  /** Without `allowHalfOpen` a stream that was adopted is as it was, and any other ends with its peer. */
  detach(allowHalfOpen?: boolean): Duplex {
    if (this.#phase !== "live" || this.transport.destroyed)
      throw refused("detach", this.subject, "ERR_CLOSED");
    if (this.transport.spent && this.input.length > 0) {
      const reason = "the stream had ended before it was adopted: what it had is here, to be read";
      throw refused("detach", this.subject, "ERR_CLOSED", reason);
    }
    const reason = "the connection was detached";
    const unread = this.input.drain();
    this.input.close("ERR_CLOSED", reason);
    const { unsent, ending } = this.output.detach(reason);
    const ended = this.#hasPeerEnded;
    const stream = this.transport.release({ unread, ended, unsent, ending, allowHalfOpen });
    this.#finish();
    return stream;
  }

  /** Closes both sides: rejects if bytes could not be sent that no call but this one answers for. */
  async #close(timeout: number | undefined): Promise<void> {
    if (this.#phase === "over") return;
    const reported = this.output.failure !== null && !this.output.hasUnobservedLoss;
    this.#phase = "closing";
    this.#holdOrRelease();
    this.#inputShut = true;
    this.input.close("ERR_CLOSED");
    try {
      await this.output.end(timeout === undefined ? undefined : { timeout });
    } catch (error) {
      this.#sendingFailed = true;
      if (this.#closing !== null) markHandled(this.#closing);
      if (error instanceof NetTimeoutError) this.reset();
      else this.#destroy();
      if (!reported && !this.#cutShort) throw error;
    }
    this.#endIfDone();
    await this.#whenGone();
  }

  /** The same within a time: what is unsent then is lost, and the caller told. */
  async #closeWithin(options: OperationOptions, whole: Promise<void>, failing: () => void): Promise<void> {
    try {
      await bounded("close", this.subject, options, () => whole);
    } catch (error) {
      failing();
      if (!this.transport.callsBackAtOnce) await turn();
      if (this.#sendingFailed || this.output.failure !== null) {
        // That was before the time was up, and decides how every call to close settles.
        if (!(error instanceof NetTimeoutError)) throw error;
        await whole;
        return;
      }
      const unsent = !this.output.idle;
      this.#cutShort = !unsent;
      if (unsent) this.reset();
      else this.#destroy();
      if (unsent || !(error instanceof NetTimeoutError)) throw error;
      await this.#whenGone();
    }
  }

  /** Both our sides are closed: as with `close`, a peer that takes nothing does not keep the socket. */
  async #sendOrReset(): Promise<void> {
    // The FIN is queued by then.
    await Promise.resolve();
    try {
      await this.output.end();
    } catch (error) {
      if (!this.live || !(error instanceof NetTimeoutError)) return;
      this.#failure ??= { operation: "close", cause: error };
      this.reset();
    }
  }

  /** Closes the socket once neither side has anything left to do. */
  #endIfDone(): void {
    const { ended, failure } = this.output;
    if ((!ended && failure === null) || this.#phase === "over") return;
    if (this.#hasPeerEnded || (this.#inputShut && (failure !== null || this.#abandoned()))) this.#destroy();
    else if (this.#inputShut) this.#startLinger();
  }

  #startLinger(): void {
    if (this.#lingersUntil !== Infinity) return;
    this.#lingersUntil = this.deadlineIn(LINGER_MS);
    this.transport.discardInput();
  }

  /** Closes the socket; nothing that it says of what this cuts off is a failure. */
  #destroy(): void {
    if (this.output.failure === null) {
      if (!this.output.ended) this.output.close();
      this.transport.destroy();
    } else {
      // A FIN would make what was sent look like all of it.
      this.transport.reset();
    }
  }

  /** A side that is left as it is leaves nothing to wait for. */
  #abandoned(): boolean {
    return this.input.abandoned || this.output.abandoned;
  }

  /** Of a connection that is over there is nothing to close but what is unread. */
  #dropUnread(): void {
    if (this.input.closed) return;
    this.input.close("ERR_CLOSED");
    this.#onDropped?.forEach((drop) => drop());
  }

  /** Until it is over, it keeps the process alive: also while its socket is not reading, or if it has none and a call waits. */
  #holdOrRelease(): void {
    const holds =
      this.#phase !== "over" && this.#isReferred && (this.transport.holdsProcess || this.#waits());
    if (holds === this.#holds) return;
    this.#holds = holds;
    if (holds) hold();
    else release();
  }

  /** Whether a call waits. */
  #waits(): boolean {
    return this.#phase === "closing" || this.#isAwaited || this.input.waits || this.output.waits;
  }

  #finish(): void {
    this.#phase = "over";
    this.#holdOrRelease();
    this.#lingersUntil = Infinity;
    this.#alarm.letSleep(this);
    this.#gone?.resolve();
  }

  #whenGone(): Promise<void> {
    if (this.#phase === "over") return Promise.resolve();
    if (this.#gone === null) {
      let resolve!: () => void;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      this.#gone = { promise, resolve };
    }
    return this.#gone.promise;
  }
}

/** The next turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => clock.setImmediate(resolve));
}
