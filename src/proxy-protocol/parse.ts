import type { Buffer } from "node:buffer";
import { parseBinary } from "./parse-binary.js";
import { BadHeader, SIGNATURE, startsAlike, type ParsedHeader } from "./header.js";
import { LINE, parseLine } from "./parse-line.js";

/** The bytes of `PROXY UNKNOWN` and CRLF: no header has fewer. */
const MIN_HEADER_BYTES = 15;

/**
 * The PROXY header that some bytes begin with; or, while it is not whole, how many bytes it has at least.
 *
 * Bytes are refused as soon as they can become no header: at the first byte that is wrong, or when they say how long the header
 * is and that is too long.
 *
 * @throws BadHeader
 */
export function parseHeader(bytes: Buffer): ParsedHeader | number {
  if (bytes.length === 0) return MIN_HEADER_BYTES;
  if (startsAlike(bytes, SIGNATURE)) return parseBinary(bytes);
  if (startsAlike(bytes, LINE)) return parseLine(bytes);
  throw new BadHeader("the client has sent no PROXY header");
}
