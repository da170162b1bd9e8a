import { Buffer } from "node:buffer";
import type { Payload } from "./payload.js";

/**
 * Writes that wait to be sent together. Text is kept as one rope, encoded when it is sent; views are copied, so the
 * caller's memory is the caller's again.
 */
export class Gather {
  /** Bytes gathered. */
  size = 0;
  readonly #blockSize: number;
  #pieces: (string | Buffer)[] = [];
  #text = "";
  /** Where views are copied to, and how much of it is used; the used part is the last piece once text follows. */
  #block: Buffer | null = null;
  #from = 0;
  #used = 0;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  add(payload: Payload, size: number): void {
    this.size += size;
    if (typeof payload === "string") this.#addText(payload);
    else if (payload instanceof Uint8Array) this.#addView(payload);
    else for (const part of payload) this.#addPart(part);
  }

  /** Takes everything out, to be sent in one go. */
  take(): Payload {
    this.#endText();
    this.#endBlock();
    const pieces = this.#pieces;
    this.size = 0;
    this.#pieces = [];
    this.#block = null;
    this.#used = this.#from = 0;
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
    this.#text += text;
    // Half a surrogate pair is a character of its own: it must not meet the other half in the next write.
    if ((text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800) this.#endText();
  }

  #endText(): void {
    if (this.#text === "") return;
    const lone = (this.#text.charCodeAt(this.#text.length - 1) & 0xfc00) === 0xd800;
    this.#pieces.push(lone ? Buffer.from(this.#text) : this.#text);
    this.#text = "";
  }

  #addView(view: Uint8Array): void {
    this.#endText();
    if (this.#block === null || this.#block.length - this.#used < view.length) {
      this.#endBlock();
      this.#block = Buffer.allocUnsafeSlow(Math.max(this.#blockSize, view.length));
      this.#used = this.#from = 0;
    }
    this.#block.set(view, this.#used);
    this.#used += view.length;
  }

  #endBlock(): void {
    if (this.#block === null || this.#from === this.#used) return;
    this.#pieces.push(this.#block.subarray(this.#from, this.#used));
    this.#from = this.#used;
  }
}
