import { checkOperation, wrongType, type OperationOptions } from "../arguments.js";
import { aborted, refused, timedOut, translated, type Operation, type Subject } from "../errors.js";
import type { Alarm } from "./alarm.js";
import { failAtCaller } from "./fail-at-caller.js";
import { Gather } from "./gather.js";
import type { Payload, Taken, Transport } from "./transport.js";
import { WriteQueue, type Entry } from "./write-queue.js";

/** What can be written: text, sent as UTF-8, or the bytes of a view. */
export type Data = string | ArrayBufferView;

/** What the output needs of the connection it belongs to. */
export interface OutputHost {
  readonly subject: Subject;
  readonly alarm: Alarm;
  readonly transport: Transport;
  /** The output has ended or failed. */
  outputOver(): void;
}

type State =
  | { readonly kind: "open" }
  /** Our FIN follows what is queued. */
  | { readonly kind: "ending" }
  | { readonly kind: "ended" }
  /** The peer takes nothing any more. */
  | { readonly kind: "failed"; readonly cause: unknown }
  /** The connection was closed, reset or detached by us. */
  | { readonly kind: "closed"; readonly reason: string | undefined };

const DESTROYED = Object.assign(new Error("the socket was destroyed"), { code: "ERR_STREAM_DESTROYED" });
const DONE = Promise.resolve();
const NONE: OperationOptions = {};

/** The progress of a long write is looked at this often per `writeTimeout`. */
const SAMPLES = 4;

/** The sending half of a connection: at most one write is with the kernel, the others wait for their turn. */
export class Output {
  readonly #host: OutputHost;
  readonly #writeTimeout: number;
  readonly #bufferSize: number;
  readonly #gather: Gather;
  #state: State = { kind: "open" };
  /** The write of which the kernel has not taken all. While there is none, the queue is empty. */
  #turn: Entry | null = null;
  readonly #queue = new WriteQueue();
  /** Set while `transport.send` runs: it may call back at once. */
  #sending: "no" | "yes" | "taken" | "failed" = "no";
  #sendError: unknown;
  #flushAtTurnsEnd = false;
  /** When the kernel was last seen to take bytes of the write in its turn, and how many it left. */
  #progressAt = 0;
  #unsent = 0;
  /** Bytes that no pending call answers for were lost: the next call says so. */
  #unreported = false;
  /** Ending the output leaves the connection's side as it is. */
  abandoned = false;

  constructor(host: OutputHost, writeTimeout: number, bufferSize: number) {
    this.#host = host;
    this.#writeTimeout = writeTimeout;
    this.#bufferSize = bufferSize;
    this.#gather = new Gather(bufferSize);
  }

  /** Bytes written here that the kernel has not taken. */
  get length(): number {
    const turn = this.#turn === null ? 0 : Math.min(this.#turn.size, this.#host.transport.unsent);
    return this.#gather.size + this.#queue.size + turn;
  }

  /** Whether there is nothing that the kernel has not taken. */
  get idle(): boolean {
    return this.#turn === null && this.#gather.size === 0;
  }

  get ended(): boolean {
    return this.#state.kind === "ended";
  }

  /** What the output failed with, if it did. */
  get failure(): { readonly cause: unknown } | null {
    return this.#state.kind === "failed" ? this.#state : null;
  }

  /** Whether bytes were lost and nobody has been told. */
  get unreported(): boolean {
    return this.#unreported;
  }

  write(data: Data | readonly Data[], options?: OperationOptions): Promise<void> {
    let payload: Payload;
    try {
      payload = payloadOf(data);
      if (options !== undefined) checkOperation(options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (options?.signal?.aborted === true) {
      return rejected(aborted("write", this.#host.subject, options.signal, { written: "nothing" }));
    }
    if (this.#state.kind !== "open") return rejected(this.#refusal("write"));
    if (payload.length === 0) return DONE;
    if (this.#bufferSize > 0) {
      const size = sizeOf(payload);
      if (size < this.#bufferSize) return this.#add(payload, size, options);
      this.sendGathered();
    }
    return this.#submit("data", payload, options);
  }

  /** Sends what is gathered; settles when the kernel has taken all that was written so far. */
  flush(options?: OperationOptions): Promise<void> {
    return this.#marked("write", options, () => {
      this.sendGathered();
    });
  }

  /** Ends the output after what was written so far; settles when the FIN is sent. */
  end(options?: OperationOptions): Promise<void> {
    return this.#marked("close", options, () => {
      if (this.#state.kind !== "open") return;
      this.sendGathered();
      if (this.#state.kind !== "open") return;
      this.#state = { kind: "ending" };
      this.#queue.push(entryOf("end", "close", null, 0));
      if (this.#turn === null) this.#advance();
    });
  }

  /** Sends what is gathered. Nobody waits for it: should it fail, the next call says so. */
  sendGathered(): void {
    if (this.#gather.size > 0) void this.#submit("kept", this.#gather.take(), null);
  }

  /** The connection has failed: nothing that is queued will be sent. */
  fail(cause: unknown): void {
    if (this.#state.kind !== "open" && this.#state.kind !== "ending") return;
    this.#state = { kind: "failed", cause };
    const lost = this.#dropAll((entry, inTurn) =>
      translated(entry.operation, this.#host.subject, cause, writtenOf(entry, inTurn)),
    );
    this.#unreported ||= lost;
    this.#host.outputOver();
  }

  /** Closes the output: pending calls reject with `ERR_CLOSED`, nothing more is sent. */
  close(reason?: string): void {
    if (this.#state.kind === "closed") return;
    this.#state = { kind: "closed", reason };
    this.#dropAll((entry, inTurn) =>
      refused(entry.operation, this.#host.subject, "ERR_CLOSED", reason, writtenOf(entry, inTurn)),
    );
  }

  /**
   * Closes the output and takes out what was not yet sent, for whoever writes to the socket from now on. The calls that
   * wait for it are settled by `taken`.
   */
  drain(reason: string): { left: { readonly payload: Payload; readonly taken: Taken }[]; ending: boolean } {
    this.sendGathered();
    const ending = this.#state.kind === "ending" && this.#turn?.kind !== "end";
    this.#state = { kind: "closed", reason };
    const left = [];
    for (let entry = this.#queue.shift(); entry !== null; entry = this.#queue.shift()) {
      const waiting = entry;
      const taken: Taken = (error) => this.#settled(waiting, error);
      if (waiting.kind !== "end") left.push({ payload: waiting.payload ?? "", taken });
    }
    return { left, ending };
  }

  /** Fails the calls whose time is up by `now`; answers when to look again. */
  expire(now: number): number {
    if (this.#turn === null) return Infinity;
    const { unsent } = this.#host.transport;
    if (unsent !== this.#unsent) this.#progressed(now, unsent);
    let next = Infinity;
    for (let entry: Entry | null = this.#turn; entry !== null;) {
      const following: Entry | null = entry === this.#turn ? this.#queue.first : entry.next;
      if (entry.resolve !== null && entry.bound !== Infinity) {
        const deadline = (entry.whole ? entry.since : Math.max(entry.since, this.#progressAt)) + entry.bound;
        if (deadline <= now) this.#expired(entry);
        else next = Math.min(next, deadline, entry.whole ? Infinity : now + entry.bound / SAMPLES);
      }
      entry = following;
    }
    return next;
  }

  /** A call that waits for its place behind all that is queued, after `prepare`. */
  #marked(operation: Operation, options: OperationOptions | undefined, prepare: () => void): Promise<void> {
    try {
      checkOperation(options);
    } catch (error) {
      return Promise.reject(error as Error);
    }
    if (options?.signal?.aborted === true)
      return rejected(aborted(operation, this.#host.subject, options.signal));
    prepare();
    const { kind } = this.#state;
    if (kind === "ended" || (kind === "closed" && operation === "close")) return DONE;
    if (kind === "failed" || kind === "closed") return rejected(this.#refusal(operation));
    if (this.#turn === null) return DONE;
    const mark = entryOf("mark", operation, null, 0);
    this.#queue.push(mark);
    return this.#wait(mark, options);
  }

  #add(payload: Payload, size: number, options: OperationOptions | undefined): Promise<void> {
    this.#gather.add(payload, size);
    if (this.#gather.size >= this.#bufferSize) return this.#submit("kept", this.#gather.take(), options);
    if (!this.#flushAtTurnsEnd) {
      this.#flushAtTurnsEnd = true;
      setImmediate(flushAtTurnsEnd, this);
    }
    return DONE;
  }

  /** The turn of the event loop in which bytes were gathered has ended. */
  turnEnded(): void {
    this.#flushAtTurnsEnd = false;
    this.sendGathered();
  }

  /** Sends a payload now or in its turn. Without `options` (`null`) nobody waits for it. */
  #submit(
    kind: "data" | "kept",
    payload: Payload,
    options: OperationOptions | null | undefined,
  ): Promise<void> {
    const entry = this.#turn === null ? null : entryOf(kind, "write", payload, sizeOf(payload));
    if (entry !== null) {
      this.#queue.push(entry);
      return options === null ? DONE : this.#wait(entry, options);
    }
    const outcome = this.#send(payload);
    if (outcome === "taken") return DONE;
    if (outcome === "failed") {
      this.fail(this.#sendError);
      this.#unreported ||= options === null;
      return options === null ? DONE : rejected(this.#refusal("write"));
    }
    const turn = entryOf(kind, "write", payload, sizeOf(payload));
    this.#takesTurn(turn);
    return options === null ? DONE : this.#wait(turn, options);
  }

  #send(payload: Payload): "taken" | "failed" | "pending" {
    this.#sending = "yes";
    this.#host.transport.send(payload, this.#taken);
    const outcome = this.#sending as "yes" | "taken" | "failed";
    this.#sending = "no";
    return outcome === "yes" ? "pending" : outcome;
  }

  readonly #taken: Taken = (error) => {
    if (this.#sending === "yes") {
      this.#sending = error ? "failed" : "taken";
      this.#sendError = error;
      return;
    }
    const turn = this.#turn;
    if (turn === null) return;
    const detached = this.#state.kind === "closed";
    // Node 20 reports success for what a local destroy cut off.
    const cutOff = !error && this.#host.transport.destroyed;
    if (!detached && cutOff) return;
    if (!detached && error) {
      this.fail(error);
      return;
    }
    this.#turn = null;
    this.#settled(turn, cutOff ? DESTROYED : error);
    this.#advance();
  };

  readonly #finished: Taken = (error) => {
    if (this.#state.kind !== "ending") return;
    if (error) {
      this.fail(error);
      return;
    }
    this.#turn = null;
    this.#state = { kind: "ended" };
    this.#advance();
    this.#host.outputOver();
  };

  /** Gives the turn to those who wait, until the kernel takes no more. */
  #advance(): void {
    while (this.#turn === null) {
      const entry = this.#queue.shift();
      if (entry === null) return;
      if (entry.kind === "end") {
        this.#turn = entry;
        if (this.abandoned) this.#finished();
        else this.#host.transport.end(this.#finished);
        return;
      }
      const outcome = entry.payload === null ? "taken" : this.#send(entry.payload);
      if (outcome === "taken") this.#settle(entry);
      else if (outcome === "pending") this.#takesTurn(entry);
      else {
        const cause = this.#sendError;
        this.#reject(entry, () => translated("write", this.#host.subject, cause, { written: "nothing" }));
        this.fail(cause);
      }
    }
  }

  #takesTurn(entry: Entry): void {
    this.#turn = entry;
    this.#progressed(performance.now(), this.#host.transport.unsent);
  }

  #progressed(now: number, unsent: number): void {
    this.#progressAt = now;
    this.#unsent = unsent;
  }

  /** Makes the promise of a call that waits. */
  #wait(entry: Entry, options: OperationOptions = NONE): Promise<void> {
    const { timeout, signal } = options;
    entry.bound = timeout ?? this.#writeTimeout;
    entry.whole = timeout !== undefined;
    const promise = new Promise<void>((resolve) => {
      entry.resolve = resolve;
    });
    // Nobody need await a write: the failure also shows at the next call, and at `closed`.
    promise.catch(ignore);
    if (entry.bound === 0) {
      this.#expired(entry);
      return promise;
    }
    if (entry.bound !== Infinity) {
      entry.since = performance.now();
      this.#host.alarm.set(entry.since + (entry.whole ? entry.bound : entry.bound / SAMPLES));
    }
    if (signal !== undefined) {
      const onAbort = () => {
        this.#giveUp(entry, (circumstances) =>
          aborted(entry.operation, this.#host.subject, signal, circumstances),
        );
      };
      signal.addEventListener("abort", onAbort);
      entry.forget = () => {
        signal.removeEventListener("abort", onAbort);
      };
    }
    return promise;
  }

  #expired(entry: Entry): void {
    const { operation, bound } = entry;
    this.#giveUp(entry, (circumstances) => timedOut(operation, this.#host.subject, bound, circumstances));
  }

  /** The caller no longer waits: a write before its turn leaves the queue, one in its turn goes on. */
  #giveUp(entry: Entry, make: (circumstances: { written?: "nothing" | "partly" }) => unknown): void {
    const circumstances = writtenOf(entry, entry === this.#turn);
    if (entry !== this.#turn && entry.kind !== "kept") this.#queue.remove(entry);
    this.#reject(entry, () => make(circumstances));
  }

  #settle(entry: Entry): void {
    const { resolve } = entry;
    this.#forget(entry);
    resolve?.();
  }

  #reject(entry: Entry, make: () => unknown): void {
    const { resolve } = entry;
    this.#forget(entry);
    if (resolve !== null) failAtCaller(resolve, make);
  }

  #forget(entry: Entry): void {
    entry.forget?.();
    entry.forget = null;
    entry.resolve = null;
  }

  #settled(entry: Entry, error: Error | null | undefined): void {
    if (error)
      this.#reject(entry, () =>
        translated(entry.operation, this.#host.subject, error, writtenOf(entry, true)),
      );
    else this.#settle(entry);
  }

  /** Rejects all that wait; answers whether there were bytes that no call waits for. */
  #dropAll(make: (entry: Entry, inTurn: boolean) => unknown): boolean {
    let lost = this.#gather.size > 0;
    this.#gather.clear();
    const turn = this.#turn;
    this.#turn = null;
    const drop = (entry: Entry, inTurn: boolean) => {
      if (entry.resolve === null && entry.kind === "kept") lost = true;
      this.#reject(entry, () => make(entry, inTurn));
    };
    if (turn !== null) drop(turn, true);
    for (let entry = this.#queue.shift(); entry !== null; entry = this.#queue.shift()) drop(entry, false);
    return lost;
  }

  /** Why nothing can be written. */
  #refusal(operation: Operation): Error {
    const state = this.#state;
    const circumstances = operation === "write" ? ({ written: "nothing" } as const) : {};
    if (state.kind !== "failed") {
      const reason = state.kind === "closed" ? state.reason : "the output is closed";
      return refused(operation, this.#host.subject, "ERR_CLOSED", reason, circumstances);
    }
    this.#unreported = false;
    return translated(operation, this.#host.subject, state.cause, circumstances);
  }
}

function ignore(): void {
  // The failure is delivered at the next call.
}

function flushAtTurnsEnd(output: Output): void {
  output.turnEnded();
}

function rejected(reason: unknown): Promise<never> {
  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- an abort's reason may be anything
  const promise = Promise.reject<never>(reason);
  promise.catch(ignore);
  return promise;
}

function entryOf(kind: Entry["kind"], operation: Operation, payload: Payload | null, size: number): Entry {
  return {
    kind,
    operation,
    payload,
    size,
    resolve: null,
    forget: null,
    since: 0,
    bound: Infinity,
    whole: false,
    next: null,
    previous: null,
  };
}

function writtenOf(entry: Entry, inTurn: boolean): { written?: "nothing" | "partly" } {
  if (entry.payload === null || entry.operation !== "write") return {};
  return { written: inTurn || entry.kind === "kept" ? "partly" : "nothing" };
}

function payloadOf(data: unknown): Payload {
  if (typeof data === "string" || data instanceof Uint8Array) return data;
  if (!Array.isArray(data)) return partOf(data, "data");
  const parts = data.map((part) => partOf(part, "data[]")).filter((part) => part.length > 0);
  return parts.length === 1 ? (parts[0] ?? "") : parts;
}

function partOf(part: unknown, name: string): string | Uint8Array {
  if (typeof part === "string" || part instanceof Uint8Array) return part;
  if (!ArrayBuffer.isView(part))
    throw wrongType(name, "a string or an ArrayBufferView, or an array of them", part);
  return new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
}

function sizeOf(payload: Payload): number {
  if (typeof payload === "string") return Buffer.byteLength(payload);
  if (ArrayBuffer.isView(payload)) return (payload as Uint8Array).byteLength;
  return payload.reduce((size, part) => size + sizeOf(part), 0);
}
