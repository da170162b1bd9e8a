import { nextTick } from "node:process";
import type { Link } from "../core/link.js";
import { Gather } from "../core/bytes/gather.js";
import { estimatedSizeOf, type Payload } from "../core/bytes/payload.js";
import { Refusal } from "../core/reading/reads.js";
import { refused } from "../errors.js";
import type { Messages } from "../messages/codec.js";
import { Framed, type Framing } from "../messages/framed.js";
import type { Call } from "./call.js";

/** About how many bytes of requests are sent at once. */
const BATCH_BYTES = 64 * 1024;

/** Memory that is allocated at a time for requests that are sent at once. */
const BLOCK_BYTES = 4 * 1024;

/** Where the requests come from. */
export interface Requester {
  /** The call whose request is to be sent next, if it may be sent now. */
  readonly next: Call | null;
  /** The request of this call, the next one, is sent from now on. */
  sends(call: Call): void;
  /** The request of this call, the next one, cannot be sent. */
  cannotSend(call: Call, error: unknown): void;
  /** Calls {@link Sending.sendAll}. */
  sendMore(): void;
  /** Sending the requests of these calls has failed. `hasBegun`: bytes were written meanwhile, which may be theirs. */
  sendingFailed(calls: readonly Call[], error: unknown, hasBegun: boolean): void;
}

/**
 * Sends requests, as many as there are at once. A further one has to wait until the connection has taken them whole: it can
 * still be given up.
 */
export class Sending<Q> {
  readonly #messages: Pick<Messages<unknown, Q>, "send">;
  readonly #link: Link;
  readonly #requester: Requester;
  /** `null` for messages of which nothing is known but `send`: they are sent one by one. */
  readonly #framing: Framing<unknown, Q> | null;
  #gather: Gather | null = null;
  /** The calls whose requests the connection has not taken whole. */
  #calls: readonly Call[] | null = null;
  #isSendingMore = false;
  /** Whether the requester is asked for more at the end of this tick. */
  isScheduled = false;

  constructor(messages: Messages<unknown, Q>, link: Link, requester: Requester) {
    this.#messages = messages;
    this.#link = link;
    this.#requester = requester;
    this.#framing = Framed.framingOf(messages);
    if (this.gathers) this.#sendBeforeOthers();
  }

  /** Whether requests can be sent at once with others. */
  get gathers(): boolean {
    return this.#framing !== null;
  }

  /** Whether the connection has taken all requests that were sent. */
  get isIdle(): boolean {
    return this.#calls === null;
  }

  /** Sends what is to be sent at the end of this tick, together with what is requested until then. */
  sendLater(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    nextTick(runScheduled, this);
  }

  runScheduled(): void {
    if (this.isScheduled) this.#requester.sendMore();
  }

  /** Sends what is to be sent. */
  sendAll(): void {
    this.isScheduled = false;
    if (this.#isSendingMore) return;
    this.#isSendingMore = true;
    while (this.#calls === null && this.#requester.next !== null) {
      if (this.#framing === null) this.#sendOne(this.#requester.next);
      else this.#sendBatch(this.#framing);
    }
    this.#isSendingMore = false;
  }

  /** Has requests sent before whatever the program writes after it has made them. */
  #sendBeforeOthers(): void {
    const { output } = this.#link;
    const before = output.writeQueued;
    output.writeQueued = () => {
      before?.();
      this.runScheduled();
    };
  }

  #sendOne(call: Call): void {
    const message = call.message as Q;
    this.#requester.sends(call);
    this.#send([call], () => this.#write(message));
  }

  async #write(message: Q): Promise<void> {
    await this.#messages.send(message);
  }

  #sendBatch(framing: Framing<unknown, Q>): void {
    const calls: Call[] = [];
    let first: Payload = "";
    let size = 0;
    for (let call = this.#requester.next; call !== null && size < BATCH_BYTES; call = this.#requester.next) {
      const payload = this.#payloadFor(call, framing);
      if (payload === null) continue;
      this.#requester.sends(call);
      if (calls.push(call) === 1) first = payload;
      else {
        this.#gather ??= new Gather(BLOCK_BYTES);
        if (calls.length === 2) this.#gather.add(first);
        this.#gather.add(payload);
      }
      size += estimatedSizeOf(payload);
    }
    if (calls.length === 0) return;
    const payload = calls.length === 1 ? first : (this.#gather?.take() ?? "");
    this.#send(calls, () => this.#link.output.send(payload));
  }

  /** The bytes of a request; `null` if it is not sent. */
  #payloadFor(call: Call, framing: Framing<unknown, Q>): Payload | null {
    let payload: Payload | Refusal;
    try {
      payload = framing.direct.payloadFor(call.message as Q, framing.limit);
    } catch (error) {
      if (this.#requester.next === call) this.#requester.cannotSend(call, error);
      return null;
    }
    // That was code of the program's, which may have given up the request, or closed the connection.
    if (this.#requester.next !== call) return null;
    if (!(payload instanceof Refusal)) return payload;
    const { code, reason } = payload;
    this.#requester.cannotSend(
      call,
      refused("write", this.#link.subject, code, reason, { written: "nothing" }),
    );
    return null;
  }

  #send(calls: readonly Call[], write: () => Promise<void>): void {
    const { output } = this.#link;
    const before = this.#written;
    this.#calls = calls;
    const sent = write();
    if (this.#written > before && output.length < Math.max(output.bufferSize, 1)) this.#calls = null;
    sent.then(
      () => this.#taken(calls),
      (error: unknown) => {
        if (this.#calls === calls) this.#calls = null;
        this.#requester.sendingFailed(calls, error, this.#written > before);
      },
    );
  }

  /** How many bytes were written: the kernel has taken them, or will. */
  get #written(): number {
    const { output, transport } = this.#link;
    return transport.bytesTaken + output.length;
  }

  #taken(calls: readonly Call[]): void {
    if (this.#calls !== calls) return;
    this.#calls = null;
    this.#requester.sendMore();
  }
}

function runScheduled(sending: { runScheduled(): void }): void {
  sending.runScheduled();
}
