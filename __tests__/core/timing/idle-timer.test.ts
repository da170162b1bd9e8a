import { IdleTimer } from "../../../src/core/timing/idle-timer.js";
import { onManualClock } from "../../../src/testing/manual-clock.js";
import { turn, until } from "../../support/outcomes.js";

let moved = 0;
let fired = 0;
let timer: IdleTimer;

beforeEach(() => {
  moved = fired = 0;
  timer = new IdleTimer(
    () => moved,
    () => fired++,
  );
});

afterEach(() => timer.set(0));

/** Holds up the event loop. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

test("it fires once for each silence", async () => {
  timer.set(5);
  await until(() => fired === 1);
  const later = new IdleTimer(
    () => 0,
    () => (moved = 1),
  );
  later.set(50);
  await until(() => moved === 1);
  expect(fired).toBe(1);
  await until(() => fired === 2);
  later.set(0);
});

test("what moved while the event loop was held up is seen before it fires", async () => {
  timer.set(20);
  block(60);
  // Like a socket's bytes, this comes after the timers of the turn; in some runtimes also after its immediates.
  setImmediate(() => setImmediate(() => moved++));
  await turn();
  await turn();
  await turn();
  expect(fired).toBe(0);
  await until(() => fired === 1);
});

test("it does not fire once it is ended, also in its last look", async () => {
  timer.set(5);
  block(15);
  // Between the timer's two turns.
  setImmediate(() => setImmediate(() => timer.set(0)));
  for (let turns = 0; turns < 5; turns++) await turn();
  expect(fired).toBe(0);
});

test("it fires when the period is over, also where that is no multiple of its looks", () =>
  onManualClock(async (clock) => {
    const exact = new IdleTimer(
      () => moved,
      () => fired++,
    );
    exact.set(52);
    await clock.advance(51);
    expect(fired).toBe(0);
    await clock.advance(1);
    expect(fired).toBe(1);
    exact.set(0);
    expect(clock.pending).toBe(0);
  }));

test("for 0 and Infinity it has no timer", () =>
  onManualClock(async (clock) => {
    const never = new IdleTimer(
      () => moved,
      () => fired++,
    );
    for (const period of [0, 10, Infinity, 10, 0]) {
      never.set(period);
      expect(clock.pending).toBe(period === 10 ? 1 : 0);
    }
    await clock.advance(100);
    expect(fired).toBe(0);
  }));
