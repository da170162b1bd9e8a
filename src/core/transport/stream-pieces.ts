import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { memoryChanged } from "../bytes/given-bytes.js";
import type { Payload } from "../bytes/payload.js";
import type { Taken } from "./transport.js";

/** Most bytes that a stream is given at once, so that progress can be seen. */
const PIECE = 64 * 1024;

/** Gives a stream one payload after the other, piece by piece. */
export class PieceWriter {
  /** Bytes that the stream has taken so far, and those of the payload that it has not taken. */
  taken = 0;
  unsent = 0;
  readonly #stream: Duplex;
  readonly #give: (call: () => void) => void;
  /** What is left of the payload being sent, and who is told when nothing is. */
  #pieces: Generator<Uint8Array, void> | null = null;
  #done: Taken | null = null;
  /** Counts the pieces, and what has become of them; the one with this number is the stream's to take. */
  #piece = 0;

  /** `give` makes the calls that give the stream a piece. */
  constructor(stream: Duplex, give: (call: () => void) => void) {
    this.#stream = stream;
    this.#give = give;
  }

  send(payload: Payload, done: Taken): void {
    const parts = typeof payload === "string" || payload instanceof Uint8Array ? [payload] : payload;
    const bytes = parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part));
    this.unsent = bytes.reduce((size, part) => size + part.length, 0);
    this.#pieces = piecesOf(bytes);
    this.#done = done;
    this.#sendOn();
  }

  /** Gives the stream all that is left, whatever it takes, and tells nothing more. */
  flush(): void {
    const left = this.#pieces;
    // The piece that the stream is taking is not among them.
    if (left !== null) for (const piece of left) this.#stream.write(Buffer.from(piece));
    this.#pieces = this.#done = null;
  }

  /** Gives the stream piece after piece, for as long as it takes them at once. */
  #sendOn(): void {
    const stream = this.#stream;
    for (let next = this.#pieces?.next(); next?.done === false; next = this.#pieces?.next()) {
      const piece = next.value;
      const number = ++this.#piece;
      let returned = false;
      const took = (error?: Error | null): void => {
        if (number !== this.#piece) return;
        if (error) this.#over(error);
        else {
          this.#took(piece.length);
          if (returned) this.#sendOn();
        }
      };
      // Whoever gets it from the stream may keep it for longer than the stream does, so it is a copy.
      this.#give(() => stream.write(Buffer.from(piece), took));
      returned = true;
      if (stream.destroyed) return;
      // Otherwise it has called back already.
      if (number === this.#piece) {
        if (stream.writableLength > 0 || stream.errored !== null) return;
        this.#took(piece.length);
      }
    }
    this.#over(this.unsent === 0 ? undefined : memoryChanged());
  }

  /** The stream has taken all, or has failed. */
  #over(error?: Error): void {
    const done = this.#done;
    this.#piece++;
    this.#pieces = this.#done = null;
    done?.(error);
  }

  #took(size: number): void {
    this.#piece++;
    this.unsent -= size;
    this.taken += size;
  }
}

function* piecesOf(parts: readonly Uint8Array[]): Generator<Uint8Array, void> {
  for (const part of parts) {
    for (let from = 0; from < part.length; from += PIECE) yield part.subarray(from, from + PIECE);
  }
}
