/** Methods of an object that are replaced for a time, by more than one. */
import { once } from "node:events";
import { Connection } from "../../../src/index.js";
import { BorrowedMethods } from "../../../src/core/transport/borrowed-methods.js";
import { SharedMethods } from "../../../src/core/transport/shared-methods.js";
import { tlsPair } from "../../support/adopted-pairs.js";

class Counter {
  count = 0;

  add(by: number): void {
    this.count += by;
  }
}

function ownAdd(counter: Counter): unknown {
  return Reflect.getOwnPropertyDescriptor(counter, "add")?.value;
}

/** Adds ten times as much. */
function tenfold(counter: Counter): BorrowedMethods<Counter, "add"> {
  return new BorrowedMethods<Counter, "add">(
    counter,
    (own) => ({ add: (by) => own.add.call(counter, by * 10) }),
    ["add"],
  );
}

test("an object has its own methods again in whatever order they are given back", () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 0, 2],
    [1, 2, 0],
    [0, 2, 1],
  ]) {
    const counter = new Counter();
    const borrowed = [tenfold(counter), tenfold(counter), tenfold(counter)];
    counter.add(1);
    expect(counter.count).toBe(1_000);
    for (const index of order) borrowed[index]?.giveBack();
    expect(Object.hasOwn(counter, "add")).toBe(false);
  }
});

test("stand-ins that many objects share are given back in any order, too", () => {
  const shared = new SharedMethods<Pick<Counter, "add">>((ownOf) => ({
    add(this: Counter, by) {
      ownOf(this).add.call(this, by * 10);
    },
  }));
  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    const counter = new Counter();
    const lent = [shared.lendTo(counter), shared.lendTo(counter)];
    counter.add(1);
    expect(counter.count).toBe(100);
    for (const index of order) lent[index]?.giveBack(counter);
    expect(Object.hasOwn(counter, "add")).toBe(false);
  }
});

test("a method that the object did not inherit is put back", () => {
  const counter = new Counter();
  const add = (): void => undefined;
  Object.assign(counter, { add });
  const [first, second] = [tenfold(counter), tenfold(counter)];
  first.giveBack();
  second.giveBack();
  expect(ownAdd(counter)).toBe(add);
});

test("a method that the program has put in place meanwhile stays", () => {
  const counter = new Counter();
  const borrowed = tenfold(counter);
  const add = (): void => undefined;
  Object.assign(counter, { add });
  borrowed.giveBack();
  expect(ownAdd(counter)).toBe(add);
});

test("a TLS socket that is handed over amid a write, and adopted again, has its own methods when it has closed", async () => {
  const [socket, peer] = await tlsPair();
  const first = Connection.from(socket);
  const written = first.write(Buffer.alloc(6_000_000)).catch(() => undefined);
  const again = Connection.from(first.detach());
  peer.on("error", () => undefined).resume();
  await Promise.all([written, again.closeWrite()]);
  peer.end();
  await again.closed;
  if (!peer.closed) await once(peer, "close");
  expect(["_write", "_writev", "_final"].filter((name) => Object.hasOwn(socket, name))).toEqual([]);
});
