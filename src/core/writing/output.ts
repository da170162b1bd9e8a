import { checkedOperation, WRITE, type OperationOptions } from "../../options/operation.js";
import { aborted, refused, translated, type Operation } from "../../errors.js";
import { clock } from "../timing/clock.js";
import { GATHER_UNITS, nextTurn, QUEUE_UNITS, spend } from "../timing/budget.js";
import { WritePromise } from "./write-promise.js";
import { FINISH_TIMEOUT_MS } from "../transport/finish.js";
import { Gather } from "../bytes/gather.js";
import { isBelow, payloadOf, type Data, type Payload } from "../bytes/payload.js";
import type { HalfHost } from "../half-host.js";
import { rejectedQuietly, Sender, SETTLED, type MakeError, type SenderEvents } from "./sender.js";
import { Entry } from "./write-queue.js";

type State =
  | { readonly kind: "open" }
  /** Our FIN follows what is queued. */
  | { readonly kind: "ending" }
  | { readonly kind: "ended" }
  /** The peer takes nothing any more. */
  | { readonly kind: "failed"; readonly cause: unknown }
  /** The connection was closed, reset or detached by us. */
  | { readonly kind: "closed"; readonly reason: string | undefined };

const OPEN: State = { kind: "open" };
const ENDING: State = { kind: "ending" };
const NO_TIMEOUT: OperationOptions = { timeout: Infinity };

/** The sending half of a connection: what may be written, what is gathered first, and how it ends. */
export class Output implements SenderEvents {
  readonly #host: HalfHost;
  readonly #writeTimeout: number;
  readonly #bufferSize: number;
  /** `null` while nothing was ever gathered. */
  #gather: Gather | null = null;
  readonly #sender: Sender;
  #state: State = OPEN;
  #isFlushScheduled = false;
  /** What is gathered goes out as soon as the kernel has taken all before it. */
  #flushesWhenDrained = false;
  /** Ending the output leaves the connection's side as it is. */
  abandoned = false;
  /** A stream over the connection writes what it queues: that comes before what is asked for now. */
  writeQueued: (() => void) | null = null;
  /** The calls that answer for what was lost, `null` where none does, until one that is heard of has said so. */
  #lost: (WritePromise | null)[] | null = null;

  constructor(host: HalfHost, writeTimeout: number, bufferSize: number) {
    this.#host = host;
    this.#writeTimeout = writeTimeout;
    this.#bufferSize = bufferSize;
    this.#sender = new Sender(host, this, writeTimeout);
    if (host.transport.connecting) this.#sender.holdUntilConnected();
  }

  /** Bytes written here that the kernel has not taken. */
  get length(): number {
    return (this.#gather?.size ?? 0) + this.#sender.length;
  }

  /** Whether the kernel has taken all that was written, past us too, or a FIN is all that is left to send. */
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

  /** Whether bytes were lost, and nobody has heard of it. */
  get hasUnobservedLoss(): boolean {
    return this.#lost?.some((call) => call?.observed !== true) ?? false;
  }

  /** What the output failed with, if it did. */
  get failure(): { readonly cause: unknown } | null {
    return this.#state.kind === "failed" ? this.#state : null;
  }

  write(data: Data | readonly Data[], options?: OperationOptions): Promise<void> {
    let payload: Payload;
    try {
      payload = payloadOf(data);
      if (options !== undefined) options = checkedOperation(options, WRITE);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.writeQueued !== null) this.writeQueued();
    if (this.#lost !== null) this.surfaceLoss();
    if (options?.signal?.aborted === true) {
      return rejectedQuietly(aborted("write", this.#host.subject, options.signal, { written: "nothing" }));
    }
    if (this.#bufferSize > 0 && this.#state.kind === "open") {
      if (isBelow(payload, this.#bufferSize)) return this.#add(payload, options);
      this.sendGathered();
    }
    if (this.#state.kind !== "open") return this.#refuse("write", { written: "nothing" });
    if (payload.length === 0) return settledInTime();
    return this.#sender.send("data", payload, options);
  }

  /** Sends what is gathered; settles when the kernel has taken all that was written so far. */
  flush(options?: OperationOptions): Promise<void> {
    return this.#afterQueued("write", options, () => null);
  }

  /** Ends the output after what was written so far; settles when the FIN is sent. */
  end(options?: OperationOptions): Promise<void> {
    return this.#afterQueued("close", options, () => {
      if (this.#state.kind !== "open") return null;
      this.#state = ENDING;
      this.#host.outputChanged();
      if (!this.abandoned) return new Entry("end", "close");
      // A side that is left as it is has no FIN to send; a mark says when its turn would be.
      void this.#sender.enqueue(new Entry("mark", "close"), NO_TIMEOUT).then(() => this.finSent(), ignore);
      return null;
    });
  }

  /** Sends what is gathered. Nobody waits for it: should it fail, the next call says so. */
  sendGathered(): void {
    if (this.#gather?.isEmpty === false) void this.#sendGathered(null);
  }

  /**
   * Sends what is gathered now, or when the kernel has taken all before it. Until then it stays where it is, so that the
   * write which fills the buffer waits.
   */
  sendGatheredSoon(): void {
    if (this.#sender.idle) this.sendGathered();
    else this.#flushesWhenDrained = true;
  }

  /** The turn of the event loop in which bytes were gathered has ended. */
  runScheduledFlush(): void {
    this.#isFlushScheduled = false;
    this.sendGatheredSoon();
  }

  /** The connection has failed: nothing that is queued will be sent. */
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
   * Closes the output: pending calls reject with `ERR_CLOSED`. What was not yet sent is given away, to be sent by whoever
   * writes to the socket from now on, and then to end it if it was `ending`.
   */
  detach(reason: string): { readonly unsent: readonly Payload[]; readonly ending: boolean } {
    if (this.writeQueued !== null) this.writeQueued();
    this.sendGathered();
    this.#state = { kind: "closed", reason };
    const left = this.#sender.detach((entry) =>
      refused(entry.operation, this.#host.subject, "ERR_CLOSED", reason, entry.written(true)),
    );
    return {
      unsent: left.filter(({ size }) => size > 0).map(({ payload }) => payload),
      ending: left.some(({ kind }) => kind === "end"),
    };
  }

  /** A write that was lost while nobody listened fails the output: what would follow does not fit behind the gap. `teller` is a call that tells of it. */
  surfaceLoss(teller?: WritePromise | null): void {
    const unheard = this.#lost?.find((call) => call?.observed !== true);
    if (unheard === undefined) this.#lost = null;
    else if (unheard !== null) {
      if (teller !== undefined) this.#lost = [teller];
      this.fail(unheard.reason);
    }
  }

  /** Fails the calls whose time is up by `now`; answers when to look again. */
  expire(now: number): number {
    return this.#sender.expire(now);
  }

  // What the sender tells

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

  /** A call that waits until all is sent that was written so far, and then the entry that `begin` yields, if any. */
  #afterQueued(
    operation: Operation,
    options: OperationOptions | undefined,
    begin: () => Entry | null,
  ): Promise<void> {
    if (options !== undefined) {
      try {
        options = checkedOperation(options);
      } catch (error) {
        return Promise.reject(error);
      }
    }
    if (options?.signal?.aborted === true)
      return rejectedQuietly(aborted(operation, this.#host.subject, options.signal));
    if (this.writeQueued !== null) this.writeQueued();
    if (this.#lost !== null) this.surfaceLoss();
    this.sendGathered();
    const entry = begin();
    const { kind } = this.#state;
    if (kind === "ended" || (kind === "closed" && operation === "close")) return settledInTime();
    if (kind === "failed" || kind === "closed") return this.#refuse(operation);
    if (entry === null && this.#sender.idle) return settledInTime();
    // Where nothing is queued but a FIN, that is on its way, which takes a moment also when no time is allowed.
    const isOnItsWay = this.idle && !this.#host.transport.connecting;
    const timeout = Math.max(options?.timeout ?? this.#writeTimeout, FINISH_TIMEOUT_MS);
    const within = isOnItsWay ? { ...options, timeout } : options;
    return this.#sender.enqueue(entry ?? new Entry("mark", operation), within);
  }

  #add(payload: Payload, options: OperationOptions | undefined): Promise<void> {
    this.#gather ??= new Gather(this.#bufferSize);
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

  /** Rejects all who wait. */
  #drop(makeError: MakeError): void {
    if (this.#gather?.isEmpty === false) this.lost(null);
    this.#gather?.clear();
    this.#sender.drop(makeError);
  }

  /** A call that cannot be done since nothing can be written. */
  #refuse(operation: Operation, circumstances: { written?: "nothing" } = {}): WritePromise {
    const state = this.#state;
    if (state.kind !== "failed") {
      const reason = state.kind === "closed" ? state.reason : "the output is closed";
      return WritePromise.failed(refused(operation, this.#host.subject, "ERR_CLOSED", reason, circumstances));
    }
    const call = WritePromise.failed(translated(operation, this.#host.subject, state.cause, circumstances));
    // If it is heard of, all is said that there is to say.
    if (circumstances.written !== undefined || this.hasUnobservedLoss) this.#lost = [call];
    return call;
  }
}

/** The result of a call that needs nothing of the kernel. */
function settledInTime(units = QUEUE_UNITS): Promise<void> {
  return spend(units) ? SETTLED : nextTurn();
}

function runScheduledFlush(output: Output): void {
  output.runScheduledFlush();
}

function ignore(): void {
  // It is delivered to those who wait.
}
