import { Buffer } from "node:buffer";
import type { Sink, TransportEvents } from "../transport.js";

/** How a stream has ended: properly, or with an error. */
type End = { readonly kind: "ended" } | { readonly kind: "failed"; readonly cause: unknown };

/** Keeps what arrives at a TLS socket between its handshake and its connection: bytes, and how they end. */
export class EarlyInput implements Sink, TransportEvents {
  readonly readsAhead = true;
  readonly copies = false;
  readonly ring = null;
  #chunks: readonly Buffer[];
  #end: End | null = null;

  /** `unread` has arrived already. */
  constructor(unread: readonly Buffer[]) {
    this.#chunks = unread;
  }

  /** Gives everything to the connection. */
  moveTo(sink: Sink, events: TransportEvents): void {
    for (const chunk of this.#chunks) sink.arrive(chunk, chunk.length, true);
    this.#chunks = [];
    if (this.#end?.kind === "ended") events.peerEnded();
    else if (this.#end?.kind === "failed") events.failed(this.#end.cause);
  }

  arrive(memory: Buffer, size: number, lent: boolean): boolean {
    const bytes = memory.subarray(0, size);
    this.#chunks = [...this.#chunks, lent ? Buffer.from(bytes) : bytes];
    // Enough, until there is a connection that says how much it wants.
    return false;
  }

  peerEnded(): void {
    this.#end ??= { kind: "ended" };
  }

  failed(cause: unknown): void {
    this.#end ??= { kind: "failed", cause };
  }

  handOverToStream(): { readonly unread: readonly Buffer[]; readonly ended: boolean } {
    const unread = this.#chunks;
    this.#chunks = [];
    return { unread, ended: this.#end !== null };
  }

  outputEnded(): void {
    // The connection asks the stream itself.
  }

  streamClosed(): void {
    // As above.
  }

  refer(): void {
    // As above.
  }
}
