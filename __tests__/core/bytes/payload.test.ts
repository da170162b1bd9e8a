import { isBelow, type Payload } from "../../../src/core/bytes/payload.js";

test.each<[string, Payload]>([
  ["a text", "four"],
  ["a text of fewer characters than bytes", "éé"],
  ["a view", Buffer.from("four")],
  ["a list", ["fo", Buffer.from("ur")]],
])("%s of 4 bytes is below 5 bytes, and not below 4", (_, payload) => {
  expect([isBelow(payload, 5), isBelow(payload, 4), isBelow(payload, 1)]).toEqual([true, false, false]);
});

test("large parts of a list count by their bytes, not by their number", () => {
  expect(isBelow([Buffer.alloc(1_000), "x".repeat(1_000)], 2_000)).toBe(false);
  expect(isBelow([Buffer.alloc(1_000), "x".repeat(1_000)], 2_001)).toBe(true);
});
