import { kernelUnits, nextTurn, postpone, refill, spend } from "../../../src/core/timing/budget.js";

describe("the budget of a turn", () => {
  beforeEach(refill);

  it("lets calls settle until it is spent", () => {
    expect(spend(2048)).toBe(true);
    expect(spend(1)).toBe(false);
    refill();
    expect(spend(1)).toBe(true);
  });

  it("lets some forty small writes settle, and fewer large ones", () => {
    const calls = (bytes: number) => {
      refill();
      let count = 0;
      while (spend(kernelUnits(bytes))) count++;
      return count;
    };
    expect([0, 1_024, 64 * 1_024, 1_024 * 1_024].map(calls)).toEqual([42, 39, 6, 0]);
  });

  it("is full again in the next turn, in which what was postponed goes on in its order", async () => {
    const order: string[] = [];
    spend(1_000_000);
    postpone(() => order.push(`first: ${String(spend(2048))}`));
    postpone(() => order.push(`second: ${String(spend(1))}`));
    void Promise.resolve().then(() => order.push("microtask"));
    await nextTurn();
    expect(order).toEqual(["microtask", "first: true", "second: false"]);
  });

  it("postpones again what is postponed while the turn begins", async () => {
    const order: string[] = [];
    postpone(() => {
      postpone(() => order.push("next"));
      order.push("this");
    });
    await nextTurn();
    expect(order).toEqual(["this"]);
    await nextTurn();
    expect(order).toEqual(["this", "next"]);
  });

  it("has one promise for all that wait for the same turn", async () => {
    const turn = nextTurn();
    expect(nextTurn()).toBe(turn);
    await turn;
    const following = nextTurn();
    expect(following).not.toBe(turn);
    await following;
  });
});
