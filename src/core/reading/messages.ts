import type { ByteQueue } from "../bytes/byte-queue.js";
import { Read, Refusal, WAIT, type Take } from "./reads.js";

/** The stream has ended where a message would begin. Any other value may be a message, `null` too. */
export const END: unique symbol = Symbol("end");

/**
 * Takes messages out of the queue of one connection. It may remember what it has found out about the message at the front
 * of the queue, as long as the queue's position shows that no other read has taken bytes since.
 */
export interface Taker<T> {
  /**
   * Takes the next message; or takes nothing, and returns {@link END}, {@link WAIT}, or why the read fails. `ended`: no more
   * bytes will arrive.
   */
  take(queue: ByteQueue, ended: boolean): T | typeof END | typeof WAIT | Refusal;
}

/** `receive()`. */
export const RECEIVE: Read<unknown, Taker<unknown>> = new Read((queue, taker, ended) => {
  const message = taker.take(queue, ended);
  return message === END ? null : message;
});

/** What a loop over messages takes them with. No other read has the same, so that it identifies the loop. */
export interface MessageRun {
  readonly taker: Taker<unknown>;
}

/** The next message, in the form that an iterator's `next` resolves to. */
export const takeNextMessage: Take<IteratorResult<unknown, undefined>, MessageRun> = (
  queue,
  { taker },
  ended,
) => {
  const message = taker.take(queue, ended);
  if (message === WAIT || message instanceof Refusal) return message;
  return message === END ? { value: undefined, done: true } : { value: message, done: false };
};

/** `next()` of a loop over messages. */
export const NEXT_MESSAGE: Read<IteratorResult<unknown, undefined>, MessageRun> = new Read(takeNextMessage);
