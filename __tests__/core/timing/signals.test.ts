import { connect, listen } from "../../../src/index.js";
import { watch, type Cancellable, type Watch } from "../../../src/core/timing/signals.js";
import { listenersOf } from "../../support/resources.js";

/** A call that notes the signals that have cancelled it. */
class Call {
  readonly by: AbortSignal[] = [];

  aborted(signal: AbortSignal): void {
    this.by.push(signal);
  }
}

function calls(count: number): Call[] {
  return Array.from({ length: count }, () => new Call());
}

describe("watching a signal", () => {
  it("adds one listener for any number of calls, and removes it with the last", () => {
    const { signal } = new AbortController();
    const all = calls(1_000).map((call) => watch(signal, call));
    expect(listenersOf(signal)).toBe(1);
    for (const each of all.slice(1)) each.leave();
    expect(listenersOf(signal)).toBe(1);
    for (const each of all) each.leave();
    expect(listenersOf(signal)).toBe(0);
  });

  it("tells every call that is left of the abort, once", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const all = calls(5);
    const watches = all.map((call) => watch(signal, call));
    for (const each of [...watches.slice(0, 1), ...watches.slice(3, 4)]) each.leave();
    controller.abort();
    expect(all.map(({ by }) => by)).toEqual([[], [signal], [signal], [], [signal]]);
    expect(listenersOf(signal)).toBe(0);
  });

  it("tells the calls in the order in which they were watched, also when the first has left", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const told: number[] = [];
    const call = (index: number): Cancellable => ({ aborted: () => void told.push(index) });
    const [first, second, third, fourth] = [call(0), call(1), call(2), call(3)];
    const own = watch(signal, first);
    watch(signal, second);
    own.leave();
    watch(signal, third);
    watch(signal, first);
    watch(signal, fourth);
    controller.abort();
    expect(told).toEqual([1, 2, 0, 3]);
  });

  it("tells every call when some of them throw, and throws what the first of those has thrown", () => {
    const told: number[] = [];
    const target = new (class {
      aborted = false;
      abort: () => void = () => undefined;
      addEventListener(_: string, listener: () => void): void {
        this.abort = listener;
      }
      removeEventListener(): void {
        // It stays.
      }
    })();
    const signal = target as unknown as AbortSignal;
    for (let index = 0; index < 4; index++) {
      const aborted = (): void => {
        told.push(index);
        if (index % 2 === 1) throw new Error(`call ${String(index)}`);
      };
      watch(signal, { aborted });
    }
    expect(() => target.abort()).toThrow("call 1");
    expect(told).toEqual([0, 1, 2, 3]);
    expect(() => target.abort()).not.toThrow();
  });

  it("watches again after the last call has left", () => {
    const controller = new AbortController();
    const call = new Call();
    for (let round = 0; round < 3; round++) {
      watch(controller.signal, call).leave();
    }
    watch(controller.signal, call);
    controller.abort();
    expect(call.by).toEqual([controller.signal]);
  });

  it("keeps a watch that has ended from ending another one", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const [first, second] = [new Call(), new Call()];
    const own = watch(signal, first);
    own.leave();
    watch(signal, second);
    own.leave();
    expect(listenersOf(signal)).toBe(1);
    controller.abort();
    expect(second.by).toEqual([signal]);
  });

  it("does not tell a call that begins while the abort is told", () => {
    const target = new EventTarget();
    const signal = target as AbortSignal;
    const later = new Call();
    watch(signal, { aborted: () => void watch(signal, later) });
    target.dispatchEvent(new Event("abort"));
    expect(later.by).toEqual([]);
    target.dispatchEvent(new Event("abort"));
    expect(later.by).toEqual([signal]);
    expect(listenersOf(signal)).toBe(0);
  });

  it("leaves out a call that another one takes off while the abort is told", () => {
    const controller = new AbortController();
    const { signal } = controller;
    const [second, third] = [new Call(), new Call()];
    const own: Watch[] = [];
    watch(signal, { aborted: () => own.forEach((each) => each.leave()) });
    own.push(watch(signal, second));
    watch(signal, third);
    controller.abort();
    expect(second.by).toEqual([]);
    expect(third.by).toEqual([signal]);
  });
});

it("one signal serves many waits of every kind without a warning", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  const controller = new AbortController();
  const { signal } = controller;
  const listener = await listen({ host: "127.0.0.1", port: 0 });
  const connecting = Array.from({ length: 20 }, () => connect("127.0.0.1", listener.port, { signal }));
  const connections = await Promise.all(connecting);
  const accepted = await Promise.all(connections.map(() => listener.accept({ signal })));
  const waits = [
    ...connections.map((connection) => connection.read({ signal })),
    ...connections.map((connection) => connection.closed),
    ...Array.from({ length: 20 }, () => listener.accept({ signal })),
  ];
  expect(listenersOf(signal)).toBe(1);
  controller.abort("enough");
  for (const connection of [...connections, ...accepted]) connection.reset();
  const settled = await Promise.allSettled(waits);
  const reasons = settled.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
  expect(reasons).toEqual(Array.from({ length: 40 }, () => "enough"));
  await listener.close();
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});
