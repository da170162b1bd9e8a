import fc from "../../support/fast-check.js";
import { Deadline, Deadlines, type WaitingCall } from "../../../src/core/timing/deadlines.js";

/** A call that counts how often it is looked at. */
class Call implements WaitingCall<Call> {
  static looks = 0;
  since = 0;
  waits = true;
  readonly deadline: Deadline<Call> | null;

  constructor(timeout?: number) {
    this.deadline = timeout === undefined ? null : new Deadline<Call>(this, timeout);
  }

  get isAwaited(): boolean {
    Call.looks++;
    return this.waits;
  }
}

const WRITE_TIMEOUT = 100;

test("calls run out of time when their own is up, or that for progress", () => {
  const step = fc.record({
    kind: fc.constantFrom(
      "add" as const,
      "add" as const,
      "settle" as const,
      "progress" as const,
      "look" as const,
    ),
    timeout: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
    after: fc.nat(40),
    share: fc.nat(1_000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const deadlines = new Deadlines<Call>(WRITE_TIMEOUT);
      let [now, progressAt] = [0, 0];
      let waiting: { call: Call; began: number; timeout: number | undefined }[] = [];
      for (const { kind, timeout, after, share } of steps) {
        now += after;
        if (kind === "add") {
          const call = new Call(timeout);
          const lookAt = deadlines.add(call, now);
          expect(lookAt).toBeGreaterThan(now);
          expect(lookAt).toBeLessThanOrEqual(now + (timeout ?? WRITE_TIMEOUT));
          waiting.push({ call, began: now, timeout });
        } else if (kind === "settle" && waiting.length > 0) {
          const [{ call } = { call: new Call() }] = waiting.splice(share % waiting.length, 1);
          call.waits = false;
          deadlines.remove(call);
        } else if (kind === "progress") progressAt = now;
        else {
          const dueOf = ({ began, timeout: own }: (typeof waiting)[number]) =>
            own === undefined ? Math.max(began, progressAt) + WRITE_TIMEOUT : began + own;
          const expected = waiting.filter((each) => dueOf(each) <= now).map(({ call }) => call);
          const late = deadlines.late(now, progressAt);
          expect(new Set(late)).toEqual(new Set(expected));
          for (const call of late) {
            call.waits = false;
            deadlines.remove(call);
          }
          waiting = waiting.filter((each) => dueOf(each) > now);
          const next = deadlines.next(now, progressAt);
          if (waiting.length === 0) expect(next).toBe(Infinity);
          else expect(next).toBeLessThanOrEqual(Math.min(...waiting.map(dueOf)));
          expect(next).toBeGreaterThan(now);
        }
      }
    }),
  );
});

test.each([
  ["with a timeout of its own each", 50_000],
  ["without one", undefined],
])("a silence costs as much for 100 000 calls as for one, %s", (_, timeout) => {
  const deadlines = new Deadlines<Call>(60_000);
  const calls = Array.from({ length: 100_000 }, () => new Call(timeout));
  for (const call of calls) deadlines.add(call, 0);
  Call.looks = 0;
  for (let now = 1; now <= 1_000; now++) {
    expect(deadlines.late(now, now)).toEqual([]);
    expect(deadlines.next(now, now)).toBeLessThan(Infinity);
  }
  expect(Call.looks).toBeLessThan(10_000);
});

test("calls that have settled are dropped, in whatever order", () => {
  const deadlines = new Deadlines<Call>(60_000);
  const calls = Array.from({ length: 5_000 }, (_, n) => new Call(n % 2 === 0 ? 5_000 : undefined));
  for (const call of calls) deadlines.add(call, 0);
  Call.looks = 0;
  for (const call of calls) {
    call.waits = false;
    deadlines.remove(call);
  }
  expect(Call.looks).toBeLessThan(4 * calls.length);
  expect(deadlines.next(1, 0)).toBe(Infinity);
  expect(deadlines.late(1e9, 0)).toEqual([]);
});

test("calls that wait no longer are not kept behind one that does", () => {
  const deadlines = new Deadlines<Call>(WRITE_TIMEOUT);
  const first = new Call();
  const last = new Call();
  deadlines.add(first, 0);
  for (let count = 0; count < 100_000; count++) {
    const call = new Call();
    deadlines.add(call, 1);
    call.waits = false;
    deadlines.remove(call);
  }
  deadlines.add(last, 2);
  Call.looks = 0;
  first.waits = false;
  deadlines.remove(first);
  expect(deadlines.late(2 + WRITE_TIMEOUT, 0)).toEqual([last]);
  expect(Call.looks).toBeLessThan(5_000);
});
