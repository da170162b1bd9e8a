/** What all transports have alike that are over a stream of Node's, a socket or any other Duplex. */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { writeTo } from "../bytes/payload.js";
import type { HandOver, Settable } from "./transport.js";

export abstract class StreamBacked<Stream extends Duplex> {
  readonly stream: Stream;

  constructor(stream: Stream) {
    this.stream = stream;
  }

  get connecting(): boolean {
    return (this.stream as { connecting?: unknown }).connecting === true;
  }

  whenConnected(act: () => void): () => void {
    const { stream } = this;
    stream.once("connect", act);
    return () => void stream.removeListener("connect", act);
  }

  setNoDelay(on: boolean): void {
    this.#settable.setNoDelay?.(on);
  }

  setKeepAlive(on: boolean, delay: number): void {
    this.#settable.setKeepAlive?.(on, delay);
  }

  ref(): void {
    this.#settable.ref?.();
  }

  unref(): void {
    this.#settable.unref?.();
  }

  release({ unread, ended, unsent, ending, allowHalfOpen }: HandOver): Stream {
    const { stream } = this;
    this.giveBack(unread, ended, allowHalfOpen);
    for (const payload of unsent) writeTo(stream, payload);
    // The stream may have told its users of its end already, when it had to stay open.
    if (ending || (stream.readableEnded && !stream.allowHalfOpen)) stream.end();
    return stream;
  }

  /**
   * Leaves the stream as it was, puts bytes, and the end, where its users find them, and sends on it what was handed over
   * and is not taken.
   */
  protected abstract giveBack(
    unread: readonly Buffer[],
    ended: boolean,
    allowHalfOpen: boolean | undefined,
  ): void;

  get #settable(): Settable {
    return this.stream as Settable;
  }
}
