import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { causeOfFailure, type Outcome, type Taken } from "./outcome.js";
import type { Sink, Transport, TransportEvents } from "./transport.js";

interface Queued {
  readonly chunk: Buffer;
}

/** A transport as a Duplex of Node's: what the new owner of a connection gets that is over no stream. */
export class TransportStream extends Duplex implements Sink, TransportEvents {
  readonly copies = false;
  readonly ring = null;
  readonly #transport: Transport;
  #onClosed: (() => void) | null = null;

  /** As all of Node's sockets it ends itself when its peer's end is read, unless `allowHalfOpen` is set. */
  constructor(transport: Transport, allowHalfOpen = false) {
    super({ allowHalfOpen });
    this.#transport = transport;
    transport.attach(this, this);
  }

  // What the stream asks for

  override _read(): void {
    this.#transport.startReading();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Taken): void {
    tell(done, this.#transport.send(chunk, done));
  }

  override _writev(queued: readonly Queued[], done: Taken): void {
    const chunks = queued.map(({ chunk }) => chunk);
    tell(done, this.#transport.send(chunks, done));
  }

  override _final(done: Taken): void {
    tell(done, this.#transport.end(done));
  }

  override _destroy(error: Error | null, done: Taken): void {
    this.#onClosed = () => done(error);
    this.#transport.destroy();
  }

  // What the transport tells

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
    this.#onClosed?.();
  }

  outputEnded(): void {
    // Nobody else ends it.
  }

  refer(): void {
    // It has nothing that keeps the process alive.
  }

  handOverToStream(): { readonly unread: readonly Buffer[]; readonly ended: boolean } {
    return { unread: [], ended: false };
  }
}

/** Calls back for an outcome that the transport does not call back for itself. */
function tell(done: Taken, outcome: Outcome): void {
  if (outcome === "taken") done();
  if (outcome === "failed") done(causeOfFailure() as Error);
}
