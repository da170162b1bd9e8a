import type { Input } from "../core/reading/input.js";
import type { Messages } from "../messages/codec.js";
import type { OperationOptions } from "../options/operation.js";

/** Where a {@link Reader} hands messages to. */
export interface Receiver<R> {
  /** Whether a message is to be read: a reply is due, or whatever comes is wanted. */
  readonly wantsMessage: boolean;
  /** `begin`: how many bytes had arrived before the message. */
  received(message: R, begin: number): void;
  /** The peer has ended the stream. */
  ended(): void;
  /** No message can be read any more. */
  readingFailed(error: unknown): void;
}

const UNBOUNDED: OperationOptions = { timeout: Infinity };

/** Reads messages for as long as they are wanted. */
export class Reader<R> {
  readonly #messages: Pick<Messages<R>, "receive">;
  readonly #input: Input;
  readonly #receiver: Receiver<R>;
  #isReading = false;
  #whenStopped: (() => void) | null = null;

  constructor(messages: Pick<Messages<R>, "receive">, input: Input, receiver: Receiver<R>) {
    this.#messages = messages;
    this.#input = input;
    this.#receiver = receiver;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  /** Reads, if messages are wanted. */
  readOn(): void {
    if (!this.#isReading && this.#receiver.wantsMessage) void this.#read();
  }

  /** Calls back when no message is read: what the peer had sent before an end is read first, while it is wanted. */
  whenStopped(callback: () => void): void {
    if (this.#isReading) this.#whenStopped = callback;
    else callback();
  }

  async #read(): Promise<void> {
    this.#isReading = true;
    try {
      while (this.#receiver.wantsMessage) {
        const begin = this.#input.received - this.#input.length;
        const message = await this.#messages.receive(UNBOUNDED);
        if (message === null) {
          this.#receiver.ended();
          break;
        }
        this.#receiver.received(message, begin);
      }
    } catch (error) {
      this.#receiver.readingFailed(error);
    }
    this.#isReading = false;
    this.#whenStopped?.();
  }
}
