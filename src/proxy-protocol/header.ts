/** The PROXY protocol (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt): what both of its ends know. */
import { Buffer } from "node:buffer";
import type { NonSharedBuffer } from "../core/bytes/non-shared.js";

/** What a PROXY header has said: {@link Connection.proxy}. */
export interface ProxyFacts {
  /** `1`: the header was a line of text. `2`: it was binary. */
  readonly version: 1 | 2;
  /**
   * `"proxy"`: the balancer relays a client. `"local"`: the balancer has connected by itself, as it does for health checks;
   * only version 2 can say so.
   */
  readonly command: "proxy" | "local";
  /**
   * The address of the client, IPv4 also where IPv6 maps it; the path of a Unix socket, if that has one. `undefined` if the
   * header has none: for `"local"`, and for a protocol that is unknown (`UNKNOWN`, `AF_UNSPEC`) or is not a stream.
   */
  readonly sourceAddress: string | undefined;
  /** The port of the client; `undefined` where there is no address, or the path of a Unix socket. */
  readonly sourcePort: number | undefined;
  /** The address that the client has connected to. */
  readonly destinationAddress: string | undefined;
  /** The port that the client has connected to; `undefined` like `sourcePort`. */
  readonly destinationPort: number | undefined;
  /**
   * What a header of version 2 has besides, by type: 1 is ALPN, 2 the server name (SNI), 5 a unique id, 0x20 what is known of
   * the client's TLS, 0xEA at AWS the VPC endpoint. The first of a type counts, and padding (type 4) is left out.
   */
  readonly tlvs: ReadonlyMap<number, NonSharedBuffer>;
}

/** How version 2 begins. */
export const SIGNATURE = Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1");

/** The signature, version and command, family and transport, and the size of the rest. */
export const PREFACE_BYTES = 16;

/** Most bytes of a header of version 1 with its CRLF. */
export const MAX_LINE_BYTES = 107;

/** Most bytes of all TLVs of a header that is sent. */
export const MAX_TLV_BYTES = 4_096;

/** Most bytes of a header of version 2: the smallest segment that every host can receive, and {@link MAX_TLV_BYTES} beyond. */
export const MAX_HEADER_BYTES = 536 + MAX_TLV_BYTES;

/** The bytes that a TLV has before its value. */
export const TLV_HEAD_BYTES = 3;

/** The version, in the upper half of its byte. */
export const VERSION = 0x20;

/** The command, in the lower half of the same byte. */
export const COMMAND = { local: 0, proxy: 1 } as const;

/** The families that are known, in the upper half of their byte. */
export const FAMILY = { unspecified: 0, ipv4: 1, ipv6: 2, unix: 3 } as const;

/** What is relayed, in the lower half of the same byte. */
export const TRANSPORT = { unspecified: 0, stream: 1, datagram: 2 } as const;

/** The types of TLVs that have a meaning here. */
export const TLV = { crc32c: 3, noop: 4, uniqueId: 5 } as const;

export const CHECKSUM_BYTES = 4;

/** Most bytes of a unique id. */
export const MAX_UNIQUE_ID_BYTES = 128;

/** A whole header. */
export interface ParsedHeader {
  readonly facts: ProxyFacts;
  /** Its bytes. What comes after them is the client's. */
  readonly size: number;
}

/** The bytes are no PROXY header. The message says what is wrong, and has nothing of the bytes in it. */
export class BadHeader extends Error {}

/** The ends of the connection of a client. */
export type Ends = Pick<
  ProxyFacts,
  "sourceAddress" | "sourcePort" | "destinationAddress" | "destinationPort"
>;

/** The ends where a header has none. */
export const NO_ENDS: Ends = {
  sourceAddress: undefined,
  sourcePort: undefined,
  destinationAddress: undefined,
  destinationPort: undefined,
};

/** Whether the one begins as the other, as far as both go. */
export function startsAlike(bytes: Buffer, start: Buffer): boolean {
  const size = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, size, 0, size) === 0;
}
