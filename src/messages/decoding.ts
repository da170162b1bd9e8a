import { Buffer, constants } from "node:buffer";
import { isUint8Array } from "node:util/types";
import type { ByteQueue } from "../core/bytes/byte-queue.js";
import { copyOf, maxBufferBytes } from "../core/bytes/own-memory.js";
import { END, type Taker } from "../core/reading/messages.js";
import { overLimit, Refusal, unexpectedEnd, WAIT } from "../core/reading/reads.js";
import { outOfRange, wrongType, wrongValue } from "../options/checks.js";
import type { Codec } from "./codec.js";

/** Bytes that are copied out of the queue at a time, if it has as many, for a codec to find messages in. */
const WINDOW_BYTES = 64 * 1024;

const EMPTY = Buffer.alloc(0);

interface Found<T> {
  readonly message: T;
  readonly size: number;
}

/** The codec has broken its contract. The bytes stay unread. */
class CodecFault extends Refusal {
  readonly #make: () => Error;

  constructor(make: () => Error) {
    super("ERR_INVALID_MESSAGE", "the codec is wrong");
    this.#make = make;
  }

  override errorFor(): Error {
    return this.#make();
  }
}

/**
 * Takes messages that the `decode` of a codec finds.
 *
 * `decode` gets a copy of the bytes, so that nothing that the program does with the memory harms those in the queue: they
 * stay there until the message is taken. The copy, the window, may be used for several messages. A window that is too small
 * for a message is at least doubled, so all copying is linear in the bytes, also when they arrive one at a time.
 */
export class Decoding<T> implements Taker<T> {
  readonly #codec: Codec<T, never>;
  readonly #limit: number;
  /** The window: bytes from `#begin` up to `#filled`. The room behind them is for bytes of the same message. */
  #memory = EMPTY;
  #begin = 0;
  #filled = 0;
  /** The queue's position where the window begins, and all that is known here about the message there. */
  #position = -1;
  /** `decode` is asked once this many bytes are there. */
  #need = 1;
  #refusal: Refusal | null = null;
  #isAsking = false;

  /** `limit`: most bytes of a message. */
  constructor(codec: Codec<T, never>, limit: number) {
    this.#codec = codec;
    this.#limit = Math.min(limit, constants.MAX_LENGTH);
  }

  take(queue: ByteQueue, ended: boolean): T | typeof END | typeof WAIT | Refusal {
    if (this.#isAsking) return new CodecFault(mayNotRead);
    if (queue.position !== this.#position) this.#moveTo(queue.position);
    while (this.#refusal === null) {
      const { length } = queue;
      if (length < this.#need) {
        if (!ended) return WAIT;
        return length === 0 ? END : unexpectedEnd(`after ${String(length)} bytes of an unfinished message`);
      }
      this.#extendWindow(queue);
      const found = this.#ask(queue);
      if (found instanceof Refusal) return found;
      if (found !== null) return this.#takeOut(queue, found.message, found.size);
    }
    return this.#refusal;
  }

  /** What `decode` finds in the window; `null` if it needs more bytes, or if `#refusal` says why it gets no more. */
  #ask(queue: ByteQueue): Found<T> | Refusal | null {
    const shown = this.#filled - this.#begin;
    const bytes = this.#memory.subarray(this.#begin, this.#filled);
    let answer: unknown;
    let found: Found<unknown> | null = null;
    this.#isAsking = true;
    try {
      answer = this.#codec.decode(bytes);
      if (typeof answer === "object" && answer !== null && "size" in answer) {
        const { message, size } = answer as Found<unknown>;
        found = { message, size };
      }
    } catch (cause) {
      this.#dropWindow();
      return new Refusal("ERR_INVALID_MESSAGE", "decode has thrown", cause);
    } finally {
      this.#isAsking = false;
    }
    if (queue.position !== this.#position) return new CodecFault(mayNotRead);
    if (found !== null) return this.#checked(found as Found<T>, shown);
    if (answer === undefined) {
      if (shown > this.#limit) this.#refusal = overLimit(this.#limit);
      this.#need = shown + 1;
      return null;
    }
    if (typeof answer !== "number") return new CodecFault(() => wrongAnswer(answer));
    if (!Number.isInteger(answer) || answer <= shown) {
      return new CodecFault(() =>
        outOfRange("decode(bytes)", `a whole number above ${there(shown)}`, answer),
      );
    }
    const most = Math.min(this.#limit, maxBufferBytes(answer));
    if (answer > most) this.#refusal = overLimit(most, answer);
    this.#need = answer;
    return null;
  }

  #checked(found: Found<T>, shown: number): Found<T> | Refusal {
    const size: unknown = found.size;
    if (Number.isInteger(size) && found.size >= 1 && found.size <= shown) {
      if (found.size <= this.#limit) return found;
      return (this.#refusal = overLimit(this.#limit, found.size));
    }
    return new CodecFault(() =>
      outOfRange("decode(bytes).size", `a whole number from 1 to ${there(shown)}`, size),
    );
  }

  #takeOut(queue: ByteQueue, message: T, size: number): T {
    const own = this.#owned(message, size);
    queue.skip(size);
    this.#position = queue.position;
    this.#need = 1;
    this.#begin += size;
    if (this.#begin >= this.#filled) this.#dropWindow();
    return own;
  }

  /**
   * The message; of bytes that are a view of the window a copy, unless the window has no other bytes: later messages may be in
   * the same memory.
   */
  #owned(message: T, size: number): T {
    if (!isUint8Array(message) || message.buffer !== this.#memory.buffer) return message;
    const isAlone = size === this.#filled;
    if (isAlone && 2 * message.length >= this.#memory.length) return message;
    const prototype: unknown = Object.getPrototypeOf(message);
    if (prototype === Buffer.prototype) return copyOf(message as unknown as Buffer, 0, message.length) as T;
    return prototype === Uint8Array.prototype ? (message.slice() as T) : message;
  }

  /** Has the window begin at the queue's front, with the bytes that are needed in it, and with more if they are there. */
  #extendWindow(queue: ByteQueue): void {
    // The program may have transferred the memory.
    if (this.#memory.length < this.#filled) this.#dropWindow();
    const old = this.#filled - this.#begin;
    if (old >= this.#need) return;
    const size = Math.min(queue.length, Math.max(this.#need, 2 * old, WINDOW_BYTES));
    if (this.#begin === 0 && size <= this.#memory.length) queue.copyTo(this.#memory, old, size);
    else {
      const room = Math.min(2 * old, this.#limit + 1);
      this.#memory = Buffer.allocUnsafeSlow(Math.max(size, room));
      queue.copyTo(this.#memory, 0, size);
    }
    this.#begin = 0;
    this.#filled = size;
  }

  #moveTo(position: number): void {
    this.#position = position;
    this.#need = 1;
    this.#refusal = null;
    this.#dropWindow();
  }

  #dropWindow(): void {
    this.#memory = EMPTY;
    this.#begin = 0;
    this.#filled = 0;
  }
}

function there(size: number): string {
  return `${String(size)}, the bytes that are there`;
}

function wrongAnswer(answer: unknown): TypeError {
  return wrongType("decode(bytes)", "{ message, size }, a number of bytes, or undefined", answer);
}

function mayNotRead(): TypeError {
  const expected = "a function that neither reads from the connection nor closes it";
  return wrongValue("codec.decode", expected, () => undefined);
}
