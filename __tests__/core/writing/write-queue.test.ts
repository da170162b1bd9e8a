import fc from "../../support/fast-check.js";
import { Entry, WriteQueue } from "../../../src/core/writing/write-queue.js";

/** All entries, from the first to the last, as the links have them. */
function entriesOf(queue: WriteQueue): Entry[] {
  const entries: Entry[] = [];
  for (let { first: entry } = queue; entry !== null; entry = entry.next) {
    expect(entry.previous).toBe(entries.at(-1) ?? null);
    entries.push(entry);
  }
  return entries;
}

test("entries leave in the order in which they came; any of them can be removed", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), size: fc.nat(50) }),
    fc.record({ kind: fc.constant("shift" as const) }),
    fc.record({
      kind: fc.constant("remove" as const),
      share: fc.double({ min: 0, max: 0.999, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new WriteQueue();
      let expected: Entry[] = [];
      for (const each of steps) {
        if (each.kind === "push") {
          const entry = new Entry("data", "write", Buffer.alloc(each.size));
          queue.push(entry);
          expected.push(entry);
        } else if (each.kind === "shift") {
          expect(queue.shift()).toBe(expected.shift() ?? null);
        } else {
          const chosen = expected[Math.floor(each.share * expected.length)];
          if (chosen === undefined) continue;
          queue.remove(chosen);
          expected = expected.filter((entry) => entry !== chosen);
          expect([chosen.next, chosen.previous]).toEqual([null, null]);
        }
        expect(entriesOf(queue)).toEqual(expected);
        expect(queue.size).toBe(expected.reduce((size, entry) => size + entry.size, 0));
      }
    }),
  );
});

test.each([
  ["an empty write", "", 0],
  ["text, in bytes", "é€𝄞", 9],
  ["a view", new Uint8Array(7), 7],
  ["a list", ["é", new Uint8Array(3)], 5],
])("the size of %s is known", (_, payload, size) => {
  expect(new Entry("data", "write", payload).size).toBe(size);
});

test("only the errors of writes say how much was written", () => {
  expect(new Entry("data", "write", "x").written(false)).toEqual({ written: "nothing" });
  expect(new Entry("data", "write", "x").written(true)).toEqual({ written: "partly" });
  expect(new Entry("gathered", "write", "x").written(false)).toEqual({ written: "partly" });
  expect(new Entry("mark", "write").written(true)).toEqual({});
  expect(new Entry("end", "close").written(true)).toEqual({});
});
