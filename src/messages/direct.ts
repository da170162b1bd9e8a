import type { Payload } from "../core/bytes/payload.js";
import type { Taker } from "../core/reading/messages.js";
import type { Refusal } from "../core/reading/reads.js";
import type { Codec } from "./codec.js";

/**
 * How `framed` can do the work of a codec of this library without its `decode` and `encode`: messages are taken directly out of
 * the queue.
 */
export interface Direct<Incoming, Outgoing> {
  /** Makes what takes messages of up to `limit` bytes. */
  takerFor(limit: number): Taker<Incoming>;
  /**
   * What is sent for a message, or why it is not sent.
   *
   * @throws TypeError, RangeError for what is no message
   */
  payloadFor(message: Outgoing, limit: number): Payload | Refusal;
}

const DIRECT = new WeakMap<object, Direct<never, never>>();

/**
 * A codec with a direct way. It is frozen: were a program to replace its `decode`, the direct way would not know. A codec that
 * a program has made out of this one, by `{ ...codec, decode }`, has no direct way.
 */
export function withDirect<I, O>(codec: Codec<I, O>, direct: Direct<I, O>): Codec<I, O> {
  DIRECT.set(codec, direct as Direct<never, never>);
  return Object.freeze(codec);
}

/** The direct way of a codec, if it has one. */
export function directOf<I, O>(codec: Codec<I, O>): Direct<I, O> | undefined {
  return DIRECT.get(codec);
}
