import { checkedOperation, type OperationOptions } from "../../options/operation.js";
import { textEncodingOf, WRITE, type WriteOptions } from "../../options/write.js";
import type { Names } from "../../options/schema.js";
import { aborted, refused, translated, type Operation } from "../../errors.js";
import { clock } from "../timing/clock.js";
import { GATHER_UNITS, nextTurn, QUEUE_UNITS, rejectedInTime, spend } from "../timing/budget.js";
import { rejectedQuietly, WritePromise } from "./write-promise.js";
import { FINISH_TIMEOUT_MS } from "../transport/finish.js";
import { Gather } from "../bytes/gather.js";
import { inLatin1, isBelow, isWhole, payloadOf, type Data, type Payload } from "../bytes/payload.js";
import type { HalfHost } from "../half-host.js";
import { Sender, SETTLED, type SenderEvents } from "./sender.js";
import type { MakeError } from "./sender-state.js";
import { Entry } from "./write-queue.js";

type State =
  | { readonly kind: "open" }
  /** The FIN is sent behind what is queued. */
  | { readonly kind: "ending" }
  | { readonly kind: "ended" }
  /** Sending has failed, or the connection has. */
  | { readonly kind: "failed"; readonly cause: unknown }
  /** The program has closed, reset or detached the connection, or the stream is closed. */
  | { readonly kind: "closed"; readonly reason: string | undefined };

const OPEN: State = { kind: "open" };
const ENDING: State = { kind: "ending" };
const NO_TIMEOUT: OperationOptions = { timeout: Infinity };

/** The sending half of a connection: what may be written, what is gathered first, and how it ends. */
export class Output implements SenderEvents {
  readonly #host: HalfHost;
  readonly writeTimeout: number;
  readonly bufferSize: number;
  readonly autoCork: boolean;
  /** Writes that are sent together; `null` until the first one. */
  #gather: Gather | null = null;
  readonly #sender: Sender;
  #state: State = OPEN;
  #isFlushScheduled = false;
  /** Whether the gathered bytes are sent as soon as the kernel has taken all bytes before them. */
  #flushesWhenDrained = false;
  /** Whether ending the output sends no FIN: this side of the connection stays open. */
  abandoned = false;
  /** Has a view of the connection write the bytes that it still queues: they come before the call that is being made. */
  writeQueued: (() => void) | null = null;
  /** Lost writes that no caller has observed yet; `null` for gathered bytes, which have no promise. */
  #lost: (WritePromise | null)[] | null = null;

  constructor(host: HalfHost, writeTimeout: number, bufferSize: number, autoCork: boolean) {
    this.#host = host;
    this.writeTimeout = writeTimeout;
    this.bufferSize = bufferSize;
    this.autoCork = autoCork;
    this.#sender = new Sender(host, this, writeTimeout, autoCork);
    if (host.transport.connecting) this.#sender.holdUntilConnected();
  }

  /** Bytes that were written to this output and that the kernel has not taken. */
  get length(): number {
    return (this.#gather?.size ?? 0) + this.#sender.length;
  }

  /** Whether the kernel has taken all bytes, also those that others wrote to the stream; the FIN may be left to send. */
  get idle(): boolean {
    return this.length === 0 && this.#host.transport.drained;
  }

  /** Whether a call waits. */
  get waits(): boolean {
    return this.#sender.waits;
  }

  get ended(): boolean {
    return this.#state.kind === "ended";
  }

  get ending(): boolean {
    return this.#state.kind === "ending";
  }

  /** Whether bytes were lost and no caller has observed that. */
  get hasUnobservedLoss(): boolean {
    return this.#lost?.some((call) => call?.observed !== true) ?? false;
  }

  /** What the output has failed with, or `null`. */
  get failure(): { readonly cause: unknown } | null {
    return this.#state.kind === "failed" ? this.#state : null;
  }

  /** Writes what a caller has given. Errors call it `name`; `known` are the options that there are. */
  write(
    data: Data | readonly Data[],
    options?: WriteOptions,
    name = "data",
    known: Names = WRITE,
  ): Promise<void> {
    let payload: Payload;
    let operation: OperationOptions | undefined;
    try {
      payload = payloadOf(data);
      if (options !== undefined) {
        operation = checkedOperation(options, known);
        if (textEncodingOf(options) === "latin1") payload = inLatin1(payload, name);
      }
    } catch (error) {
      return rejectedInTime(error);
    }
    return this.send(payload, operation);
  }

  /** Writes a payload, with options that are checked. */
  send(payload: Payload, options?: OperationOptions): Promise<void> {
    if (this.writeQueued !== null) this.writeQueued();
    if (this.#lost !== null) this.surfaceLoss();
    if (options?.signal?.aborted === true) {
      return rejectedQuietly(aborted("write", this.#host.subject, options.signal, { written: "nothing" }));
    }
    if (this.bufferSize > 0 && this.#state.kind === "open") {
      if (isBelow(payload, this.bufferSize)) return this.#add(payload, options);
      this.sendGathered();
    }
    if (this.#state.kind !== "open") return this.#refuse("write", { written: "nothing" });
    if (payload.length === 0) return settledInTime();
    return this.#sender.send("data", payload, options);
  }

  /** Sends the gathered bytes. Settles when the kernel has taken all bytes that were written so far. */
  flush(options?: OperationOptions): Promise<void> {
    return this.#afterQueued("write", options, () => null);
  }

  /** Ends the output behind what was written so far. Settles when the FIN is sent. */
  end(options?: OperationOptions): Promise<void> {
    return this.#afterQueued("close", options, () => {
      if (this.#state.kind !== "open") return null;
      this.#state = ENDING;
      this.#host.outputChanged();
      if (!this.abandoned) return new Entry("end", "close");
      // A side that stays open sends no FIN; a mark takes its place in the queue.
      void this.#sender.enqueue(new Entry("mark", "close"), NO_TIMEOUT).then(() => this.finSent(), ignore);
      return null;
    });
  }

  /** Sends all that waits to be sent with other bytes. */
  sendQueued(): void {
    if (this.writeQueued !== null) this.writeQueued();
    this.sendGathered();
    this.#sender.uncork();
  }

  /** Sends the gathered bytes, for which no call waits: if that fails, the next call rejects. */
  sendGathered(): void {
    if (this.#gather?.isEmpty === false) void this.#sendGathered(null);
  }

  /**
   * Sends what is corked now, and the gathered bytes then, or when the kernel has taken all bytes before them. They stay in
   * the buffer until then, so that the write which fills it waits.
   */
  sendGatheredSoon(): void {
    this.#sender.uncork();
    if (this.#sender.idle) this.sendGathered();
    else this.#flushesWhenDrained = true;
  }

  /** Sends the gathered bytes at the end of the event loop's turn in which the first of them was written. */
  runScheduledFlush(): void {
    this.#isFlushScheduled = false;
    this.sendGatheredSoon();
  }

  /** Fails the output: pending calls reject with `cause` translated, nothing more is sent. */
  fail(cause: unknown): void {
    if (this.#state.kind !== "open" && this.#state.kind !== "ending") return;
    this.#state = { kind: "failed", cause };
    this.#drop((entry, isSending) =>
      translated(entry.operation, this.#host.subject, cause, entry.written(isSending, true)),
    );
    this.#host.outputChanged();
  }

  /** Closes the output: pending calls reject with `ERR_CLOSED`, nothing more is sent. */
  close(reason?: string): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed", reason };
    this.#drop((entry, isSending) =>
      refused(entry.operation, this.#host.subject, "ERR_CLOSED", reason, entry.written(isSending, true)),
    );
    this.#lost = null;
  }

  /**
   * Closes the output: pending calls reject with `ERR_CLOSED`. Returns the payloads that were not sent, which the stream's
   * next owner sends, and whether the stream is to end behind them. A payload whose memory has changed is not among them.
   */
  detach(reason: string): { readonly unsent: readonly Payload[]; readonly ending: boolean } {
    this.#state = { kind: "closed", reason };
    const left = this.#sender.detach((entry) =>
      refused(entry.operation, this.#host.subject, "ERR_CLOSED", reason, entry.written(true)),
    );
    return {
      unsent: left
        .filter(({ payload, size }) => size > 0 && isWhole(payload, size))
        .map(({ payload }) => payload),
      ending: left.some(({ kind }) => kind === "end"),
    };
  }

  /**
   * Fails the output if a write was lost and no caller has observed that: nothing may follow behind the gap. `reporter` is
   * the promise that then tells the program; `null`: no promise does.
   */
  surfaceLoss(reporter?: WritePromise | null): void {
    const unheard = this.#lost?.find((call) => call?.observed !== true);
    if (unheard === undefined) this.#lost = null;
    else if (unheard !== null) {
      if (reporter !== undefined) this.#lost = [reporter];
      this.fail(unheard.reason);
    }
  }

  /** Fails the calls whose time is up by `now`, in ms; returns when to look again. */
  expire(now: number): number {
    return this.#sender.expire(now);
  }

  // What the sender reports

  lost(call: WritePromise | null): void {
    (this.#lost ??= []).push(call);
  }

  finSent(): void {
    if (this.#state.kind !== "ending") return;
    this.#state = { kind: "ended" };
    this.#host.outputChanged();
  }

  drained(): boolean {
    if (!this.#flushesWhenDrained) return false;
    this.#flushesWhenDrained = false;
    this.sendGathered();
    return true;
  }

  /** A call that settles when all that was written so far is sent, and then the entry that `begin` returns, if any. */
  #afterQueued(
    operation: Operation,
    options: OperationOptions | undefined,
    begin: () => Entry | null,
  ): Promise<void> {
    if (options !== undefined) {
      try {
        options = checkedOperation(options);
      } catch (error) {
        return rejectedInTime(error);
      }
    }
    if (options?.signal?.aborted === true)
      return rejectedQuietly(aborted(operation, this.#host.subject, options.signal));
    if (this.writeQueued !== null) this.writeQueued();
    if (this.#lost !== null) this.surfaceLoss();
    this.sendGathered();
    const entry = begin();
    const { kind } = this.#state;
    // A side that was closed here has ended; one that was detached has another owner, who may end it.
    const isOver = this.#state.kind === "closed" && this.#state.reason === undefined;
    if (kind === "ended" || (isOver && operation === "close")) return settledInTime();
    if (kind === "failed" || kind === "closed") return this.#refuse(operation);
    if (entry === null && this.#sender.idle) return settledInTime();
    // With nothing before it a FIN is sent in a moment: a timeout of 0 allows for that.
    const isOnItsWay = this.idle && !this.#host.transport.connecting;
    const timeout = Math.max(options?.timeout ?? this.writeTimeout, FINISH_TIMEOUT_MS);
    const within = isOnItsWay ? { ...options, timeout } : options;
    return this.#sender.enqueue(entry ?? new Entry("mark", operation), within);
  }

  #add(payload: Payload, options: OperationOptions | undefined): Promise<void> {
    this.#gather ??= new Gather(this.bufferSize);
    this.#gather.add(payload);
    if (this.#gather.isFull) return this.#sendGathered(options);
    if (!this.#isFlushScheduled) {
      this.#isFlushScheduled = true;
      clock.setImmediate(runScheduledFlush, this);
    }
    return settledInTime(GATHER_UNITS);
  }

  #sendGathered(options: OperationOptions | null | undefined): Promise<void> {
    return this.#sender.send("gathered", this.#gather?.take() ?? "", options);
  }

  /** Rejects all calls that wait. */
  #drop(makeError: MakeError): void {
    if (this.#gather?.isEmpty === false) this.lost(null);
    this.#gather?.clear();
    this.#sender.drop(makeError);
  }

  /** The result of a call after the output has ended, failed or was closed. */
  #refuse(operation: Operation, circumstances: { written?: "nothing" } = {}): WritePromise {
    const state = this.#state;
    if (state.kind !== "failed") {
      const reason = state.kind === "closed" ? state.reason : "the output is closed";
      return WritePromise.failed(refused(operation, this.#host.subject, "ERR_CLOSED", reason, circumstances));
    }
    const call = WritePromise.failed(translated(operation, this.#host.subject, state.cause, circumstances));
    // Once a caller observes this rejection, no other has to report the loss.
    if (circumstances.written !== undefined || this.hasUnobservedLoss) this.#lost = [call];
    return call;
  }
}

/** The result of a call that does not wait for the kernel. */
function settledInTime(units = QUEUE_UNITS): Promise<void> {
  return spend(units) ? SETTLED : nextTurn();
}

function runScheduledFlush(output: Output): void {
  output.runScheduledFlush();
}

function ignore(): void {
  // The calls that wait are rejected with it.
}
