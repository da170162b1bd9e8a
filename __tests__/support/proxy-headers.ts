/** PROXY headers as bytes: good ones with what they say, and bad ones with what is wrong. */
import { Buffer } from "node:buffer";
import type { ProxyFacts } from "../../src/proxy-protocol/header.js";

export interface GoodHeader {
  readonly name: string;
  readonly bytes: Buffer;
  readonly says: Partial<Omit<ProxyFacts, "tlvs">> & Pick<ProxyFacts, "version" | "command">;
  readonly tlvs?: readonly (readonly [type: number, value: Buffer])[];
}

export interface BadHeader {
  readonly name: string;
  readonly bytes: Buffer;
  readonly reason: RegExp;
}

const SIGNATURE = "0d0a0d0a000d0a515549540a";

/** A header of version 2 by its parts, in hexadecimal digits; the size is right unless it is given. */
export function binary(command: string, protocol: string, rest = "", size = rest.length / 2): Buffer {
  return Buffer.from(SIGNATURE + command + protocol + size.toString(16).padStart(4, "0") + rest, "hex");
}

/** A TLV in hexadecimal digits. */
export function tlv(type: number, value: string | Buffer): string {
  const bytes = Buffer.from(value as string);
  return (
    type.toString(16).padStart(2, "0") + bytes.length.toString(16).padStart(4, "0") + bytes.toString("hex")
  );
}

/** `fe80::1`, `2001:db8::2`, ports 1 and 65535. */
const SIX = `fe80${"0".repeat(27)}1` + `20010db8${"0".repeat(23)}2` + "0001ffff";
/** 192.0.2.1, 198.51.100.2, ports 56324 and 443. */
const FOUR = "c0000201c6336402dc0401bb";

const FOUR_SAYS = {
  sourceAddress: "192.0.2.1",
  sourcePort: 56_324,
  destinationAddress: "198.51.100.2",
  destinationPort: 443,
};

function unixPath(path: string): string {
  return Buffer.from(path).toString("hex").padEnd(216, "0");
}

/** As AWS's Network Load Balancer sends it for a client of a VPC endpoint: checksum, endpoint, padding. */
const AWS =
  "21110054ac1f0771ac1f0a1fc8f20050" +
  "030004e8d6892d" +
  "ea001701767063652d3038643262663135666163353030316339" +
  `040024${"00".repeat(36)}`;

const line = (text: string): Buffer => Buffer.from(text, "latin1");

const proxy1 = { version: 1, command: "proxy" } as const;
const proxy2 = { version: 2, command: "proxy" } as const;

export const GOOD_HEADERS: readonly GoodHeader[] = [
  {
    name: "the example of the specification",
    bytes: line("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n"),
    says: {
      ...proxy1,
      sourceAddress: "192.168.0.1",
      sourcePort: 56_324,
      destinationAddress: "192.168.0.11",
      destinationPort: 443,
    },
  },
  {
    name: "the longest line of IPv4",
    bytes: line("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
    says: {
      ...proxy1,
      sourceAddress: "255.255.255.255",
      sourcePort: 65_535,
      destinationAddress: "255.255.255.255",
      destinationPort: 65_535,
    },
  },
  {
    name: "the shortest line of IPv4",
    bytes: line("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"),
    says: {
      ...proxy1,
      sourceAddress: "0.0.0.0",
      sourcePort: 0,
      destinationAddress: "0.0.0.0",
      destinationPort: 0,
    },
  },
  {
    name: "the longest line of IPv6",
    bytes: line(
      `PROXY TCP6 ${"ffff:".repeat(8).slice(0, -1)} ${"FFFF:".repeat(8).slice(0, -1)} 65535 65535\r\n`,
    ),
    says: {
      ...proxy1,
      sourceAddress: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      sourcePort: 65_535,
      destinationAddress: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
      destinationPort: 65_535,
    },
  },
  {
    name: "IPv6 addresses that are not written as the system writes them",
    bytes: line("PROXY TCP6 2001:0DB8:0:0:0:0:0:0001 ::1 1 2\r\n"),
    says: {
      ...proxy1,
      sourceAddress: "2001:db8::1",
      sourcePort: 1,
      destinationAddress: "::1",
      destinationPort: 2,
    },
  },
  {
    name: "IPv4 addresses that IPv6 maps, in a line",
    bytes: line("PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c633:6402 56324 443\r\n"),
    says: { ...proxy1, ...FOUR_SAYS },
  },
  { name: "UNKNOWN", bytes: line("PROXY UNKNOWN\r\n"), says: proxy1 },
  { name: "UNKNOWN and a space", bytes: line("PROXY UNKNOWN \r\n"), says: proxy1 },
  {
    name: "UNKNOWN with addresses, the longest line there is",
    bytes: line(
      `PROXY UNKNOWN ${"ffff:".repeat(8).slice(0, -1)} ${"ffff:".repeat(8).slice(0, -1)} 65535 65535\r\n`,
    ),
    says: proxy1,
  },
  {
    name: "UNKNOWN with anything before CRLF",
    bytes: line("PROXY UNKNOWN \n\r \0\xff a\r\r\n"),
    says: proxy1,
  },
  { name: "TCP over IPv4", bytes: binary("21", "11", FOUR), says: { ...proxy2, ...FOUR_SAYS } },
  {
    name: "TCP over IPv6",
    bytes: binary("21", "21", SIX),
    says: {
      ...proxy2,
      sourceAddress: "fe80::1",
      sourcePort: 1,
      destinationAddress: "2001:db8::2",
      destinationPort: 65_535,
    },
  },
  {
    name: "IPv4 addresses that IPv6 maps",
    bytes: binary("21", "21", `${"0".repeat(20)}ffffc0000201${"0".repeat(20)}ffffc6336402dc0401bb`),
    says: { ...proxy2, ...FOUR_SAYS },
  },
  {
    name: "Unix sockets with paths",
    bytes: binary("21", "31", unixPath("/run/client") + unixPath("/run/balancer")),
    says: { ...proxy2, sourceAddress: "/run/client", destinationAddress: "/run/balancer" },
  },
  {
    name: "Unix sockets without a path, and in the abstract namespace",
    bytes: binary("21", "31", unixPath("") + unixPath("\0name")),
    says: { ...proxy2, destinationAddress: "\0name" },
  },
  {
    name: "a path that fills its field",
    bytes: binary("21", "31", unixPath("/".padEnd(108, "a")) + unixPath("/")),
    says: { ...proxy2, sourceAddress: "/".padEnd(108, "a"), destinationAddress: "/" },
  },
  { name: "LOCAL", bytes: binary("20", "00"), says: { version: 2, command: "local" } },
  {
    name: "LOCAL with addresses and TLVs",
    bytes: binary("20", "11", FOUR + tlv(2, "health")),
    says: { version: 2, command: "local" },
    tlvs: [[2, Buffer.from("health")]],
  },
  {
    name: "LOCAL with TLVs alone",
    bytes: binary("20", "00", tlv(5, "id")),
    says: { version: 2, command: "local" },
    tlvs: [[5, Buffer.from("id")]],
  },
  {
    name: "LOCAL with a family that does not exist, and bytes that mean nothing",
    bytes: binary("20", "ff", "0102030405060708090a0b0c0d0e0f"),
    says: { version: 2, command: "local" },
  },
  {
    name: "LOCAL that is too short for its family",
    bytes: binary("20", "21", "0000"),
    says: { version: 2, command: "local" },
  },
  { name: "an unknown protocol", bytes: binary("21", "00"), says: proxy2 },
  {
    name: "an unknown protocol with TLVs",
    bytes: binary("21", "00", tlv(1, "h2")),
    says: proxy2,
    tlvs: [[1, Buffer.from("h2")]],
  },
  {
    name: "an unknown protocol with bytes that mean nothing",
    bytes: binary("21", "00", "ffffffff"),
    says: proxy2,
  },
  { name: "an unknown transport over IPv4", bytes: binary("21", "10", FOUR), says: proxy2 },
  { name: "a stream of an unknown family", bytes: binary("21", "01", FOUR), says: proxy2 },
  {
    name: "UDP, whose addresses do not count",
    bytes: binary("21", "12", FOUR + tlv(5, "id")),
    says: proxy2,
    tlvs: [[5, Buffer.from("id")]],
  },
  {
    name: "TLVs: ALPN, server name, unique id, TLS, one that is empty; padding is left out, and so is what comes twice",
    bytes: binary(
      "21",
      "11",
      FOUR +
        tlv(1, "h2") +
        tlv(4, "\0\0\0") +
        tlv(2, "example.org") +
        tlv(5, Buffer.alloc(128, 7)) +
        tlv(0x20, Buffer.from("0100000000210007544c5376312e33", "hex")) +
        tlv(0xf0, "") +
        tlv(2, "other.example"),
    ),
    says: { ...proxy2, ...FOUR_SAYS },
    tlvs: [
      [1, Buffer.from("h2")],
      [2, Buffer.from("example.org")],
      [5, Buffer.alloc(128, 7)],
      [0x20, Buffer.from("0100000000210007544c5376312e33", "hex")],
      [0xf0, Buffer.alloc(0)],
    ],
  },
  {
    name: "AWS's, with a checksum",
    bytes: Buffer.from(SIGNATURE + AWS, "hex"),
    says: {
      ...proxy2,
      sourceAddress: "172.31.7.113",
      sourcePort: 0xc8f2,
      destinationAddress: "172.31.10.31",
      destinationPort: 80,
    },
    tlvs: [
      [3, Buffer.from("e8d6892d", "hex")],
      [0xea, Buffer.from("\x01vpce-08d2bf15fac5001c9")],
    ],
  },
  {
    name: "the longest there may be",
    bytes: binary("21", "11", FOUR + tlv(0xe0, Buffer.alloc(4_632 - 16 - 12 - 3, "x"))),
    says: { ...proxy2, ...FOUR_SAYS },
    tlvs: [[0xe0, Buffer.alloc(4_601, "x")]],
  },
];

const NO_HEADER = /has sent no PROXY header/;
const PROTOCOL = /none of TCP4, TCP6 and UNKNOWN/;
const STRAY = /bytes that no address and no port has/;
const CRLF = /does not end with CRLF/;
const LONG_LINE = /more than 107 bytes/;
const TLVS = /TLVs of the PROXY header do not fit/;

export const BAD_HEADERS: readonly BadHeader[] = [
  { name: "a request of HTTP", bytes: line("GET / HTTP/1.1\r\n"), reason: NO_HEADER },
  { name: "the beginning of TLS", bytes: Buffer.from("1603010200", "hex"), reason: NO_HEADER },
  { name: "text that begins with P", bytes: line("POST / HTTP/1.1\r\n"), reason: NO_HEADER },
  { name: "lower case", bytes: line("proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), reason: NO_HEADER },
  { name: "a space in front", bytes: line(" PROXY UNKNOWN\r\n"), reason: NO_HEADER },
  { name: "an empty line", bytes: line("\r\n\r\n\r\n"), reason: NO_HEADER },
  { name: "no protocol", bytes: line("PROXY \r\n"), reason: PROTOCOL },
  { name: "two spaces", bytes: line("PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n"), reason: PROTOCOL },
  { name: "another protocol", bytes: line("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n"), reason: PROTOCOL },
  { name: "TCP5", bytes: line("PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n"), reason: PROTOCOL },
  { name: "TCP4 and no more", bytes: line("PROXY TCP4\r\n"), reason: PROTOCOL },
  {
    name: "UNKNOWN with a letter behind it",
    bytes: line("PROXY UNKNOWNS\r\n"),
    reason: /missing behind UNKNOWN/,
  },
  { name: "UNKNOWN with CR alone", bytes: line("PROXY UNKNOWN\r \r\n"), reason: /missing behind UNKNOWN/ },
  { name: "UNKNOWN without CRLF", bytes: line(`PROXY UNKNOWN ${"\n".repeat(93)}`), reason: LONG_LINE },
  {
    name: "a CRLF one byte too late",
    bytes: line(`${"PROXY UNKNOWN ".padEnd(106, "x")}\r\n`),
    reason: LONG_LINE,
  },
  { name: "IPv4 without CRLF", bytes: line("PROXY TCP4 1".padEnd(107, "1")), reason: LONG_LINE },
  { name: "LF alone", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n"), reason: CRLF },
  { name: "CR alone", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rG"), reason: CRLF },
  { name: "a tab", bytes: line("PROXY TCP4\t1.2.3.4 5.6.7.8 1 2\r\n"), reason: PROTOCOL },
  { name: "a tab between addresses", bytes: line("PROXY TCP4 1.2.3.4\t5.6.7.8 1 2\r\n"), reason: STRAY },
  { name: "a NUL", bytes: line("PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n"), reason: STRAY },
  { name: "a name for an address", bytes: line("PROXY TCP4 localhost 5.6.7.8 1 2\r\n"), reason: STRAY },
  { name: "a negative port", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n"), reason: STRAY },
  { name: "a fifth field", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n"), reason: STRAY },
  { name: "a space at the end", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n"), reason: STRAY },
  { name: "a zone", bytes: line("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), reason: STRAY },
  { name: "brackets", bytes: line("PROXY TCP6 [::1] ::1 1 2\r\n"), reason: STRAY },
  { name: "two spaces between addresses", bytes: line("PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n"), reason: STRAY },
  { name: "an address without port", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n"), reason: /port/ },
  { name: "no addresses", bytes: line("PROXY TCP4 \r\n"), reason: /not of IPv4/ },
  {
    name: "leading zeros in an address",
    bytes: line("PROXY TCP4 1.2.3.04 5.6.7.8 1 2\r\n"),
    reason: /not of IPv4/,
  },
  { name: "256", bytes: line("PROXY TCP4 1.2.3.256 5.6.7.8 1 2\r\n"), reason: /not of IPv4/ },
  { name: "three numbers", bytes: line("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n"), reason: /not of IPv4/ },
  { name: "five numbers", bytes: line("PROXY TCP4 1.2.3.4.5 5.6.7.8 1 2\r\n"), reason: /not of IPv4/ },
  {
    name: "hexadecimal digits in IPv4",
    bytes: line("PROXY TCP4 a.b.c.d 5.6.7.8 1 2\r\n"),
    reason: /not of IPv4/,
  },
  { name: "IPv6 in TCP4", bytes: line("PROXY TCP4 ::1 ::1 1 2\r\n"), reason: /not of IPv4/ },
  {
    name: "a destination of IPv6 in TCP4",
    bytes: line("PROXY TCP4 1.2.3.4 ::1 1 2\r\n"),
    reason: /not of IPv4/,
  },
  { name: "IPv4 in TCP6", bytes: line("PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n"), reason: /not of IPv6/ },
  { name: "seven groups", bytes: line("PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "nine groups", bytes: line("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n"), reason: /not of IPv6/ },
  {
    name: "eight groups and ::",
    bytes: line("PROXY TCP6 1:2:3:4::5:6:7:8 ::1 1 2\r\n"),
    reason: /not of IPv6/,
  },
  { name: "two ::", bytes: line("PROXY TCP6 1::2::3 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "three colons", bytes: line("PROXY TCP6 1:::2 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "a group of five digits", bytes: line("PROXY TCP6 12345::1 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "IPv4 in front of ::", bytes: line("PROXY TCP6 1.2.3.4::1 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "a colon in front", bytes: line("PROXY TCP6 :1:2:3:4:5:6:7 ::1 1 2\r\n"), reason: /not of IPv6/ },
  { name: "the port 65536", bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n"), reason: /0 to 65535/ },
  {
    name: "a port with a leading zero",
    bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 1 02\r\n"),
    reason: /0 to 65535/,
  },
  {
    name: "a port of many digits",
    bytes: line("PROXY TCP4 1.2.3.4 5.6.7.8 100000 2\r\n"),
    reason: /0 to 65535/,
  },
  {
    name: "a signature with another byte",
    bytes: Buffer.from("0d0a0d0a000d0a515549540b", "hex"),
    reason: NO_HEADER,
  },
  { name: "version 1 in binary", bytes: binary("11", "11", FOUR), reason: /version/ },
  { name: "version 3", bytes: binary("31", "11", FOUR), reason: /version/ },
  { name: "another command", bytes: binary("22", "11", FOUR), reason: /command/ },
  { name: "another family", bytes: binary("21", "41", FOUR), reason: /family or the transport/ },
  { name: "another transport", bytes: binary("21", "13", FOUR), reason: /family or the transport/ },
  { name: "a size below that of the addresses", bytes: binary("21", "11", FOUR, 11), reason: /too short/ },
  { name: "a size below that of IPv6", bytes: binary("21", "21", FOUR), reason: /too short/ },
  { name: "a size below that of Unix sockets", bytes: binary("21", "31", SIX), reason: /too short/ },
  {
    name: "a size above the bound",
    bytes: binary("21", "11", "", 4_632 - 16 + 1),
    reason: /more than 4632 bytes/,
  },
  { name: "the largest size", bytes: binary("21", "11", "", 0xffff), reason: /more than 4632 bytes/ },
  {
    name: "LOCAL with a size above the bound",
    bytes: binary("20", "00", "", 0xffff),
    reason: /more than 4632 bytes/,
  },
  { name: "a byte behind the addresses", bytes: binary("21", "11", `${FOUR}00`), reason: TLVS },
  { name: "two bytes behind the addresses", bytes: binary("21", "11", `${FOUR}0400`), reason: TLVS },
  {
    name: "a TLV that is longer than the header",
    bytes: binary("21", "11", `${FOUR}010003aabb`),
    reason: TLVS,
  },
  { name: "half a TLV behind another", bytes: binary("21", "11", `${FOUR + tlv(1, "h2")}02`), reason: TLVS },
  { name: "a checksum of three bytes", bytes: binary("21", "11", FOUR + tlv(3, "abc")), reason: TLVS },
  {
    name: "a wrong checksum",
    bytes: binary("21", "11", FOUR + tlv(3, "abcd")),
    reason: /checksum of the PROXY header is wrong/,
  },
  {
    name: "a checksum of other addresses",
    bytes: Buffer.from(SIGNATURE + AWS.replace("ac1f0771", "ac1f0772"), "hex"),
    reason: /checksum of the PROXY header is wrong/,
  },
  { name: "a wrong checksum in LOCAL", bytes: binary("20", "00", tlv(3, "abcd")), reason: /checksum/ },
  {
    name: "two checksums",
    bytes: binary("21", "11", FOUR + tlv(3, "abcd") + tlv(3, "abcd")),
    reason: /two checksums/,
  },
];
