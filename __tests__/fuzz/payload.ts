import { random } from "../../src/testing/random.js";

/** Of a prime length, so that no power of two repeats it. */
const PERIOD = 65_521;

/** One byte in this many ends a line. */
const LINE = 40;

/** Characters of one to four bytes in UTF-8. */
const WIDE = ["a", "é", "€", "😀", "z", "\n"];

/** ASCII without a carriage return: `readLine` would strip that one and not tell. */
const NARROW = makeNarrow();

/**
 * What goes one way over a connection: each byte says where in the stream it belongs. Text and bytes are the same, so that
 * what is read as lines can be compared with what was written as views.
 */
export class Payloads {
  #offset = 0;
  readonly #wide: boolean;

  /** `wide`: text has characters of several bytes. */
  constructor(wide: boolean) {
    this.#wide = wide;
  }

  /** The next `size` bytes; of wide text up to three more. */
  next(size: number): Buffer {
    const from = this.#offset;
    if (this.#wide) {
      let text = "";
      let length = 0;
      while (length < Math.min(size, PERIOD)) {
        const character = WIDE[(NARROW[(from + length) % PERIOD] ?? 0) % WIDE.length] ?? "a";
        text += character;
        length += Buffer.byteLength(character);
      }
      this.#offset += length;
      return Buffer.from(text);
    }
    this.#offset += size;
    const bytes = Buffer.allocUnsafe(size);
    for (let at = 0; at < size;) {
      const start = (from + at) % PERIOD;
      at += NARROW.copy(bytes, at, start, Math.min(PERIOD, start + size - at));
    }
    return bytes;
  }
}

function makeNarrow(): Buffer {
  const bytes = Buffer.allocUnsafe(PERIOD);
  const numbers = random(1);
  for (let at = 0; at < PERIOD; at++) {
    const byte = numbers(LINE) === 0 ? 0x0a : numbers(0x80);
    bytes[at] = byte === 0x0d ? 0x20 : byte;
  }
  return bytes;
}
