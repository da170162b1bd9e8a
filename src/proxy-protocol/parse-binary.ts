/** Version 2 of the protocol: a binary header. */
import { Buffer } from "node:buffer";
import { addressOfBytes } from "../address/ip-bytes.js";
import type { NonSharedBuffer } from "../core/bytes/non-shared.js";
import { copyOf } from "../core/bytes/own-memory.js";
import { crc32c } from "./crc32c.js";
import {
  BadHeader,
  CHECKSUM_BYTES,
  COMMAND,
  FAMILY,
  MAX_HEADER_BYTES,
  NO_ENDS,
  PREFACE_BYTES,
  SIGNATURE,
  TLV,
  TLV_HEAD_BYTES,
  TRANSPORT,
  VERSION,
  type Ends,
  type ParsedHeader,
} from "./header.js";

/** The bytes of the addresses and ports of each family. */
const ENDS_BYTES: readonly number[] = [0, 12, 36, 216];

type Tlvs = ReadonlyMap<number, NonSharedBuffer>;

/** Parses bytes that begin as {@link SIGNATURE} does: see {@link parseHeader}. */
export function parseBinary(bytes: Buffer): ParsedHeader | number {
  // What is not here yet is right so far.
  const [command = VERSION | COMMAND.proxy, what = 0] = bytes.subarray(SIGNATURE.length);
  const [family, transport] = halvesOf(what);
  if (command >> 4 !== VERSION >> 4)
    throw new BadHeader("the version of the PROXY header is neither 1 nor 2");
  const isLocal = command === (VERSION | COMMAND.local);
  if (!isLocal && command !== (VERSION | COMMAND.proxy)) {
    throw new BadHeader("the command in the PROXY header is neither LOCAL nor PROXY");
  }
  // Of the balancer's own connections nothing counts but their size.
  if (!isLocal && (family > FAMILY.unix || transport > TRANSPORT.datagram)) {
    throw new BadHeader("the family or the transport in the PROXY header is unknown");
  }
  if (bytes.length < PREFACE_BYTES) return PREFACE_BYTES;
  const size = PREFACE_BYTES + bytes.readUInt16BE(PREFACE_BYTES - 2);
  if (size > MAX_HEADER_BYTES) {
    throw new BadHeader(`the PROXY header has more than ${String(MAX_HEADER_BYTES)} bytes`);
  }
  const hasEnds = !isLocal && family !== FAMILY.unspecified && transport !== TRANSPORT.unspecified;
  const tlvsAt = PREFACE_BYTES + (ENDS_BYTES[family] ?? 0);
  if (hasEnds && tlvsAt > size) throw new BadHeader("the PROXY header is too short for its addresses");
  if (bytes.length < size) return size;
  const header = bytes.subarray(0, size);
  const tlvs = tlvsOf(header, tlvsAt);
  // Where there are no addresses that are known, what stands there instead is not known, either.
  if (tlvs === undefined && hasEnds) throw new BadHeader("the TLVs of the PROXY header do not fit into it");
  const ends = hasEnds && transport === TRANSPORT.stream ? endsOf(header, family) : NO_ENDS;
  const facts = {
    version: 2,
    command: isLocal ? "local" : "proxy",
    ...ends,
    tlvs: tlvs ?? new Map(),
  } as const;
  return { facts: Object.freeze(facts), size };
}

function halvesOf(byte: number): [upper: number, lower: number] {
  return [byte >> 4, byte & 0xf];
}

function endsOf(header: Buffer, family: number): Ends {
  const at = PREFACE_BYTES;
  if (family === FAMILY.unix) {
    const size = (ENDS_BYTES[family] ?? 0) / 2;
    return {
      ...NO_ENDS,
      sourceAddress: pathOf(header.subarray(at, at + size)),
      destinationAddress: pathOf(header.subarray(at + size, at + 2 * size)),
    };
  }
  const size = family === FAMILY.ipv4 ? 4 : 16;
  return {
    sourceAddress: addressOfBytes(header.subarray(at, at + size)),
    sourcePort: header.readUInt16BE(at + 2 * size),
    destinationAddress: addressOfBytes(header.subarray(at + size, at + 2 * size)),
    destinationPort: header.readUInt16BE(at + 2 * size + 2),
  };
}

/** The path in a field that NULs fill up; a name in Linux's abstract namespace begins with one. `undefined`: there is none. */
function pathOf(field: Buffer): string | undefined {
  const end = field.indexOf(0, 1);
  const path = field.toString("utf8", 0, end === -1 ? field.length : end);
  return path === "\0" ? undefined : path;
}

/**
 * The TLVs behind the addresses; `undefined` if they do not fill the header.
 *
 * @throws BadHeader for a checksum that is wrong, or is there twice
 */
function tlvsOf(header: Buffer, start: number): Tlvs | undefined {
  const tlvs = new Map<number, NonSharedBuffer>();
  let checksumAt: number | undefined;
  let at = start;
  while (at + TLV_HEAD_BYTES <= header.length) {
    const type = header.readUInt8(at);
    const valueAt = at + TLV_HEAD_BYTES;
    at = valueAt + header.readUInt16BE(at + 1);
    if (at > header.length) return undefined;
    if (type === TLV.crc32c) {
      if (at - valueAt !== CHECKSUM_BYTES) return undefined;
      if (checksumAt !== undefined) throw new BadHeader("the PROXY header has two checksums");
      checksumAt = valueAt;
    }
    if (type !== TLV.noop && !tlvs.has(type)) tlvs.set(type, copyOf(header, valueAt, at));
  }
  if (at !== header.length) return undefined;
  if (checksumAt !== undefined) checkSum(header, checksumAt);
  return tlvs;
}

/** The sum is that of the header with zeros in its place. */
function checkSum(header: Buffer, at: number): void {
  const zeroed = Buffer.from(header).fill(0, at, at + CHECKSUM_BYTES);
  if (crc32c(zeroed) !== header.readUInt32BE(at))
    throw new BadHeader("the checksum of the PROXY header is wrong");
}
