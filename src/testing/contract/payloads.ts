import { Buffer } from "node:buffer";
import { random } from "../random.js";

/** Of a prime length, so that no power of two repeats it. */
const PERIOD = 65_521;

/** Bytes that tell where in the stream they belong; another `seed` gives other bytes. */
export function pattern(size: number, seed = 1): Buffer {
  const period = Buffer.allocUnsafe(Math.min(size, PERIOD));
  const numbers = random(seed);
  for (let at = 0; at < period.length; at++) period[at] = numbers(256);
  return size <= PERIOD ? period : Buffer.alloc(size, period);
}

/** More than a connection takes however much its peer has read before, and more than a message may have by default. */
export const MOST_BYTES = 32 * 1024 * 1024;

let most: Buffer | undefined;

let clogBytes = MOST_BYTES;

/** Has {@link clog} give as many bytes as clog the pair that was made last. */
export function setClogBytes(bytes = MOST_BYTES): void {
  clogBytes = bytes;
}

/** More bytes than a connection takes for a peer that does not read. Not to be changed. */
export function clog(bytes = clogBytes): Buffer {
  most ??= pattern(MOST_BYTES);
  return most.subarray(0, bytes);
}

/** Cuts bytes into pieces of all sizes up to `most`. */
export function* pieces(bytes: Buffer, most: number, seed = 1): Generator<Buffer, void> {
  const numbers = random(seed);
  for (let from = 0; from < bytes.length;) {
    const size = 1 + numbers(most);
    yield bytes.subarray(from, from + size);
    from += size;
  }
}

/** A frame as it is on the wire, written down by other means than the library's. */
export function frame(payload: Buffer | string, bytes = 4, size = Buffer.byteLength(payload)): Buffer {
  return Buffer.concat([bigEndian(size, bytes), Buffer.from(payload as string)]);
}

/** A number, also one that is over 2 ** 53. */
export function bigEndian(size: number, bytes: number): Buffer {
  return Buffer.from(
    BigInt(size)
      .toString(16)
      .padStart(bytes * 2, "0"),
    "hex",
  );
}
