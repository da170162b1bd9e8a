import { Buffer } from "node:buffer";

const LF = 10;
const CR = 13;
const CRLF = Buffer.from("\r\n");

/** Ends every line by CR LF, whatever it ended by; bytes in, bytes out, however they are cut. */
export class ToCrlf {
  #last = LF;

  push(chunk: Uint8Array): Buffer {
    const parts: Uint8Array[] = [];
    let begun = 0;
    for (let at = chunk.indexOf(LF); at !== -1; at = chunk.indexOf(LF, at + 1)) {
      const before = at === 0 ? this.#last : chunk[at - 1];
      if (before === CR) continue;
      parts.push(chunk.subarray(begun, at), CRLF);
      begun = at + 1;
    }
    parts.push(chunk.subarray(begun));
    this.#last = chunk.at(-1) ?? this.#last;
    return Buffer.concat(parts);
  }

  /** What is missing at the end of the last line. */
  end(): Buffer {
    if (this.#last === LF) return Buffer.alloc(0);
    return this.#last === CR ? CRLF.subarray(1) : CRLF;
  }
}

/** Ends every line by LF that ended by CR LF; bytes in, bytes out, however they are cut. */
export class ToLf {
  #holdsCr = false;

  push(chunk: Uint8Array): Buffer {
    const whole = this.#holdsCr ? Buffer.concat([CRLF.subarray(0, 1), chunk]) : chunk;
    this.#holdsCr = whole.at(-1) === CR;
    const end = this.#holdsCr ? whole.length - 1 : whole.length;
    const parts: Uint8Array[] = [];
    let begun = 0;
    for (let at = whole.indexOf(CR); at !== -1 && at < end; at = whole.indexOf(CR, at + 1)) {
      if (whole[at + 1] !== LF) continue;
      parts.push(whole.subarray(begun, at));
      begun = at + 1;
    }
    parts.push(whole.subarray(begun, end));
    return Buffer.concat(parts);
  }

  /** A CR that nothing came after. */
  end(): Buffer {
    return this.#holdsCr ? CRLF.subarray(0, 1) : Buffer.alloc(0);
  }
}
