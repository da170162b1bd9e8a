import type { Input } from "../core/reading/input.js";
import { END, type Taker } from "../core/reading/messages.js";
import { Read, Refusal, WAIT } from "../core/reading/reads.js";
import { QUEUE_UNITS, spend } from "../core/timing/budget.js";
import type { Messages } from "../messages/codec.js";
import { Framed } from "../messages/framed.js";
import type { OperationOptions } from "../options/operation.js";

/** Where a {@link Reader} hands messages to. */
export interface Receiver<R> {
  /** Most messages that are to be read: as many as replies are due, or `Infinity` if whatever comes is wanted. */
  readonly wanted: number;
  /** `begin`: how many bytes had arrived before the message. */
  received(message: R, begin: number): void;
  /** All messages that were there have been handed over. */
  receivedAll(): void;
  /** The peer has ended the stream. */
  ended(): void;
  /** No message can be read any more. */
  readingFailed(error: unknown): void;
}

const UNBOUNDED: OperationOptions = { timeout: Infinity };

/** The messages that have arrived, and what takes them. */
class Batch<R> {
  readonly messages: R[] = [];
  /** How many bytes had arrived before each message. */
  readonly begins: number[] = [];
  /** Most messages to take. */
  most = 0;

  constructor(
    readonly taker: Taker<R>,
    readonly input: Input,
  ) {}
}

/** Takes all messages that have arrived, as far as they are wanted. Returns whether there are any: not at the end. */
const TAKE_ALL: Read<boolean, Batch<unknown>> = new Read((queue, batch, ended) => {
  const { messages, begins, taker, input, most } = batch;
  while (messages.length < most) {
    const begin = input.received - queue.length;
    const message = taker.take(queue, ended);
    if (message === WAIT || message === END || message instanceof Refusal) {
      // What is refused stays at the front, and is refused once more when those before it were handed over.
      if (messages.length > 0) break;
      return message === END ? false : message;
    }
    messages.push(message);
    begins.push(begin);
    if (!spend(QUEUE_UNITS)) break;
  }
  return true;
});

/** Reads messages for as long as they are wanted. */
export class Reader<R> {
  readonly #messages: Pick<Messages<R>, "receive">;
  readonly #input: Input;
  readonly #receiver: Receiver<R>;
  /** `null` for messages of which nothing is known but `receive`. */
  readonly #batch: Batch<R> | null;
  #isReading = false;
  #whenStopped: (() => void) | null = null;

  constructor(messages: Messages<R, never, unknown>, input: Input, receiver: Receiver<R>) {
    const framing = Framed.framingOf(messages);
    this.#messages = messages;
    this.#input = input;
    this.#receiver = receiver;
    this.#batch = framing === null ? null : new Batch(framing.taker, input);
  }

  /** Reads, if messages are wanted. */
  readOn(): void {
    if (!this.#isReading && this.#receiver.wanted > 0) void this.#read();
  }

  /** Calls back when no message is read: what the peer had sent before an end is read first, while it is wanted. */
  whenStopped(callback: () => void): void {
    if (this.#isReading) this.#whenStopped = callback;
    else callback();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#receiver.wanted > 0) {
        if (!(this.#batch === null ? await this.#readOne() : await this.#readAll(this.#batch))) {
          this.#receiver.ended();
          break;
        }
        this.#receiver.receivedAll();
      }
    } catch (error) {
      this.#receiver.readingFailed(error);
    }
    this.#isReading = false;
    this.#whenStopped?.();
  }

  /** Resolves to whether a message has come: not at the end. */
  async #readOne(): Promise<boolean> {
    const begin = this.#input.received - this.#input.length;
    const message = await this.#messages.receive(UNBOUNDED);
    if (message === null) return false;
    this.#receiver.received(message, begin);
    return true;
  }

  /** The same for all messages that have arrived. */
  async #readAll(batch: Batch<R>): Promise<boolean> {
    batch.most = this.#receiver.wanted;
    if (!(await this.#input.pull(TAKE_ALL, batch, UNBOUNDED))) return false;
    const { messages, begins } = batch;
    messages.forEach((message, i) => this.#receiver.received(message, begins[i] ?? 0));
    messages.length = begins.length = 0;
    return true;
  }
}
