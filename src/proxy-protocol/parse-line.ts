/** Version 1 of the protocol: a line of text. */
import { Buffer } from "node:buffer";
import { addressOfBytes, bytesOfAddress } from "../address/ip-bytes.js";
import { BadHeader, MAX_LINE_BYTES, NO_ENDS, startsAlike, type Ends, type ParsedHeader } from "./header.js";

/** How a line begins. */
export const LINE = Buffer.from("PROXY ");

const TCP4 = Buffer.from("PROXY TCP4 ");
const TCP6 = Buffer.from("PROXY TCP6 ");
const UNKNOWN = Buffer.from("PROXY UNKNOWN");
const CRLF = "\r\n";
const SPACE = " ".charCodeAt(0);
const CR = "\r".charCodeAt(0);

/** The bytes of the addresses of each kind of line. */
const ADDRESS_BYTES = new Map([
  [TCP4, 4],
  [TCP6, 16],
]);

/** Two addresses and two ports, as far as they have come. */
const FIELDS = /^[\da-f.:]*(?: [\da-f.:]*(?: \d*){0,2})?$/i;
const PORT = /^(?:0|[1-9]\d{0,4})$/;
const LAST_PORT = 65_535;

/** Parses bytes that begin as {@link LINE} does: see {@link parseHeader}. */
export function parseLine(bytes: Buffer): ParsedHeader | number {
  const line = bytes.subarray(0, MAX_LINE_BYTES);
  const kind = [TCP4, TCP6, UNKNOWN].find((start) => startsAlike(line, start));
  if (kind === undefined) {
    throw new BadHeader("the protocol in the PROXY header is none of TCP4, TCP6 and UNKNOWN");
  }
  const end = kind === UNKNOWN ? endOfUnknown(line) : endOfFields(line, kind.length);
  if (end === -1) {
    if (line.length < MAX_LINE_BYTES) return Math.max(line.length + 1, UNKNOWN.length + CRLF.length);
    throw new BadHeader(`the line of the PROXY header has more than ${String(MAX_LINE_BYTES)} bytes`);
  }
  const size = ADDRESS_BYTES.get(kind);
  const ends = size === undefined ? NO_ENDS : endsOf(line.toString("latin1", kind.length, end), size);
  const facts = Object.freeze({ version: 1, command: "proxy", ...ends, tlvs: new Map() } as const);
  return { facts, size: end + CRLF.length };
}

/** Where the CRLF is: between the word and it there may be anything. */
function endOfUnknown(line: Buffer): number {
  const [next = SPACE, afterNext] = line.subarray(UNKNOWN.length);
  const isEnd = next === CR && (afterNext === undefined || afterNext === CRLF.charCodeAt(1));
  if (next !== SPACE && !isEnd)
    throw new BadHeader("a space or CRLF is missing behind UNKNOWN in the PROXY header");
  return line.indexOf(CRLF);
}

/** Where the CRLF is, or -1. What has come of it and before it must be right. */
function endOfFields(line: Buffer, start: number): number {
  const text = line.toString("latin1", start);
  const found = text.search(/[\r\n]/);
  const fields = found === -1 ? text : text.slice(0, found);
  if (!FIELDS.test(fields)) throw new BadHeader("the PROXY header has bytes that no address and no port has");
  if (found === -1) return -1;
  const end = text.slice(found, found + CRLF.length);
  if (!CRLF.startsWith(end)) throw new BadHeader("the line of the PROXY header does not end with CRLF");
  return end === CRLF ? start + found : -1;
}

/** @param size - how many bytes an address of the line's protocol has */
function endsOf(fields: string, size: number): Ends {
  const [sourceAddress = "", destinationAddress = "", sourcePort = "", destinationPort = ""] =
    fields.split(" ");
  return {
    sourceAddress: addressOf(sourceAddress, size),
    sourcePort: portOf(sourcePort),
    destinationAddress: addressOf(destinationAddress, size),
    destinationPort: portOf(destinationPort),
  };
}

function addressOf(text: string, size: number): string {
  const bytes = bytesOfAddress(text);
  if (bytes?.length === size) return addressOfBytes(bytes);
  throw new BadHeader(`an address in the PROXY header is not of IPv${size === 4 ? "4" : "6"}`);
}

function portOf(text: string): number {
  const port = PORT.test(text) ? Number(text) : Infinity;
  if (port <= LAST_PORT) return port;
  throw new BadHeader("a port in the PROXY header is no number from 0 to 65535");
}
