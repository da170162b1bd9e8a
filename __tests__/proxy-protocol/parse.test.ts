import { Buffer } from "node:buffer";
import fc from "../support/fast-check.js";
import { BadHeader, MAX_HEADER_BYTES, MAX_LINE_BYTES } from "../../src/proxy-protocol/header.js";
import { parseHeader } from "../../src/proxy-protocol/parse.js";
import { BAD_HEADERS, binary, GOOD_HEADERS } from "../support/proxy-headers.js";

const NO_ENDS = {
  sourceAddress: undefined,
  sourcePort: undefined,
  destinationAddress: undefined,
  destinationPort: undefined,
};

/** What the parser says of bytes that come one by one: the header, or what it refuses them with, and after how many. */
function parsedByteByByte(bytes: Buffer) {
  for (let size = 0; size <= bytes.length; size++) {
    try {
      const parsed = parseHeader(bytes.subarray(0, size));
      if (typeof parsed !== "number") return { parsed, after: size };
      // It asks for more than there is, and never for more than a header has.
      expect(parsed).toBeGreaterThan(size);
    } catch (error) {
      return { error, after: size };
    }
  }
  return { after: bytes.length };
}

describe.each(GOOD_HEADERS)("$name", ({ bytes, says, tlvs = [] }) => {
  const facts = { ...NO_ENDS, ...says, tlvs: new Map(tlvs) };

  test("is read", () => {
    expect(parseHeader(bytes)).toEqual({ facts, size: bytes.length });
  });

  test("is read with bytes behind it, which are left", () => {
    for (const behind of ["x", "\r\n", "PROXY UNKNOWN\r\n", "\0".repeat(8_192)]) {
      expect(parseHeader(Buffer.concat([bytes, Buffer.from(behind)]))).toEqual({ facts, size: bytes.length });
    }
  });

  test("needs all of its bytes: each prefix asks for more, up to the whole header at most", () => {
    for (let size = 0; size < bytes.length; size++) {
      const needed = parseHeader(bytes.subarray(0, size));
      expect(needed).toBeGreaterThan(size);
      expect(needed).toBeLessThanOrEqual(bytes.length);
    }
  });
});

describe.each(BAD_HEADERS)("$name", ({ bytes, reason }) => {
  test("is refused", () => {
    expect(() => parseHeader(bytes)).toThrow(BadHeader);
    expect(() => parseHeader(bytes)).toThrow(reason);
  });

  test("is refused byte by byte as well, and its prefixes until then ask for more", () => {
    const { error } = parsedByteByByte(bytes);
    expect(error).toBeInstanceOf(BadHeader);
  });
});

test("no byte more than necessary is waited for before what is no header is refused", () => {
  const after = (text: string) => parsedByteByByte(Buffer.from(text, "latin1")).after;
  expect(after("GET / HTTP/1.1\r\n")).toBe(1);
  expect(after("POST / HTTP/1.1\r\n")).toBe(2);
  expect(after("PROXY TCP7")).toBe(10);
  expect(after("PROXY TCP4 x")).toBe(12);
  expect(after("\r\n\r\nGET")).toBe(5);
  expect(parsedByteByByte(binary("31", "11")).after).toBe(13);
  expect(parsedByteByByte(binary("21", "41")).after).toBe(14);
  expect(parsedByteByByte(binary("21", "11", "", 0xffff)).after).toBe(16);
});

test("the memory of a value is its own: a program can transfer it", () => {
  const { bytes } = GOOD_HEADERS.find(({ name }) => name.startsWith("AWS")) ?? { bytes: Buffer.alloc(0) };
  const parsed = parseHeader(bytes);
  if (typeof parsed === "number") throw new Error("it is whole");
  for (const value of parsed.facts.tlvs.values()) expect(value.buffer.byteLength).toBe(value.length);
  expect(Object.isFrozen(parsed.facts)).toBe(true);
});

/** Bytes that are no header, or nearly one. */
const nearHeader = fc
  .tuple(
    fc.constantFrom(...GOOD_HEADERS.map(({ bytes }) => bytes), ...BAD_HEADERS.map(({ bytes }) => bytes)),
    fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
    fc.uint8Array({ maxLength: 200 }),
  )
  .map(([bytes, changes, behind]) => {
    const changed = Buffer.concat([bytes, behind]);
    for (const [at, value] of changes) changed[at % changed.length] = value;
    return changed;
  });

test("whatever comes, the parser answers with a header within the bytes, with a bounded size, or refuses", () => {
  const arbitrary = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ maxLength: 200 }).map((text) => Buffer.from(`PROXY TCP4 ${text}`)),
    fc
      .uint8Array({ maxLength: 300 })
      .map((rest) => Buffer.concat([binary("21", "11").subarray(0, 12), rest])),
    nearHeader,
  );
  const seen = { header: 0, more: 0, refused: 0 };
  fc.assert(
    fc.property(arbitrary, (bytes) => {
      try {
        const parsed = parseHeader(bytes);
        if (typeof parsed === "number") {
          expect(parsed).toBeGreaterThan(bytes.length);
          expect(parsed).toBeLessThanOrEqual(bytes[0] === 0x50 ? MAX_LINE_BYTES : MAX_HEADER_BYTES);
          seen.more++;
        } else {
          expect(parsed.size).toBeLessThanOrEqual(bytes.length);
          seen.header++;
        }
      } catch (error) {
        if (!(error instanceof BadHeader)) throw error;
        seen.refused++;
      }
    }),
    { numRuns: 3_000 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
});

test("what is refused stays refused, and a header stays the same, however many bytes are there", () => {
  fc.assert(
    fc.property(nearHeader, fc.infiniteStream(fc.nat(40)), (bytes, steps) => {
      const whole = outcomeOf(bytes);
      let size = 0;
      for (const step of steps) {
        size = Math.min(size + step, bytes.length);
        const outcome = outcomeOf(bytes.subarray(0, size));
        if (typeof outcome === "number") expect(outcome).toBeGreaterThan(size);
        else if (outcome === "refused") expect(whole).toBe("refused");
        else expect(whole).toEqual(outcome);
        if (size === bytes.length) break;
      }
    }),
  );
});

function outcomeOf(bytes: Buffer) {
  try {
    return parseHeader(bytes);
  } catch {
    return "refused";
  }
}
