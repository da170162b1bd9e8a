import fc from "../../support/fast-check.js";
import { Gather } from "../../../src/core/bytes/gather.js";
import { sizeOf, type Payload } from "../../../src/core/bytes/payload.js";

/** What arrives when a payload is sent: each part is encoded for itself. */
function sent(payload: Payload): Buffer {
  if (typeof payload === "string") return Buffer.from(payload);
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  return Buffer.concat(payload.map((part) => sent(part)));
}

const codeUnit = fc.oneof(
  fc.constantFrom(0x61, 0xe9, 0x20ac, 0xd834, 0xdd1e, 0xdbff, 0xdc00),
  fc.integer({ min: 0, max: 0xffff }),
);
const words = fc
  .array(codeUnit, { minLength: 1, maxLength: 6 })
  .map((units) => String.fromCharCode(...units));
const view = fc.uint8Array({ minLength: 1, maxLength: 40 });
const part = fc.oneof(words, view);
const payload = fc.oneof(words, view, fc.array(part, { minLength: 2, maxLength: 4 }));
const round = fc.array(payload, { minLength: 1, maxLength: 15 });

test("gathered writes are the same bytes as writes that are sent one by one", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.array(round, { maxLength: 4 }), (blockSize, rounds) => {
      const gather = new Gather(blockSize);
      const taken: { payload: Payload; expected: Buffer }[] = [];
      for (const payloads of rounds) {
        const expected = Buffer.concat(payloads.map(sent));
        for (const each of payloads) {
          gather.add(each);
          // The caller may overwrite its memory.
          for (const memory of [each].flat()) if (typeof memory !== "string") memory.fill(0);
        }
        expect(gather.size).toBe(expected.length);
        taken.push({ payload: gather.take(), expected });
        expect(gather.size).toBe(0);
      }
      // What was taken is not touched by what was gathered later.
      for (const each of taken) expect(sent(each.payload).equals(each.expected)).toBe(true);
    }),
    { numRuns: 1_000 },
  );
});

test("it is full at bufferSize bytes, however often that is asked", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 64 }),
      fc.array(fc.tuple(payload, fc.boolean()), { maxLength: 15 }),
      (blockSize, writes) => {
        const gather = new Gather(blockSize);
        let size = 0;
        for (const [each, asked] of writes) {
          gather.add(each);
          size += sent(each).length;
          if (asked) expect(gather.isFull).toBe(size >= blockSize);
        }
        expect(gather.isFull).toBe(size >= blockSize);
        expect(gather.isEmpty).toBe(size === 0);
        expect(sent(gather.take())).toHaveLength(size);
        expect(gather.isEmpty).toBe(true);
      },
    ),
    { numRuns: 1_000 },
  );
});

test("text is gathered into one string", () => {
  const gather = new Gather(1_000);
  for (const word of ["one ", "two ", "𝄞"]) gather.add(word);
  expect(gather.size).toBe(12);
  expect(gather.take()).toBe("one two 𝄞");
});

test("views are gathered into one piece of memory", () => {
  const gather = new Gather(1_000);
  for (let n = 0; n < 100; n++) gather.add(Buffer.of(n));
  const taken = gather.take();
  expect(taken).toBeInstanceOf(Uint8Array);
  expect(taken).toHaveLength(100);
});

test("a huge bufferSize takes no more memory than the bytes that are gathered", () => {
  const gather = new Gather(Number.MAX_SAFE_INTEGER);
  const large = Buffer.alloc(100_000, "large");
  for (const each of ["head", Buffer.from("tail"), large, Buffer.from("last")]) gather.add(each);
  expect(gather.isFull).toBe(false);
  expect(sent(gather.take()).toString()).toBe(`headtail${large.toString()}last`);
});

test("more text than fits into one string is gathered", () => {
  const gather = new Gather(Infinity);
  const text = "x".repeat(2 ** 26);
  for (let count = 0; count < 9; count++) gather.add(text);
  gather.add("end");
  expect(gather.size).toBe(9 * text.length + 3);
  const taken = gather.take();
  expect([sizeOf(taken), taken.length]).toEqual([9 * text.length + 3, 10]);
});

test("the halves of a surrogate pair in two writes are not joined", () => {
  const gather = new Gather(1_000);
  gather.add("\ud834");
  gather.add("\udd1e");
  expect(sent(gather.take()).toString()).toBe("\ufffd\ufffd");
  gather.add("x\ud834\udd1e");
  expect(sent(gather.take()).toString()).toBe("x𝄞");
});

test("cleared bytes are not sent", () => {
  const gather = new Gather(1_000);
  gather.add("dropped");
  gather.add(Buffer.from("dropped"));
  gather.clear();
  expect(gather.size).toBe(0);
  gather.add("kept");
  expect(sent(gather.take()).toString()).toBe("kept");
});
