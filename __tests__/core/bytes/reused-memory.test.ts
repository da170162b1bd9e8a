import { ReusedMemory, type Ring } from "../../../src/core/bytes/reused-memory.js";

const FULL = 64 * 1024;

function filled(size: number, byte: number): Buffer {
  return Buffer.alloc(size, byte);
}

function nextOf({ ring }: ReusedMemory): Buffer {
  return (ring as Ring).next();
}

test("lent memory is copied, into the same memory each time", () => {
  const recycled = new ReusedMemory();
  const slab = filled(FULL, 1);
  const first = recycled.view(slab, 1_000, true);
  expect(first).toEqual(filled(1_000, 1));
  slab.fill(2);
  expect(first).toEqual(filled(1_000, 1));
  const second = recycled.view(slab, 900, true);
  expect(second).toEqual(filled(900, 2));
  expect(second.buffer).toBe(first.buffer);
  expect(second.buffer.byteLength).toBe(1_024);
});

test("given memory is not copied", () => {
  const memory = filled(50_000, 1);
  expect(new ReusedMemory().view(memory, memory.length, false)).toBe(memory);
  expect(new ReusedMemory().view(memory, 40_000, false).buffer).toBe(memory.buffer);
});

test("a read that fills its memory begins a ring; the next read goes to memory that is not in use", () => {
  const recycled = new ReusedMemory();
  expect(recycled.ring).toBeNull();
  const view = recycled.view(filled(FULL, 1), FULL, true);
  const next = nextOf(recycled);
  next.fill(2);
  expect(view).toEqual(filled(FULL, 1));
  const after = nextOf(recycled);
  expect([next.buffer === view.buffer, after.buffer === view.buffer]).toEqual([false, true]);
});

test("a ring never reads twice in a row to the same place in a page", () => {
  const recycled = new ReusedMemory();
  recycled.view(filled(FULL, 1), FULL, true);
  const places = new Map<ArrayBufferLike, number[]>();
  for (let read = 0; read < 128; read++) {
    const { buffer, byteOffset, length } = nextOf(recycled);
    expect(length).toBe(FULL);
    places.set(buffer, [...(places.get(buffer) ?? []), byteOffset % 4096]);
  }
  expect(places.size).toBe(2);
  for (const offsets of places.values()) expect(new Set(offsets).size).toBe(32);
});

test("a read while an arrival is ahead goes to a third piece of memory", () => {
  const recycled = new ReusedMemory();
  recycled.view(filled(FULL, 1), FULL, true);
  const ring = recycled.ring as Ring;
  let held = ring.next();
  let ahead = ring.next();
  for (let round = 0; round < 6; round++) {
    const next = ring.next(true);
    expect([held.buffer, ahead.buffer]).not.toContain(next.buffer);
    [held, ahead] = [ahead, next];
  }
  // The loop has caught up: two pieces are enough again.
  const last = ring.next();
  expect(last.buffer).not.toBe(ahead.buffer);
  expect(ring.next().buffer).toBe(ahead.buffer);
});

test("reads that fill a ring make it larger, up to a bound, and do not change what the loop has", () => {
  const recycled = new ReusedMemory();
  recycled.view(filled(FULL, 1), FULL, true);
  const sizes = [];
  for (let round = 0; round < 4; round++) {
    const { ring } = recycled;
    const next = nextOf(recycled);
    next.fill(round);
    sizes.push(next.length);
    expect(recycled.view(next, next.length, false)).toBe(next);
    if (round < 2) expect(recycled.ring).not.toBe(ring);
  }
  expect(sizes).toEqual([FULL, 2 * FULL, 4 * FULL, 4 * FULL]);
});

test("a ring that is not filled stays as it is", () => {
  const recycled = new ReusedMemory();
  recycled.view(filled(FULL, 1), FULL, true);
  const { ring } = recycled;
  recycled.view(nextOf(recycled), FULL - 1, false);
  expect(recycled.ring).toBe(ring);
});

test("a row of small reads gives up all large memory, unless a large read comes between", () => {
  const recycled = new ReusedMemory();
  const slab = filled(FULL, 1);
  recycled.view(slab, 60_000, true);
  recycled.view(slab, FULL, true);
  for (let n = 0; n < 15; n++) recycled.view(slab, 10, true);
  recycled.view(slab, 30_000, true);
  for (let n = 0; n < 15; n++) recycled.view(slab, 10, true);
  expect(recycled.ring).not.toBeNull();
  const last = recycled.view(slab, 10, true);
  expect(recycled.ring).toBeNull();
  expect(last.buffer.byteLength).toBe(16);
});

test("lent memory is copied whole, also when it is more than one read can bring", () => {
  const recycled = new ReusedMemory();
  for (const size of [FULL + 1, 3 * FULL, FULL, 10, 2 * FULL]) {
    expect(recycled.view(filled(size, 1), size, true)).toEqual(filled(size, 1));
  }
});
