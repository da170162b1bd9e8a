import fc from "../../support/fast-check.js";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";

/** Few different bytes, so that needles are found, and in no short period. */
function bytesFrom(position: number, size: number): Buffer<ArrayBuffer> {
  return Buffer.from(
    Array.from({ length: size }, (_, n) => (Math.imul(position + n, 2_654_435_761) >>> 29) & 3),
  );
}

type Step =
  | { readonly kind: "copy" | "append"; readonly size: number }
  | {
      readonly kind: "peek" | "take" | "takeAfter" | "takeRun" | "takeInto" | "skip" | "at";
      readonly share: number;
    }
  | { readonly kind: "indexOf"; readonly needle: Uint8Array; readonly share: number }
  | { readonly kind: "putBack"; readonly sizes: readonly number[] }
  | { readonly kind: "clear" };

const share = fc.double({ min: 0, max: 1, noNaN: true });
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 6_000 }) },
);
/** The block size of small arrivals: below and above some of the sizes above. */
const blockSize = fc.constantFrom(2, 16, 4_096);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom("copy" as const, "append" as const), size }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom("peek", "take", "takeAfter", "takeRun", "takeInto", "skip", "at"),
      share,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("indexOf" as const),
      needle: fc.uint8Array({ minLength: 1, maxLength: 6, max: 3 }),
      share,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("putBack" as const), sizes: fc.array(size, { maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "clear" as const }) },
);

/** The queue and what should be in it. */
class Model {
  readonly queue: ByteQueue;
  expected = Buffer.alloc(0);
  sent = 0;
  position = 0;
  /** All that was taken out, which must stay as it was. */
  readonly kept: { readonly given: Buffer; readonly copy: Buffer }[] = [];

  constructor(blockSize: number) {
    this.queue = new ByteQueue(blockSize);
  }

  perform(step: Step): void {
    const { queue, expected } = this;
    switch (step.kind) {
      case "copy": {
        const memory = Buffer.concat([bytesFrom(this.sent, step.size), Buffer.alloc(9, 9)]);
        queue.copy(memory, step.size);
        this.#sent(step.size);
        memory.fill(9);
        return;
      }
      case "append":
        queue.append(bytesFrom(this.sent, step.size));
        this.#sent(step.size);
        return;
      case "take":
        this.#took(queue.take(this.#within(step.share)), this.#within(step.share));
        return;
      case "takeAfter": {
        const skipped = this.#within(step.share);
        const size = (expected.length - skipped) >> 1;
        const taken = queue.take(size, skipped);
        this.#drop(skipped);
        this.#took(taken, size);
        return;
      }
      case "peek": {
        const size = this.#within(step.share);
        const given = queue.peek(size);
        expect(given.equals(expected.subarray(0, size))).toBe(true);
        this.kept.push({ given, copy: Buffer.from(given) });
        return;
      }
      case "takeRun": {
        if (expected.length === 0) return;
        const run = queue.takeRun();
        expect(run.length).toBeGreaterThan(0);
        this.#took(run, run.length);
        return;
      }
      case "takeInto": {
        const target = Buffer.alloc(this.#within(step.share) + 2, 9);
        const filled = queue.takeInto(target);
        expect(filled).toBe(Math.min(target.length, expected.length));
        expect(target.subarray(filled).every((byte) => byte === 9)).toBe(true);
        this.#took(target.subarray(0, filled), filled);
        return;
      }
      case "skip":
        queue.skip(this.#within(step.share));
        this.#drop(this.#within(step.share));
        return;
      case "at": {
        const position = Math.min(this.#within(step.share), expected.length - 1);
        if (position < 0) return;
        expect(queue.at(position)).toBe(expected[position]);
        const bytes = Math.min(6, expected.length - position);
        expect(queue.unsignedAt(position, bytes, false)).toBe(expected.readUIntBE(position, bytes));
        expect(queue.unsignedAt(position, bytes, true)).toBe(expected.readUIntLE(position, bytes));
        const run = queue.runAt(position);
        expect(run.length).toBeGreaterThan(0);
        expect(run.equals(expected.subarray(position, position + run.length))).toBe(true);
        return;
      }
      case "indexOf": {
        const from = this.#within(step.share);
        expect(queue.indexOf(step.needle, from)).toBe(expected.indexOf(step.needle, from));
        return;
      }
      case "putBack": {
        const before = queue.position + queue.length;
        const chunks = step.sizes.map((length, n) => bytesFrom(this.sent + n, length));
        queue.putBack(chunks);
        this.expected = Buffer.concat([...chunks, expected]);
        for (const chunk of chunks) chunk.fill(9);
        expect(queue.position).toBeGreaterThan(before);
        this.position = queue.position;
        return;
      }
      case "clear":
        queue.clear();
        this.#drop(expected.length);
        return;
    }
  }

  check(): void {
    const { queue, expected, position } = this;
    expect(queue.length).toBe(expected.length);
    expect(queue.position).toBe(position);
    const run = queue.peekRun();
    expect(run.equals(expected.subarray(0, run.length))).toBe(true);
    expect(run.length > 0).toBe(expected.length > 0);
  }

  #within(share: number): number {
    return Math.round(share * this.expected.length);
  }

  #sent(size: number): void {
    this.expected = Buffer.concat([this.expected, bytesFrom(this.sent, size)]);
    this.sent += size;
  }

  #took(given: Buffer, size: number): void {
    expect(given.equals(this.expected.subarray(0, size))).toBe(true);
    this.kept.push({ given, copy: Buffer.from(given) });
    this.#drop(size);
  }

  #drop(size: number): void {
    this.expected = this.expected.subarray(size);
    this.position += size;
  }
}

test("a byte queue behaves as one buffer does, and what was taken does not change", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), blockSize, (steps, most) => {
      const model = new Model(most);
      for (const step of steps) {
        model.perform(step);
        model.check();
      }
      for (const { given, copy } of model.kept) expect(given.equals(copy)).toBe(true);
      const memories = model.kept.map(({ given }) => given.buffer);
      expect(new Set(memories).size).toBe(memories.length);
    }),
    { numRuns: 400 },
  );
});

test("a needle is found across any number of pieces", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 3, max: 1 }), { minLength: 1, maxLength: 40 }),
      fc.uint8Array({ minLength: 1, maxLength: 8, max: 1 }),
      (pieces, needle) => {
        const queue = new ByteQueue(2);
        for (const piece of pieces) queue.append(Buffer.from(piece));
        const whole = Buffer.concat(pieces);
        for (let from = 0; from <= whole.length; from++) {
          expect(queue.indexOf(needle, from)).toBe(whole.indexOf(needle, from));
        }
      },
    ),
  );
});

test.each(["copied", "appended"])(
  "single bytes that are %s share memory instead of costing an object each",
  (how) => {
    const queue = new ByteQueue();
    const byte = Buffer.of(7);
    for (let n = 0; n < 5_000; n++) {
      if (how === "copied") queue.copy(byte, 1);
      else queue.append(byte);
    }
    let runs = 0;
    for (; queue.length > 0; runs++) queue.takeRun();
    expect(runs).toBeLessThan(10);
  },
);

test("a search does not look at old bytes in the memory that arrivals share", () => {
  // If each of the searches looked at them, this test would take minutes.
  const size = 4 * 1024 * 1024;
  const queue = new ByteQueue(size);
  queue.copy(Buffer.alloc(size / 4, "ab"), size / 4);
  queue.clear();
  const needle = Buffer.from("aab");
  for (let at = 0; at < 50_000; at++) {
    queue.copy(Buffer.from("a"), 1);
    if (queue.indexOf(needle, Math.max(0, at - 1)) !== -1) break;
  }
  expect(queue.length).toBe(50_000);
  queue.copy(Buffer.from("b"), 1);
  expect(queue.indexOf(needle, 49_998)).toBe(49_998);
});

test.each([32, 4_096])(
  "a needle behind many false starts is found in memory of %i bytes, and only among those that have arrived",
  (blockSize) => {
    const queue = new ByteQueue(blockSize);
    queue.copy(Buffer.from("aaaaaaaaab"), 10);
    queue.clear();
    queue.copy(Buffer.from("-aaaaaaab"), 9);
    expect(queue.indexOf(Buffer.from("ab"), 0)).toBe(7);
    queue.clear();
    queue.copy(Buffer.from("aaaaaaaaab"), 10);
    queue.clear();
    queue.copy(Buffer.from("-aaaaaaaa"), 9);
    expect(queue.indexOf(Buffer.from("ab"), 0)).toBe(-1);
    expect(queue.indexOf(Buffer.from("aaaaaaaa"), 0)).toBe(1);
  },
);

test("what is near the end is found without a walk over all that is before it", () => {
  // If each of the searches walked over all pieces, this test would take minutes.
  const pieces = 200_000;
  const queue = new ByteQueue(2);
  const needle = Buffer.from("b");
  for (let at = 0; at < pieces; at++) {
    queue.copy(Buffer.from("a"), 1);
    if (queue.indexOf(needle, at) !== -1 || queue.at(at) !== 97 || queue.runAt(at).length !== 1) break;
  }
  expect(queue.length).toBe(pieces);
  queue.copy(needle, 1);
  expect(queue.indexOf(needle, pieces - 1)).toBe(pieces);
});

test("bytes that are put back one at a time share memory, too", () => {
  const queue = new ByteQueue();
  for (let n = 0; n < 5_000; n++) queue.putBack([Buffer.of(n)]);
  let runs = 0;
  for (; queue.length > 0; runs++) queue.takeRun();
  expect(runs).toBeLessThan(10);
});

test("later arrivals do not change what was taken", () => {
  const queue = new ByteQueue();
  const taken: Buffer[] = [];
  for (const word of ["first", "second", "third"]) {
    queue.copy(Buffer.from(word), word.length);
    if (word !== "first") taken.push(queue.take(4), queue.takeRun());
  }
  for (let n = 0; n < 100; n++) queue.copy(Buffer.from("xxxxxxxx"), 8);
  expect(Buffer.concat(taken).toString()).toBe("firstsecondthird");
});

test("a large arrival taken whole is not copied; a small part of it does not keep its memory", () => {
  const queue = new ByteQueue();
  const whole = Buffer.alloc(60_000, 1);
  queue.append(whole);
  expect(queue.takeRun()).toBe(whole);
  queue.append(whole);
  for (const size of [4, 100, 30_000]) expect(queue.take(size).buffer.byteLength).toBe(size);
  const rest = queue.length;
  expect(queue.takeRun().buffer.byteLength).toBe(rest);
  queue.append(whole.subarray(0, 5_000));
  expect(queue.takeRun().buffer.byteLength).toBe(5_000);
});

test("a large arrival behind bytes that are dropped is not copied", () => {
  const queue = new ByteQueue();
  const large = Buffer.alloc(10_000, "x");
  queue.copy(Buffer.from("head"), 4);
  queue.append(large);
  queue.copy(Buffer.from("next"), 4);
  expect(queue.take(10_000, 4).buffer).toBe(large.buffer);
  expect(queue.take(2, 2).toString()).toBe("xt");
  expect(queue.length).toBe(0);
});

test("an empty arrival changes nothing", () => {
  const queue = new ByteQueue(2);
  queue.copy(Buffer.alloc(0), 0);
  queue.append(Buffer.alloc(0));
  expect(queue.length).toBe(0);
  expect(queue.peekRun()).toHaveLength(0);
  queue.append(Buffer.from("a"));
  queue.copy(Buffer.alloc(0), 0);
  queue.append(Buffer.from("b"));
  expect([queue.takeRun().toString(), queue.takeRun().toString()]).toEqual(["a", "b"]);
});

test("of two bytes the nearer one is found, however far away it is, and however the bytes are cut into blocks", () => {
  const [A, B] = [10, 13];
  const places = [0, 1, 63, 64, 65, 319, 320, 321, 1_343, 1_344, 1_345, 5_998, 5_999, Infinity];
  for (const blockSize of [16, 4_096]) {
    for (const a of places) {
      for (const b of places) {
        const bytes = Buffer.alloc(6_000);
        if (a !== Infinity) bytes[a] = A;
        if (b !== Infinity) bytes[b] = B;
        const queue = new ByteQueue(blockSize);
        if (blockSize > 16) queue.append(bytes);
        else for (let at = 0; at < bytes.length; at += 15) queue.copy(bytes.subarray(at, at + 15), 15);
        for (const from of [0, 1, 64, 320, 6_000]) {
          const nearest = Math.min(...[a, b].filter((place) => place >= from));
          expect(queue.indexOfEither(A, B, from)).toBe(nearest === Infinity ? -1 : nearest);
        }
      }
    }
  }
});
