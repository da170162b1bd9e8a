import fc from "../../support/fast-check.js";
import { WakeQueue, type Sleeper } from "../../../src/core/timing/wake-queue.js";

function sleeper(): Sleeper {
  return { expire: () => Infinity, due: Infinity, place: -1 };
}

function drained(queue: WakeQueue): number[] {
  const order = [];
  for (let { first } = queue; first !== undefined; { first } = queue) {
    order.push(first.due);
    queue.remove(first);
  }
  return order;
}

test("an empty queue has no first", () => {
  expect(new WakeQueue().first).toBeUndefined();
});

test("the entry that is due earliest comes first, whatever was put in, moved forward and taken out", () => {
  const step = fc.record({ who: fc.nat(15), due: fc.nat(1_000), leaves: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new WakeQueue();
      const sleepers = Array.from({ length: 16 }, sleeper);
      const expected = new Map<Sleeper, number>();
      for (const { who, due, leaves } of steps) {
        const one = sleepers[who] ?? sleeper();
        if (leaves) {
          queue.remove(one);
          expected.delete(one);
        } else if (due < (expected.get(one) ?? Infinity)) {
          queue.put(one, due);
          expected.set(one, due);
        }
        expect(queue.first?.due).toBe(expected.size === 0 ? undefined : Math.min(...expected.values()));
      }
      for (const one of sleepers) expect(one.due).toBe(expected.get(one) ?? Infinity);
      expect(drained(queue)).toEqual([...expected.values()].sort((a, b) => a - b));
      for (const one of sleepers) expect(one).toMatchObject({ due: Infinity, place: -1 });
    }),
  );
});

test("an entry that is not in the queue may be taken out", () => {
  const queue = new WakeQueue();
  const [first, other] = [sleeper(), sleeper()];
  queue.put(first, 1);
  queue.remove(other);
  queue.remove(first);
  queue.remove(first);
  expect(queue.first).toBeUndefined();
});
