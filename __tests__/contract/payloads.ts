/** Of a prime length, so that no power of two repeats it. */
const PERIOD = 65_521;

/** Bytes that tell where in the stream they belong; another `seed` gives other bytes. */
export function pattern(size: number, seed = 1): Buffer {
  const period = Buffer.allocUnsafe(Math.min(size, PERIOD));
  const numbers = random(seed);
  for (let at = 0; at < period.length; at++) period[at] = numbers(256);
  return size <= PERIOD ? period : Buffer.alloc(size, period);
}

/** A generator of whole numbers below `bound`, the same ones at every run. */
export function random(seed: number): (bound: number) => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % bound;
  };
}

const CLOG_SIZE = 32 * 1024 * 1024;

let clogging: Buffer | undefined;

/** More bytes than the kernel takes for a peer that does not read. Not to be changed. */
export function clog(): Buffer {
  return (clogging ??= pattern(CLOG_SIZE));
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
