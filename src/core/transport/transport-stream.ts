import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { writeTo, type Payload } from "../bytes/payload.js";
import type { Rest } from "../bytes/rest.js";
import { causeOfFailure, type Outcome, type Taken } from "./outcome.js";
import { systemError } from "./system-error.js";
import type { HandOver, Sink, Transport, TransportEvents } from "./transport.js";

interface Queued {
  readonly chunk: Buffer;
}

/** A transport as a Duplex of Node's: what `detach()` gives for a connection that has no stream beneath. */
export class TransportStream extends Duplex implements Sink, TransportEvents {
  readonly readsAhead = true;
  readonly copies = false;
  readonly ring = null;
  readonly #transport: Transport;
  /** Calls back for the write, or the end, that the transport has not taken, once it is closed. */
  #cancel: (() => void) | null = null;
  #onClosed: (() => void) | null = null;

  /** As with Node's sockets, reading the peer's end ends our side too, unless `allowHalfOpen` is set. */
  constructor(transport: Transport, allowHalfOpen = false, emitClose = true) {
    super({ allowHalfOpen, emitClose });
    this.#transport = transport;
    transport.attach(this, this);
  }

  // Called by Node's stream

  override _read(): void {
    this.#transport.startReading();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Taken): void {
    this.#write(chunk, done);
  }

  override _writev(queued: readonly Queued[], done: Taken): void {
    const chunks = queued.map(({ chunk }) => chunk);
    this.#write(chunks, done);
  }

  override _final(done: Taken): void {
    this.#give(done, (taken) => this.#transport.end(taken), done);
  }

  override _destroy(error: Error | null, done: Taken): void {
    this.#onClosed = () => done(error);
    this.#transport.destroy();
  }

  /** The transport, of a stream that no code has read from or written to. Its next owner attaches to it. */
  giveBack(): Transport {
    return this.#transport;
  }

  /**
   * Goes on where a connection was: gives what it has not read, and sends what it has not sent, behind the `rest` of what it was
   * sending. A rest that cannot be sent, since its owner has transferred the memory, resets the stream.
   */
  takeOver({ unread, ended, unsent, ending }: HandOver, rest: Rest | null): void {
    for (const chunk of unread) this.push(chunk);
    if (ended) this.push(null);
    for (const payload of [rest?.takeAll() ?? [], ...unsent]) writeTo(this, payload);
    if (rest !== null && rest.size > 0) this.reset();
    else if (ending) this.end();
  }

  /** Closes both ends, with a reset. */
  reset(): void {
    this.#transport.reset();
    this.destroy();
  }

  // Called by the transport

  arrive(memory: Buffer, size: number, lent: boolean): boolean {
    const bytes = memory.subarray(0, size);
    return this.push(lent ? Buffer.from(bytes) : bytes);
  }

  peerEnded(): void {
    this.push(null);
  }

  failed(cause: unknown): void {
    this.destroy(cause as Error);
  }

  streamClosed(): void {
    this.#cancel?.();
    this.#onClosed?.();
  }

  outputEnded(): void {
    // Only this stream ends the output.
  }

  refer(): void {
    // It never keeps the process alive.
  }

  handOverToStream(): { readonly unread: readonly Buffer[]; readonly ended: boolean } {
    return { unread: [], ended: false };
  }

  #write(payload: Payload, done: Taken): void {
    // As Node's sockets have it. Then the Writable fails the writes behind it.
    const cancel = (): void => done(systemError("ECANCELED", "write"));
    this.#give(done, (taken) => this.#transport.send(payload, taken), cancel);
  }

  /** Calls back, unless the outcome is `"pending"`: then the transport does, or `cancel`. */
  #give(done: Taken, give: (taken: Taken) => Outcome, cancel: () => void): void {
    const outcome = give((error) => {
      this.#cancel = null;
      done(error);
    });
    if (outcome === "pending") this.#cancel = cancel;
    if (outcome === "taken") done();
    if (outcome === "failed") done(causeOfFailure() as Error);
  }
}
