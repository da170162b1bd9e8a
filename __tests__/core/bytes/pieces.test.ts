import fc from "../../support/fast-check.js";
import { partsOf, type Payload } from "../../../src/core/bytes/payload.js";
import { fitsInto, piecesOf } from "../../../src/core/bytes/pieces.js";
import { MAX_HANDED_BYTES } from "../../../src/core/transport/kernel.js";

const MIB = 1024 * 1024;

/** What the kernel would get: each text is encoded by itself. */
function sent(payloads: readonly Payload[]): Buffer {
  return Buffer.concat(payloads.flatMap(partsOf).map((part) => Buffer.from(part as string)));
}

const part = fc.oneof(
  fc.string({ unit: "binary", minLength: 1, maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("a", "é", "€", "𝄞", "\ud834", "\udd1e"), minLength: 1, maxLength: 40 }),
  fc.uint8Array({ minLength: 1, maxLength: 60 }),
);

test("pieces are the payload, in order, and each of them fits", () => {
  const payload = fc.oneof(part, fc.array(part, { maxLength: 12 }));
  fc.assert(
    fc.property(payload, fc.integer({ min: 6, max: 80 }), (whole: Payload, maxBytes) => {
      const pieces = [...piecesOf(whole, maxBytes)];
      expect(sent(pieces)).toEqual(sent([whole]));
      for (const piece of pieces) {
        expect(partsOf(piece).length).toBeGreaterThan(0);
        expect(fitsInto(maxBytes, piece)).toBe(true);
      }
      if (fitsInto(maxBytes, whole)) expect(pieces.length).toBeLessThan(2);
    }),
  );
});

test.each([
  ["a text", "x".repeat(MAX_HANDED_BYTES / 3 + 1), 2],
  ["a list of texts", Array<string>(720).fill("x".repeat(MIB)), 18],
  ["a view", Buffer.alloc(MAX_HANDED_BYTES + 1), 2],
  ["a list of views", Array<Buffer>(72).fill(Buffer.alloc(64 * MIB)), 36],
])("%s that is too large comes in few pieces", (_, payload, count) => {
  expect(fitsInto(MAX_HANDED_BYTES, payload)).toBe(false);
  expect([...piecesOf(payload, MAX_HANDED_BYTES)].length).toBe(count);
});

test("memory that was given away after the first piece fails the next one", () => {
  const memory = Buffer.alloc(100);
  const pieces = piecesOf([memory, "end"], 40);
  pieces.next();
  structuredClone(memory.buffer, { transfer: [memory.buffer] });
  expect(() => pieces.next()).toThrow(TypeError);
});
