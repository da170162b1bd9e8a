/** What waiting for a delimiter costs while bytes arrive in small pieces, counted in looks at the pieces. */
import { Buffer } from "node:buffer";
import { delimited, jsonLines, type Codec, type LineTerminator } from "../../../src/index.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { LineRun, LineSearch, takeNextLine, takeTextLine } from "../../../src/core/reading/lines.js";
import { takeNextRecord, takeUntil, takeUntilAny, WAIT } from "../../../src/core/reading/reads.js";
import { RecordRun } from "../../../src/core/reading/record-run.js";
import { Search, SearchForAny } from "../../../src/core/reading/search.js";
import { Decoding } from "../../../src/messages/decoding.js";
import { directOf } from "../../../src/messages/direct.js";

const PIECES = 2_000;
const PIECE_BYTES = 8;

/** Tries to take what comes out of a queue. */
type Attempt = (queue: ByteQueue) => unknown;

/** What `framed` does with a codec. */
function receiving<T>(codec: Codec<T, never>): Attempt {
  const taker = directOf(codec)?.takerFor(Infinity) ?? new Decoding(codec, Infinity);
  return (queue) => taker.take(queue, false);
}

/** Messages that end with a `|`, whose codec looks at no byte twice. */
const own: Codec<string> = {
  decode: (bytes) => (bytes.at(-1) === 0x7c ? { message: "whole", size: bytes.length } : undefined),
  encode: (message) => message,
};

/** The same, whose codec always asks for one byte more. */
const stepwise: Codec<string> = { ...own, decode: (bytes) => own.decode(bytes) ?? bytes.length + 1 };

function readingLine(terminator: LineTerminator): Attempt {
  const search = new LineSearch(Infinity, "utf8", terminator);
  return (queue) => takeTextLine(queue, search, false);
}

function readingLines(terminator: LineTerminator): Attempt {
  const run = new LineRun(Infinity, "utf8", terminator);
  return (queue) => takeNextLine(queue, run, false);
}

const ways: Record<string, () => Attempt> = {
  ...Object.fromEntries(
    (["lf", "crlf", "cr", "any"] as const).flatMap((terminator) => [
      [`readLine of ${terminator}`, () => readingLine(terminator)],
      [`lines of ${terminator}`, () => readingLines(terminator)],
    ]),
  ),
  readUntil: () => {
    const search = new Search(Buffer.from("|"), Infinity);
    return (queue) => takeUntil(queue, search, false);
  },
  "readUntil with a long delimiter": () => {
    const search = new Search(Buffer.from("ab|\n".repeat(3)), Infinity);
    return (queue) => takeUntil(queue, search, false);
  },
  readUntilAny: () => {
    const given = ["|", "\n"];
    const search = new SearchForAny(
      given.map((delimiter) => Buffer.from(delimiter)),
      Infinity,
    );
    return (queue) => takeUntilAny(queue, { search, given }, false);
  },
  split: () => {
    const search = new Search(Buffer.from("|"), Infinity);
    const run = new RecordRun(search);
    return (queue) => takeNextRecord(queue, { search, run, last: true }, false);
  },
  delimited: () => receiving(delimited("|")),
  jsonLines: () => receiving(jsonLines()),
  framed: () => receiving(own),
  "framed, byte by byte": () => receiving(stepwise),
};

/** Counts how often the length of a piece is looked at, as each step through the queue does. */
class Looks {
  count = 0;

  piece(text: string): Buffer<ArrayBuffer> {
    const piece = Buffer.from(text);
    Object.defineProperty(piece, "length", { get: () => (this.count++, text.length) });
    return piece;
  }
}

const END = `${"ab|\n".repeat(3)}a\r\nb\r|`;

test.each(Object.entries(ways))("%s looks at each piece a few times, however many wait", (_name, make) => {
  const attempt = make();
  const looks = new Looks();
  // Pieces of half a block are not gathered.
  const queue = new ByteQueue(2 * PIECE_BYTES);
  for (let n = 0; n < PIECES; n++) {
    queue.append(looks.piece('["1234",'.slice(0, PIECE_BYTES)));
    expect(attempt(queue)).toBe(WAIT);
  }
  expect(looks.count).toBeGreaterThan(PIECES);
  queue.append(looks.piece(END));
  expect(attempt(queue)).not.toBe(WAIT);
  expect(looks.count).toBeLessThan(40 * PIECES);
});

test.each(["readUntil", "readUntilAny", "split"])(
  "%s looks at each piece a few times if all have come before",
  (name) => {
    const attempt = ways[name]?.();
    const looks = new Looks();
    const queue = new ByteQueue(2 * PIECE_BYTES);
    for (let n = 0; n < PIECES; n++) queue.append(looks.piece("12345678"));
    expect(attempt?.(queue)).toBe(WAIT);
    queue.append(looks.piece(END));
    expect(attempt?.(queue)).not.toBe(WAIT);
    expect(looks.count).toBeLessThan(40 * PIECES);
  },
);
