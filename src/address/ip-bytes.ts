/** Literal addresses as the bytes that headers on the wire have, and back. */
import { Buffer } from "node:buffer";

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[\da-f]{1,4}$/i;
const GROUPS = 8;

/** How an IPv4 address begins that IPv6 maps (RFC 4291, section 2.5.5.2). */
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/**
 * The 4 bytes of an IPv4 address or the 16 of an IPv6 address; `undefined` for any other text, an address with a zone or with
 * leading zeros among its decimal numbers included.
 */
export function bytesOfAddress(text: string): Buffer | undefined {
  const bytes = text.includes(":") ? sixBytesOf(text) : fourBytesOf(text);
  return bytes && Buffer.from(bytes);
}

/**
 * The text of an address of 4 or 16 bytes, as the system writes it (RFC 5952); an IPv4 address that IPv6 maps is written as IPv4.
 */
export function addressOfBytes(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  if (bytes.subarray(0, MAPPED.length).equals(MAPPED)) return bytes.subarray(MAPPED.length).join(".");
  const groups = Array.from({ length: GROUPS }, (_, i) => bytes.readUInt16BE(2 * i));
  const [start, end] = longestZeros(groups);
  const words = groups.map((group) => group.toString(16));
  if (end - start < 2) return words.join(":");
  return `${words.slice(0, start).join(":")}::${words.slice(end).join(":")}`;
}

function fourBytesOf(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4 || !parts.every((part) => DECIMAL.test(part) && Number(part) <= 255))
    return undefined;
  return parts.map(Number);
}

function sixBytesOf(text: string): number[] | undefined {
  const halves = text.split("::");
  const [front = "", back] = halves;
  const head = groupsOf(front, back === undefined);
  const tail = back === undefined ? [] : groupsOf(back, true);
  if (head === undefined || tail === undefined || halves.length > 2) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (back === undefined ? missing !== 0 : missing < 1) return undefined;
  const zeros = new Array<number>(missing).fill(0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}

/** The groups of one half of an IPv6 address; `isLast`: its last 32 bits may be an IPv4 address. */
function groupsOf(half: string, isLast: boolean): number[] | undefined {
  if (half === "") return [];
  const parts = half.split(":");
  const four = isLast && parts.at(-1)?.includes(".") === true ? fourBytesOf(parts.pop() ?? "") : [];
  if (four === undefined || !parts.every((part) => GROUP.test(part))) return undefined;
  const groups = parts.map((part) => parseInt(part, 16));
  const [a, b, c, d] = four;
  if (a === undefined || b === undefined || c === undefined || d === undefined) return groups;
  return [...groups, (a << 8) | b, (c << 8) | d];
}

/** Where the longest row of zeros is, the first of several that are as long. */
function longestZeros(groups: readonly number[]): [start: number, end: number] {
  let longest: [number, number] = [0, 0];
  for (let start = 0, end = 0; start < groups.length; start = end + 1) {
    for (end = start; groups[end] === 0; end++);
    if (end - start > longest[1] - longest[0]) longest = [start, end];
  }
  return longest;
}
