import type { ByteQueue } from "../../core/bytes/byte-queue.js";
import type { NonSharedBuffer } from "../../core/bytes/non-shared.js";
import { maxBufferBytes } from "../../core/bytes/own-memory.js";
import { END, type Taker } from "../../core/reading/messages.js";
import { overLimit, unexpectedEnd, WAIT, type Refusal } from "../../core/reading/reads.js";
import { invalidMessage, refusalOf } from "./invalid-message.js";

/** Where the length of a frame stands, and what it counts: the options of `lengthPrefix`, checked. */
export interface LengthFormat {
  readonly bytes: number;
  readonly littleEndian: boolean;
  readonly offset: number;
  readonly adjustment: number;
  readonly skip: number;
}

/** Takes frames, without what is skipped of each. No memory is taken for a message that is longer than the limit. */
export class FrameTaker implements Taker<NonSharedBuffer> {
  readonly #format: LengthFormat;
  /** Bytes up to the end of the length. */
  readonly #head: number;
  readonly #limit: number;

  /** `limit`: most bytes of a message, those that are skipped not counted. */
  constructor(format: LengthFormat, limit: number) {
    this.#format = format;
    this.#head = format.offset + format.bytes;
    this.#limit = limit;
  }

  take(queue: ByteQueue, ended: boolean): NonSharedBuffer | typeof END | typeof WAIT | Refusal {
    const { length } = queue;
    if (length < this.#head) return ended ? endAfter(length) : WAIT;
    const { bytes, littleEndian, offset, skip, adjustment } = this.#format;
    const said = queue.unsignedAt(offset, bytes, littleEndian);
    const size = this.#head + said + adjustment;
    if (said + adjustment < 0 || size < skip) return refusalOf(noFrame(said, this.#format));
    const most = Math.min(this.#limit, maxBufferBytes(size - skip));
    if (size - skip > most) return overLimit(most, size - skip);
    if (length < size) return ended ? endAfter(length) : WAIT;
    return queue.take(size - skip, skip);
  }
}

/** Why there is no frame whose length field says `length`: `ERR_INVALID_MESSAGE`. */
export function noFrame(length: number, { bytes, offset, adjustment, skip }: LengthFormat): Error {
  if (length + adjustment < 0) {
    return invalidMessage(
      `a length of ${String(length)} is negative with the adjustment of ${String(adjustment)}`,
    );
  }
  const size = offset + bytes + length + adjustment;
  return invalidMessage(`a frame of ${String(size)} bytes is shorter than the ${String(skip)} to skip`);
}

function endAfter(length: number): typeof END | Refusal {
  return length === 0 ? END : unexpectedEnd(`after ${String(length)} bytes of an unfinished frame`);
}
