import { Buffer } from "node:buffer";
import { addressOfBytes } from "../address/ip-bytes.js";
import { crc32c } from "./crc32c.js";
import {
  CHECKSUM_BYTES,
  COMMAND,
  FAMILY,
  PREFACE_BYTES,
  SIGNATURE,
  TLV,
  TLV_HEAD_BYTES,
  TRANSPORT,
  VERSION,
} from "./header.js";

/** A header to be sent. The addresses are of one family, 4 or 16 bytes each. */
export interface HeaderParts {
  readonly version: 1 | 2;
  readonly source: Buffer;
  readonly sourcePort: number;
  readonly destination: Buffer;
  readonly destinationPort: number;
  /** Of version 2. The value of a checksum is replaced by the right one. */
  readonly tlvs: Iterable<readonly [type: number, value: Uint8Array]>;
}

/** The bytes of a header; `"local"`: that of a connection that is relayed for no client. */
export function encodeHeader(header: HeaderParts | "local"): Buffer {
  if (header === "local") return binary(COMMAND.local, FAMILY.unspecified, TRANSPORT.unspecified, []);
  const { version, source, sourcePort, destination, destinationPort, tlvs } = header;
  const isFour = source.length === 4;
  if (version === 1) {
    const ends = [addressOfBytes(source), addressOfBytes(destination), sourcePort, destinationPort];
    return Buffer.from(`PROXY ${isFour ? "TCP4" : "TCP6"} ${ends.join(" ")}\r\n`);
  }
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  const family = isFour ? FAMILY.ipv4 : FAMILY.ipv6;
  const entries = [...tlvs].flatMap(([type, value]) => [tlvHead(type, value.length), value]);
  const bytes = binary(COMMAND.proxy, family, TRANSPORT.stream, [source, destination, ports, ...entries]);
  return withChecksum(bytes, PREFACE_BYTES + 2 * source.length + ports.length);
}

function binary(command: number, family: number, transport: number, rest: readonly Uint8Array[]): Buffer {
  const preface = Buffer.alloc(PREFACE_BYTES);
  const size = rest.reduce((sum, { length }) => sum + length, 0);
  SIGNATURE.copy(preface);
  preface.writeUInt8(VERSION | command, SIGNATURE.length);
  preface.writeUInt8((family << 4) | transport, SIGNATURE.length + 1);
  preface.writeUInt16BE(size, SIGNATURE.length + 2);
  return Buffer.concat([preface, ...rest]);
}

function tlvHead(type: number, size: number): Buffer {
  const head = Buffer.alloc(TLV_HEAD_BYTES);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(size, 1);
  return head;
}

/** Puts the checksum into its TLV, if there is one. */
function withChecksum(header: Buffer, tlvsAt: number): Buffer {
  for (let at = tlvsAt; at < header.length; at += TLV_HEAD_BYTES + header.readUInt16BE(at + 1)) {
    if (header.readUInt8(at) !== TLV.crc32c) continue;
    const valueAt = at + TLV_HEAD_BYTES;
    header.fill(0, valueAt, valueAt + CHECKSUM_BYTES);
    header.writeUInt32BE(crc32c(header), valueAt);
  }
  return header;
}
