import { linkOf, type Connection } from "../connection.js";
import type { Link } from "../core/link.js";
import { currentAlarm } from "../core/timing/alarm.js";
import { rejectedInTime } from "../core/timing/budget.js";
import { watch } from "../core/timing/signals.js";
import { WakeQueue, type Sleeper } from "../core/timing/wake-queue.js";
import { aborted, failureFor, isOwnTimeout, NetError, refused, timedOut } from "../errors.js";
import type { Messages } from "../messages/codec.js";
import { Call, CallList, type CallHost } from "./call.js";
import { LineOfEachKey, OneLine, type Line, type Lines } from "./lines.js";
import { keyOf, type PipelineOptions } from "./options.js";
import { Reader, type Receiver } from "./reader.js";
import { Sending, type Requester } from "./sending.js";
import { Silence } from "./silence.js";

/** Most requests that were given up and whose replies have not come: each is remembered until its reply does. */
const MAX_GIVEN_UP = 65_536;

const NOTHING = { written: "nothing" } as const;

/** The executor's resolving function, without a closure for each promise. */
let captured: (value: never) => void;

function capture(resolve: (value: never) => void): void {
  captured = resolve;
}

/**
 * Sends requests over a connection, and hands each reply to the call whose request it answers.
 *
 * A request that was sent keeps its place until its reply has come, also when its caller has given it up: otherwise that
 * reply would be taken for the one of the next request.
 */
export class Pipeline<Q, R> implements Sleeper, CallHost, Receiver<R>, Requester {
  due = Infinity;
  place = -1;

  /** How many callers wait. */
  pending = 0;
  /** Why no more requests are sent, if so. */
  refusal: NetError | null = null;
  /** How the connection has failed, if it has. */
  failure: NetError | null = null;

  readonly #alarm = currentAlarm();
  readonly #connection: Connection;
  readonly #link: Link;
  readonly #options: PipelineOptions<Q, R>;
  readonly #readTimeout: number;
  readonly #silence: Silence;
  readonly #reader: Reader<R>;
  readonly #sending: Sending<Q>;
  /** The calls whose requests wait to be sent. */
  readonly #queue = new CallList();
  /** The calls whose requests were sent, and whose replies have not come. */
  readonly #lines: Lines;
  /** How many of those the peer is expected to answer. */
  #expected = 0;
  /** How many of those no caller waits for. */
  #givenUp = 0;
  /** The calls that wait and have timeouts of their own. */
  readonly #deadlines = new WakeQueue<Call>();
  /** Whether nothing is left to do: all calls were settled. */
  #isOver = false;
  #onDrained: (() => void) | null = null;
  #drained: Promise<void> | null = null;

  constructor(messages: Messages<R, Q, unknown>, options: PipelineOptions<Q, R>) {
    this.#connection = messages.connection;
    this.#link = linkOf(messages.connection);
    this.#options = options;
    this.#readTimeout = this.#link.input.readTimeout;
    this.#silence = new Silence(this.#readTimeout);
    this.#lines = options.match === undefined ? new OneLine() : new LineOfEachKey();
    this.#reader = new Reader(messages, this.#link.input, this);
    this.#sending = new Sending(messages, this.#link, this);
    this.#link.whenLeftOpen(() => this.#reader.whenStopped(() => this.ended()));
    const over = (error?: NetError): void =>
      this.#reader.whenStopped(() =>
        this.#fail(error ?? refused("request", this.#link.subject, "ERR_CLOSED")),
      );
    this.#link.closed.then(() => over(), over);
    this.#reader.readOn();
  }

  request(message: Q, options: { timeout: number | undefined; signal: AbortSignal | undefined }): Promise<R> {
    const { timeout, signal } = options;
    const { subject } = this.#link;
    let key: unknown;
    let refusal = this.#whyRefused(signal);
    if (refusal === null && this.#options.match !== undefined) {
      try {
        key = keyOf(message, this.#options.match);
      } catch (error) {
        return rejectedInTime(error);
      }
      // That was code of the program's, which may have closed the connection, or sent requests.
      refusal = this.#whyRefused(signal);
    }
    if (refusal !== null) return rejectedInTime(refusal);
    if ((timeout ?? this.#readTimeout) === 0) return rejectedInTime(timedOut("request", subject, 0, NOTHING));
    const promise = new Promise<R>(capture);
    const call = new Call(this, message, key, timeout, signal, captured);
    this.#begin(call);
    return promise;
  }

  /** Sends no more requests than those that wait already. */
  refuse(): void {
    this.refusal ??= refused("request", this.#link.subject, "ERR_CLOSED");
  }

  /** Resolves when no caller waits. */
  get drained(): Promise<void> {
    if (this.pending === 0) return Promise.resolve();
    return (this.#drained ??= new Promise((resolve) => (this.#onDrained = resolve)));
  }

  /** Drops everything: the calls that wait reject with `ERR_CLOSED`. */
  reset(): void {
    this.refuse();
    this.#fail(refused("request", this.#link.subject, "ERR_CLOSED"));
  }

  abort(call: Call, signal: AbortSignal): void {
    this.#giveUp(call, (written) => aborted("request", this.#link.subject, signal, { written }));
  }

  /** Fails the calls whose time is up by `now`, and the connection if a reply is overdue. Returns when to look again. */
  expire(now: number): number {
    for (;;) {
      const { first } = this.#deadlines;
      if (first === undefined || first.due > now) break;
      this.#timeOut(first, first.timeout);
    }
    const { isFatal, late, overdue, next } = this.#silence.look(
      now,
      this.#lines,
      this.#queue,
      this.#link.input,
    );
    if (isFatal) {
      this.#fail(timedOut("read", this.#link.subject, this.#readTimeout));
      return Infinity;
    }
    for (const call of late) if (call.isAwaited) this.#timeOut(call, this.#readTimeout);
    // Requests with other keys go on. Should such a reply come late, it is still thrown away.
    for (const [line, call] of overdue) {
      call.isOverdue = line.isStrict = true;
      this.#expected--;
    }
    if (this.#queue.first !== null) this.#sendSoon();
    return Math.min(this.#deadlines.first?.due ?? Infinity, next);
  }

  // Sending

  /** Why a request can neither be sent nor wait to be sent: what its call rejects with. */
  #whyRefused(signal: AbortSignal | undefined): unknown {
    const { queue } = this.#options;
    // Those that are only gathered do not wait.
    if (this.#queue.size >= queue && this.#sending.isScheduled) this.sendMore();
    const { subject, live } = this.#link;
    if (signal?.aborted === true) return aborted("request", subject, signal, NOTHING);
    if (this.refusal !== null) return failureFor(this.refusal, "nothing");
    if (!live) return refused("request", subject, "ERR_CLOSED", undefined, NOTHING);
    if (this.#queue.size < queue || (this.#queue.size === 0 && this.#maySend)) return null;
    const reason = `${String(queue)} requests wait to be sent`;
    return refused("request", subject, "ERR_BUSY", reason, NOTHING);
  }

  /** Whether the next request may be sent now. */
  get #maySend(): boolean {
    return this.#sending.isIdle && this.#expected < this.#options.concurrency && !this.#isOver;
  }

  #begin(call: Call): void {
    const now = this.#alarm.now();
    const { timeout, signal } = call;
    this.pending++;
    call.since = now;
    this.#queue.push(call);
    if (signal !== undefined && !this.#isWatched(call, signal)) return;
    if (timeout !== undefined && timeout !== Infinity) {
      this.#deadlines.put(call, now + timeout);
      this.#alarm.wakeBy(this, call.due);
    }
    this.#alarm.wakeBy(this, this.#silence.firstLook(now));
    this.#sendSoon();
  }

  /** Watches the signal of a call, which fails if the signal throws. */
  #isWatched(call: Call, signal: AbortSignal): boolean {
    try {
      call.watch = watch(signal, call);
      return true;
    } catch (error) {
      this.#giveUp(call, () => error);
      return false;
    }
  }

  /**
   * Sends what waits, as far as it may: at once if no other request is with the peer; else together with what is requested
   * in the same tick.
   */
  #sendSoon(): void {
    if (this.#expected > 0 && this.#sending.gathers) this.#sending.sendLater();
    else if (!this.#sending.isScheduled) this.sendMore();
  }

  sendMore(): void {
    this.#sending.sendAll();
    this.#reader.readOn();
  }

  get next(): Call | null {
    return this.#maySend ? this.#queue.first : null;
  }

  sends(call: Call): void {
    this.#queue.remove(call);
    call.message = undefined;
    call.since = this.#alarm.now();
    call.sentAt = this.#link.input.received;
    this.#expected++;
    this.#lines.push(call);
  }

  cannotSend(call: Call, error: unknown): void {
    this.#queue.remove(call);
    call.message = undefined;
    this.#reject(call, () => error);
  }

  sendingFailed(calls: readonly Call[], error: unknown, hasBegun: boolean): void {
    if (this.#isOver) return;
    const { live, output } = this.#link;
    const isBroken = !live || output.failure !== null;
    const isTimeout = isOwnTimeout(error);
    // A request of which the peer may have got some is not withdrawn: its reply would be taken for that of the next one.
    const written =
      (error instanceof NetError ? error.written : undefined) ?? (hasBegun ? "partly" : "nothing");
    if (!isBroken && !isTimeout && written === "nothing") {
      const isShared = calls.length > 1 && error instanceof NetError;
      for (const call of calls) this.#withdraw(call, () => (isShared ? failureFor(error, "nothing") : error));
      this.sendMore();
      return;
    }
    const failure = this.#asNetError(error, "sending has failed");
    if (written === "nothing")
      for (const call of calls) this.#withdraw(call, () => failureFor(failure, "nothing"));
    // What the peer had sent before can still be read, unless it is the peer that takes nothing.
    if (isTimeout || !isBroken) this.#fail(failure);
    else {
      this.#refuseWith(failure);
      this.#reader.whenStopped(() => this.#fail(failure));
    }
  }

  /** Rejects a call whose request was not sent after all. */
  #withdraw(call: Call, make: () => unknown): void {
    const line = this.#lines.get(call.key);
    // Its place is gone if a message has taken it meanwhile.
    if (line === undefined || !this.#isIn(line, call)) return;
    this.#takeOut(line, call);
    call.sentAt = -1;
    if (call.isAwaited) this.#reject(call, make);
    else this.#givenUp--;
  }

  #isIn(line: Line, call: Call): boolean {
    return line.first === call || call.previous !== null;
  }

  /** No reply is due to this call any more: it has come, or the request was not sent. One that is overdue was not expected. */
  #takeOut(line: Line, call: Call): void {
    this.#lines.remove(line, call);
    if (!call.isOverdue) this.#expected--;
  }

  // Receiving

  get wanted(): number {
    if (this.#isOver) return 0;
    return this.#options.unsolicited === undefined ? this.#expected : Infinity;
  }

  received(message: R, begin: number): void {
    if (!this.#isOver) this.#deliver(message, begin);
  }

  receivedAll(): void {
    // The callers that have got replies may request more.
    if (this.#sending.gathers) this.#sending.sendLater();
    else if (this.#queue.first !== null) this.sendMore();
  }

  /** No more messages come. */
  ended(): void {
    if (this.#isOver) return;
    const isFailure = this.pending > 0;
    const reason = isFailure
      ? "the peer has ended the stream before the reply"
      : "the peer has ended the stream";
    const failure = refused("read", this.#link.subject, "ERR_UNEXPECTED_EOF", reason);
    this.#finish(failure, isFailure ? failure : null);
    this.#connection.close().catch(ignore);
  }

  readingFailed(error: unknown): void {
    this.#fail(this.#asNetError(error, "receiving has failed"));
  }

  /** Hands a message to the call whose request it answers. `begin`: how many bytes had arrived before it. */
  #deliver(message: R, begin: number): void {
    const { match } = this.#options;
    let line: Line | undefined;
    if (match === undefined) line = this.#lines.get(undefined);
    else {
      let key: unknown;
      try {
        key = match.reply(message);
      } catch (error) {
        this.#failBy("match.reply has thrown", error);
        return;
      }
      if (this.#isOver) return;
      if (key !== undefined) line = this.#lines.get(key);
    }
    const call = line?.first ?? null;
    // What had begun to arrive before a request was sent does not answer it.
    if (line === undefined || call === null || call.sentAt > begin) {
      this.#deliverUnsolicited(message);
      return;
    }
    line.answered++;
    this.#takeOut(line, call);
    if (!call.isAwaited) {
      this.#givenUp--;
      return;
    }
    this.#settled(call);
    call.succeed(message);
  }

  #deliverUnsolicited(message: R): void {
    const { unsolicited } = this.#options;
    if (unsolicited === undefined) {
      const reason = "a message has come that answers no request";
      this.#fail(refused("read", this.#link.subject, "ERR_INVALID_MESSAGE", reason));
      return;
    }
    const failed = (error: unknown) => this.#failBy("unsolicited has thrown", error);
    try {
      const result = unsolicited(message);
      if (isThenable(result)) Promise.resolve(result).then(undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  // Giving up

  #timeOut(call: Call, timeout: number | undefined): void {
    this.#giveUp(call, (written) => timedOut("request", this.#link.subject, timeout, { written }));
  }

  /** Rejects a call whose caller does not wait any more. */
  #giveUp(call: Call, make: (written: "nothing" | "partly") => unknown): void {
    const { written } = call;
    if (call.isSent) {
      this.#givenUp++;
      call.since = this.#alarm.now();
    } else {
      this.#queue.remove(call);
      call.message = undefined;
    }
    this.#reject(call, () => make(written));
    if (this.#givenUp <= MAX_GIVEN_UP) return;
    const reason = `${String(this.#givenUp)} replies of requests that were given up have not come`;
    this.#fail(refused("read", this.#link.subject, "ERR_LIMIT", reason));
  }

  #reject(call: Call, make: () => unknown): void {
    this.#settled(call);
    call.fail(make);
  }

  #settled(call: Call): void {
    if (call.place !== -1) this.#deadlines.remove(call);
    if (--this.pending === 0) this.#onDrained?.();
  }

  // Ending

  /** Sends no more requests, and rejects those that wait to be sent. */
  #refuseWith(failure: NetError): void {
    this.refusal ??= failure;
    for (const call of this.#queue) this.#giveUp(call, (written) => failureFor(failure, written));
  }

  #failBy(reason: string, cause: unknown): void {
    this.#fail(refused("request", this.#link.subject, "ERR_INVALID_MESSAGE", reason, { cause }));
  }

  /** The connection has failed, or it cannot be used any more: it is reset, and all calls reject. */
  #fail(failure: NetError): void {
    if (this.#isOver) return;
    this.#finish(failure, failure);
    if (this.#link.live) this.#connection.reset();
  }

  #finish(error: NetError, failure: NetError | null): void {
    this.#isOver = true;
    this.refusal ??= error;
    if (failure?.code !== "ERR_CLOSED") this.failure = failure;
    this.#alarm.letSleep(this);
    for (const call of this.#queue) this.#drop(call, this.#queue, error);
    for (const line of this.#lines) for (const call of line) this.#drop(call, line, error);
  }

  #drop(call: Call, list: CallList, error: NetError): void {
    list.remove(call);
    call.message = undefined;
    const { written } = call;
    if (call.isAwaited) this.#reject(call, () => failureFor(error, written));
  }

  #asNetError(error: unknown, reason: string): NetError {
    if (error instanceof NetError) return error;
    return refused("request", this.#link.subject, "ERR_INVALID_MESSAGE", reason, { cause: error });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}

function ignore(): void {
  // The callers have been told why.
}
