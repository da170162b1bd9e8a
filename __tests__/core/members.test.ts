import { Members } from "../../src/core/members.js";

test("members are in the order in which they came, and each leaves once", () => {
  const members = new Members<string>();
  const [a, b, c, d] = ["a", "b", "c", "d"].map((value) => members.add(value));
  expect(members.values).toEqual(["a", "b", "c", "d"]);
  b?.leave();
  b?.leave();
  expect([members.size, members.values]).toEqual([3, ["a", "c", "d"]]);
  a?.leave();
  d?.leave();
  expect([members.first?.value, members.values]).toEqual(["c", ["c"]]);
  members.add("e");
  c?.leave();
  expect([members.size, members.first?.value]).toEqual([1, "e"]);
});

test("no member is left, and the next one is the first", () => {
  const members = new Members<number>();
  expect([members.first, members.size, members.values]).toEqual([null, 0, []]);
  members.add(1).leave();
  expect([members.first, members.size, members.values]).toEqual([null, 0, []]);
  const second = members.add(2);
  expect(members.first).toBe(second);
});

test("a member that has left refers to no other one", () => {
  const members = new Members<number>();
  const [, second] = [members.add(1), members.add(2), members.add(3)];
  second.leave();
  expect([second.next, second.previous]).toEqual([null, null]);
});
