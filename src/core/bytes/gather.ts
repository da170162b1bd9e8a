import { Buffer } from "node:buffer";
import { isBytes } from "./is-bytes.js";
import { MAX_UTF8_BYTES_PER_CODE_UNIT, type Payload } from "./payload.js";

/** Most memory that is allocated ahead for views. */
const MAX_BLOCK_BYTES = 64 * 1024;

/** Most UTF-16 code units that are joined into one string; V8 allows 512 Mi. */
const MAX_TEXT_UNITS = 64 * 1024 * 1024;

/**
 * Writes that wait to be sent together. Texts are joined into one string, which V8 keeps as a rope: it is encoded when it is
 * sent, and its bytes are counted only when their number is needed. Views are copied: the caller may use their memory again.
 */
export class Gather {
  readonly #bufferSize: number;
  #pieces: (string | Buffer)[] = [];
  /** Bytes of everything but the tail. */
  #counted = 0;
  #text = "";
  /** The last text, whose bytes were not counted yet. */
  #tail = "";
  /** Where views are copied to, and how much of it is used; the used part is the last piece once text follows. */
  #block: Buffer | null = null;
  #from = 0;
  #used = 0;

  constructor(bufferSize: number) {
    this.#bufferSize = bufferSize;
  }

  get isEmpty(): boolean {
    return this.#counted === 0 && this.#tail === "";
  }

  /** Bytes gathered. */
  get size(): number {
    this.#count();
    return this.#counted;
  }

  /** Whether `bufferSize` bytes are gathered, or more. */
  get isFull(): boolean {
    return (
      this.#counted + MAX_UTF8_BYTES_PER_CODE_UNIT * this.#tail.length >= this.#bufferSize &&
      this.size >= this.#bufferSize
    );
  }

  add(payload: Payload): void {
    if (typeof payload === "string") this.#addText(payload);
    else if (isBytes(payload)) this.#addView(payload);
    else for (const part of payload) this.#addPart(part);
  }

  /** Takes everything out, as one payload. */
  take(): Payload {
    this.#endBlock();
    const pieces = this.#pieces;
    const text = this.#text + this.#tail;
    if (text !== "") pieces.push(text);
    this.#pieces = [];
    this.#text = this.#tail = "";
    this.#block = null;
    this.#counted = this.#used = this.#from = 0;
    return pieces.length === 1 ? (pieces[0] ?? "") : pieces;
  }

  clear(): void {
    this.take();
  }

  #addPart(part: string | Uint8Array): void {
    if (typeof part === "string") this.#addText(part);
    else this.#addView(part);
  }

  #addText(text: string): void {
    this.#endBlock();
    if (this.#text.length + this.#tail.length + text.length > MAX_TEXT_UNITS) this.#endText();
    this.#tail += text;
    // Half a surrogate pair is encoded by itself, as `write` does: it must not meet the other half in the next write.
    if (endsInHalf(text)) this.#endText();
  }

  #count(): void {
    if (this.#tail === "") return;
    this.#counted += Buffer.byteLength(this.#tail);
    this.#text += this.#tail;
    this.#tail = "";
  }

  #endText(): void {
    this.#count();
    const text = this.#text;
    if (text !== "") this.#pieces.push(endsInHalf(text) ? Buffer.from(text) : text);
    this.#text = "";
  }

  #addView(view: Uint8Array): void {
    this.#endText();
    if (this.#block === null || this.#block.length - this.#used < view.length) {
      this.#endBlock();
      this.#block = Buffer.allocUnsafeSlow(
        Math.max(Math.min(this.#bufferSize, MAX_BLOCK_BYTES), view.length),
      );
      this.#used = this.#from = 0;
    }
    this.#block.set(view, this.#used);
    this.#used += view.length;
    this.#counted += view.length;
  }

  #endBlock(): void {
    if (this.#block === null || this.#from === this.#used) return;
    this.#pieces.push(this.#block.subarray(this.#from, this.#used));
    this.#from = this.#used;
  }
}

/** Whether a surrogate pair is cut in two at the end. */
function endsInHalf(text: string): boolean {
  return (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800;
}
