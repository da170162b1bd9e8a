import { Buffer } from "node:buffer";
import fc from "../support/fast-check.js";
import { addressOfBytes } from "../../src/address/ip-bytes.js";
import { encodeHeader, type HeaderParts } from "../../src/proxy-protocol/encode.js";
import { parseHeader } from "../../src/proxy-protocol/parse.js";
import { GOOD_HEADERS } from "../support/proxy-headers.js";

const FOUR: HeaderParts = {
  version: 2,
  source: Buffer.from([192, 0, 2, 1]),
  sourcePort: 56_324,
  destination: Buffer.from([198, 51, 100, 2]),
  destinationPort: 443,
  tlvs: [],
};

/** The bytes of one of the good headers. */
function bytesOf(name: string): Buffer | undefined {
  return GOOD_HEADERS.find((header) => header.name === name)?.bytes;
}

test("a line is what the specification shows", () => {
  const line = encodeHeader({
    ...FOUR,
    version: 1,
    source: Buffer.from([192, 168, 0, 1]),
    destination: Buffer.from([192, 168, 0, 11]),
  });
  expect(line.toString()).toBe("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n");
});

test("a binary header is as others send it", () => {
  expect(encodeHeader(FOUR)).toEqual(bytesOf("TCP over IPv4"));
  expect(encodeHeader("local")).toEqual(bytesOf("LOCAL"));
  const aws = encodeHeader({
    ...FOUR,
    source: Buffer.from([172, 31, 7, 113]),
    sourcePort: 0xc8f2,
    destination: Buffer.from([172, 31, 10, 31]),
    destinationPort: 80,
    tlvs: [
      [3, Buffer.from("any4")],
      [0xea, Buffer.from("\x01vpce-08d2bf15fac5001c9")],
      [4, Buffer.alloc(36)],
    ],
  });
  expect(aws).toEqual(bytesOf("AWS's, with a checksum"));
});

test("what is encoded is read as it was meant", () => {
  const port = fc.nat(65_535);
  const tlvs = fc.uniqueArray(
    fc.tuple(
      fc.nat(255).filter((type) => type !== 4),
      fc.uint8Array({ maxLength: 60 }),
    ),
    { maxLength: 8, selector: ([type]) => type },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, 2 as const),
      fc.constantFrom(4, 16),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      port,
      port,
      tlvs,
      (version, size, bytes, sourcePort, destinationPort, given) => {
        const ends = Buffer.from(bytes);
        // Not one that IPv6 maps, which would be written as IPv4.
        ends[0] = ends[16] = 0x20;
        const source = ends.subarray(0, size);
        const destination = ends.subarray(16, 16 + size);
        const entries = given.map(([type, value]) => [type, type === 3 ? Buffer.alloc(4) : value] as const);
        const sent = version === 1 ? [] : entries;
        const header = encodeHeader({
          version,
          source,
          sourcePort,
          destination,
          destinationPort,
          tlvs: sent,
        });
        const parsed = parseHeader(Buffer.concat([header, Buffer.from("rest")]));
        if (typeof parsed === "number") throw new Error("it is not whole");
        expect(parsed).toMatchObject({
          size: header.length,
          facts: {
            version,
            command: "proxy",
            sourceAddress: addressOfBytes(source),
            sourcePort,
            destinationAddress: addressOfBytes(destination),
            destinationPort,
          },
        });
        const values = (pairs: Iterable<readonly [number, Uint8Array]>) =>
          [...pairs].filter(([type]) => type !== 3).map(([type, value]) => [type, Buffer.from(value)]);
        expect(values(parsed.facts.tlvs)).toEqual(values(sent));
      },
    ),
  );
});
