import { PageShiftedMemory } from "../../../src/core/bytes/page-shifted-memory.js";

const SIZE = 10_000;

test("moved memory begins at another place in a page, until every place was used", () => {
  const memory = new PageShiftedMemory(SIZE);
  const places = [memory.current.byteOffset, ...Array.from({ length: 31 }, () => memory.move().byteOffset)];
  expect(new Set(places.map((place) => place % 4096)).size).toBe(32);
  expect(memory.move().byteOffset).toBe(places[0]);
});

test("it is the same memory, and as large, at every place", () => {
  const memory = new PageShiftedMemory(SIZE);
  const { buffer } = memory.current;
  for (let move = 0; move < 40; move++) {
    expect(memory.move()).toHaveLength(SIZE);
    expect(memory.current.buffer).toBe(buffer);
  }
});

test("it recognizes its own memory, also from before a move", () => {
  const memory = new PageShiftedMemory(SIZE);
  const before = memory.current;
  const after = memory.move();
  expect([before, after].map((each) => memory.has(each))).toEqual([true, true]);
  expect(memory.has(Buffer.alloc(SIZE))).toBe(false);
});

test("it is replaced once the program has transferred it", () => {
  const memory = new PageShiftedMemory(SIZE);
  const before = memory.move();
  structuredClone(before.buffer, { transfer: [before.buffer] });
  expect(before).toHaveLength(0);
  for (let move = 0; move < 40; move++) expect(memory.move()).toHaveLength(SIZE);
});
