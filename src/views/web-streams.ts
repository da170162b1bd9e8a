import { Buffer } from "node:buffer";
import {
  ReadableStream as NodeReadableStream,
  WritableStream as NodeWritableStream,
  type ReadableByteStreamController,
  type UnderlyingByteSource,
  type UnderlyingSource,
  type WritableStreamDefaultController,
} from "node:stream/web";
import { isAnyArrayBuffer } from "node:util/types";
import type { Link } from "../core/link.js";
import type { NonSharedUint8Array } from "../core/bytes/non-shared.js";
import { payloadOf, type Data, type Payload } from "../core/bytes/payload.js";
import { SETTLED } from "../core/writing/sender.js";
import { isOwnTimeout, NetError, refused } from "../errors.js";
import { wrongType } from "../options/checks.js";
import { ByteIteration } from "./byte-iteration.js";
import { ByteSource } from "./byte-source.js";

/** Bytes that may be queued in a writable before its `desiredSize` is 0. */
const MAX_QUEUED_BYTES = 64 * 1024;

// With the DOM library the global types are the DOM's, which are not those of `node:stream/web`: a stream is of both.

/** A readable byte stream, both to the DOM's functions and to Node's. */
export type ByteReadable = NodeReadableStream<NonSharedUint8Array> & ReadableStream<NonSharedUint8Array>;

/** A stream that takes what a connection can send, both to the DOM's functions and to Node's. */
export type ByteWritable = NodeWritableStream<Data> & WritableStream<Data>;

/**
 * A connection as the two streams of the web platform (https://streams.spec.whatwg.org), each made on first use.
 *
 * A timeout, or a chunk of the wrong type, fails both with the same error and resets the connection: a stream that has
 * failed can never be used again. A failure of the connection fails both, after the bytes that had arrived before. Only
 * one of the two fails if another reader was first (`ERR_BUSY`), or the program has closed that side (`ERR_CLOSED`).
 */
export class WebStreams {
  readonly #link: Link;
  readonly #failing = new Set<(error: unknown) => void>();
  #failure: { readonly error: unknown } | null = null;
  #readable: ByteReadable | undefined;
  #writable: ByteWritable | undefined;

  constructor(link: Link) {
    this.#link = link;
    link.closed.then(
      () => this.#over(refused("close", link.subject, "ERR_CLOSED")),
      (error: unknown) => this.#over(error),
    );
  }

  /** A byte stream: it reads nothing ahead of its reader, and fills the buffer of a BYOB reader. */
  get readable(): ByteReadable {
    return (this.#readable ??= this.#makeReadable());
  }

  /** Takes text, views and ArrayBuffers; a write settles when the kernel has taken it. */
  get writable(): ByteWritable {
    return (this.#writable ??= this.#makeWritable());
  }

  #makeReadable(): ByteReadable {
    let reading: ByteSource;
    const fail = (error: unknown) => this.#fail(error);
    const source = {
      type: "bytes" as const,
      start: (controller: ReadableByteStreamController) => {
        reading = new ByteSource(this.#link, controller, () => stream.locked, fail);
        this.#onFailure((error) => reading.fail(error));
        this.#link.onDropped(() => reading.fail(refused("close", this.#link.subject, "ERR_CLOSED")));
      },
      pull: () => reading.pull(),
      cancel: () => reading.cancel(),
    };
    const stream = new IteratedStream(source, () => reading);
    return stream as NodeReadableStream as ByteReadable;
  }

  #makeWritable(): ByteWritable {
    const link = this.#link;
    const sink = {
      start: (controller: WritableStreamDefaultController) => {
        this.#onFailure((error) => controller.error(error));
        // `abort` below is called only after a pending write has settled. Node's own types lack the signal.
        const { signal } = controller as WritableStreamDefaultController & { readonly signal: AbortSignal };
        signal.addEventListener("abort", () => link.reset());
      },
      write: (chunk: Data) => this.#write(chunk),
      close: () => link.output.end().catch((error: unknown) => this.#fail(error)),
      abort: () => link.reset(),
    };
    return new NodeWritableStream<Data>(sink, { highWaterMark: MAX_QUEUED_BYTES, size: bytesIn });
  }

  #write(chunk: Data): Promise<void> {
    let payload: Payload;
    try {
      payload = payloadOf(chunk);
    } catch (error) {
      // At once: a write of the connection may reject a turn later, and the connection could end otherwise meanwhile.
      this.#fail(error);
    }
    const sent = this.#link.output.send(payload);
    return sent === SETTLED ? sent : sent.catch((error: unknown) => this.#fail(error));
  }

  /**
   * Rethrows what a read or a write has failed with. After a timeout or a wrong chunk it fails both streams and resets the
   * connection. Other errors of the connection do not: they concern one stream, or the peer's last bytes are read first.
   */
  #fail(error: unknown): never {
    if (isOwnTimeout(error) || !(error instanceof NetError)) {
      this.#over(error);
      this.#link.reset();
    }
    // A call that was cut off by the other stream's failure rejects with that failure.
    const isCutOff = this.#failure !== null && error instanceof NetError && error.code === "ERR_CLOSED";
    throw isCutOff ? this.#failure?.error : error;
  }

  #over(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { error };
    for (const fail of this.#failing) fail(error);
    this.#failing.clear();
  }

  /** Calls `fail` when both streams fail, at once if they have. */
  #onFailure(fail: (error: unknown) => void): void {
    if (this.#failure === null) this.#failing.add(fail);
    else fail(this.#failure.error);
  }
}

/** A byte stream whose loops need not read through its queue: see {@link ByteIteration}. */
class IteratedStream extends NodeReadableStream<NonSharedUint8Array> {
  readonly #source: () => ByteSource;

  constructor(source: UnderlyingByteSource, sourceOf: () => ByteSource) {
    super(source as unknown as UnderlyingSource<NonSharedUint8Array>);
    this.#source = sourceOf;
  }

  // Node's own types differ between releases.
  override values(options?: { readonly preventCancel?: boolean } | null): never {
    if (options != null && typeof options !== "object") throw wrongType("options", "an object", options);
    const preventCancel = Boolean(options?.preventCancel);
    return new ByteIteration(this.getReader(), this.#source(), preventCancel) as never;
  }

  override [Symbol.asyncIterator](options?: { readonly preventCancel?: boolean } | null): never {
    return this.values(options);
  }
}

/** The bytes that a chunk adds to the queue; a value that is no chunk fails later, when it is written. */
function bytesIn(chunk: unknown): number {
  if (typeof chunk === "string") return Buffer.byteLength(chunk);
  return ArrayBuffer.isView(chunk) || isAnyArrayBuffer(chunk) ? chunk.byteLength : 1;
}
