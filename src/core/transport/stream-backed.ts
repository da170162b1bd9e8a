import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { writeTo, type Payload } from "../bytes/payload.js";
import { restoreSettings } from "./socket-settings.js";
import type { HandOver, Settable } from "./transport.js";

/** What transports over a socket, and over any other Duplex of Node's, have in common. */
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

  setKeepAlive(on: boolean, delay: number, interval?: number, count?: number): void {
    this.#settable.setKeepAlive?.(on, delay, interval, count);
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
    restoreSettings(stream);
    for (const payload of unsent) writeTo(stream, payload);
    // A stream that told its users of the peer's end while it had to stay open would never end by itself.
    const isLeftOpen = stream.readableEnded && (!this.hadEnded || allowHalfOpen === false);
    if (ending || (isLeftOpen && !stream.allowHalfOpen)) stream.end();
    return stream;
  }

  /** Whether users of the stream had been told of the peer's end before it was adopted. */
  protected get hadEnded(): boolean {
    return false;
  }

  /**
   * Leaves the stream as it was before it was adopted, with the unread bytes and the peer's end in it, and writes the rest
   * of the payload in its turn to it.
   */
  protected abstract giveBack(
    unread: readonly Buffer[],
    ended: boolean,
    allowHalfOpen: boolean | undefined,
  ): void;

  /**
   * Writes the rest of a payload. If its memory is gone, the stream is reset: an end would make what was sent look like all of
   * it.
   */
  protected writeRest(rest: Iterable<Payload>, reset: () => void): void {
    try {
      for (const piece of rest) writeTo(this.stream, piece);
    } catch {
      reset();
    }
  }

  get #settable(): Settable {
    return this.stream as Settable;
  }
}
