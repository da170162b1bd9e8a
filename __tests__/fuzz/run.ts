/** Runs scenarios, and says what is wrong. It needs no test runner. */
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionOptions } from "../../src/index.js";
import { checkAfterwards } from "./afterwards.js";
import { make } from "./calls.js";
import { End, type Shared } from "./end.js";
import { finish } from "./finish.js";
import { kindNamed, type RunningPair } from "./kinds.js";
import { holdings, leftSince, listenersOf } from "./leaks.js";
import type { Operation } from "./operation.js";
import type { Pause, Scenario } from "./scenario.js";
import { fault } from "./transcript.js";
import { pass } from "./turns.js";

/** A call that should settle has this many ms more than its bound: a busy machine is no fault. */
const PATIENCE = 6_000;

/** Unhandled rejections and warnings during a run. */
const STRAYS = ["unhandledRejection", "uncaughtException", "warning"] as const;

/** Runs a scenario over a kind of connection, the one that it names; rejects with all that was wrong. */
export async function run(scenario: Scenario, kind = kindNamed(scenario.kind)): Promise<void> {
  const complaints: string[] = [];
  const stopWatching = watch((text) => complaints.push(text));
  kind.enter();
  try {
    const bare = await kind.bare();
    const before = holdings();
    const settings = { ...scenario.settings, ...kind.settings };
    const pair = await kind.makePair(settings);
    await new Run(scenario, settings, kind.isRelayed, pair, bare, complaints).toItsEnd();
    const left = await leftSince(before);
    if (left.length > 0) complaints.push(`left behind: ${left.join(", ")}`);
  } finally {
    kind.leave();
    stopWatching();
  }
  if (complaints.length > 0) throw new Error([...new Set(complaints)].join("\n"));
}

class Run implements Shared {
  readonly signals = new Set<AbortSignal>();
  readonly operations: Operation[] = [];
  readonly #complaints: string[];
  readonly #ends: readonly [End, End];
  readonly #later: Promise<void>[] = [];
  readonly #whenOver: (() => void)[] = [];
  #events = 0;

  constructor(
    readonly scenario: Scenario,
    readonly settings: ConnectionOptions,
    readonly isRelayed: boolean,
    readonly pair: RunningPair,
    readonly bare: Shared["bare"],
    complaints: string[],
  ) {
    this.#complaints = complaints;
    const [a, b] = [new End("a", pair.a, this), new End("b", pair.b, this)];
    a.peer = b;
    b.peer = a;
    this.#ends = [a, b];
  }

  tick(): number {
    return this.#events++;
  }

  later(callback: () => void): void {
    const waited = (async () => {
      await pass(4);
      callback();
    })();
    this.#later.push(waited);
  }

  whenOver(callback: () => void): void {
    this.#whenOver.push(callback);
  }

  complain(text: string): void {
    this.#complaints.push(text);
  }

  async toItsEnd(): Promise<void> {
    const [a, b] = this.#ends;
    try {
      for (const [index, { end, call, pause }] of this.scenario.steps.entries()) {
        const operation = make(end === "a" ? a : b, call, index + 1);
        await this.#pause(pause, operation);
      }
      const bounded = this.operations.filter(({ bound }) => bound !== Infinity);
      await this.#settles(bounded, "within its bound");
      const isFinished = await within(PATIENCE, finish(this.#ends, this.scenario.finish));
      if (!isFinished) this.complain("the ends could not be brought to their end");
      await this.#settles(this.operations, "although both ends have ended");
      await this.#areClosed();
    } finally {
      await this.pair.dispose();
      for (const { detached } of this.#ends) detached?.destroy();
    }
    await Promise.all(this.#later);
    // What was destroyed calls back for its writes in the next turns.
    if (this.#whenOver.length > 0) await pass(4);
    for (const callback of this.#whenOver) callback();
    this.#judge(a, b);
    this.#judge(b, a);
    for (const end of this.#ends) end.checkPeeks();
    const listeners = listenersOf(this.signals);
    if (listeners > 0) this.complain(`${String(listeners)} listeners were left on signals`);
  }

  async #pause(pause: Pause, operation: Operation): Promise<void> {
    if (pause === "microtasks") for (let count = 0; count < 3; count++) await Promise.resolve();
    else if (pause === "turn") await pass(0);
    else if (pause === "turns") await pass(5);
    else if (pause === "settled") {
      for (let count = 0; count < 30 && !operation.isDone; count++) await pass(0);
    }
  }

  async #settles(operations: readonly Operation[], when: string): Promise<void> {
    const bound = Math.max(0, ...operations.map((operation) => operation.bound).filter(Number.isFinite));
    await within(bound + PATIENCE, Promise.all(operations.map(({ done }) => done)));
    for (const operation of operations) if (!operation.isDone) operation.complain(`has not settled ${when}`);
  }

  /** Both ends have ended: so has all that belongs to them. */
  async #areClosed(): Promise<void> {
    for (const end of this.#ends) {
      if (!(await within(PATIENCE, Promise.allSettled([end.connection.closed])))) {
        this.complain(`closed of ${end.name} has not settled although both ends have ended`);
      }
    }
    // The views report it later.
    await pass(4);
    for (const end of this.#ends) if (end.detached === null) await checkAfterwards(end);
    const { between } = this.pair;
    if (between !== undefined && !(await within(PATIENCE, Promise.allSettled([between])))) {
      this.complain("the relay has not settled although both ends have ended");
    }
  }

  /** Compares what was written at one end with what was read at the other. */
  #judge(from: End, to: End): void {
    const isComplete = to.sawEnd && from.endedWell && !to.endMayBeReset;
    if (!isComplete && from.isGentle && to.isGentle && this.scenario.finish === "drain") {
      this.complain(
        `from ${from.name} to ${to.name}, the stream has not ended well although nothing was done to it`,
      );
    }
    const isHere = !from.wasDetached && !to.wasDetached;
    const { bytesWritten } = from.connection;
    const { bytesRead } = to.connection;
    if (isComplete && isHere && bytesWritten !== bytesRead) {
      this.complain(`${String(bytesWritten)} bytes were written and ${String(bytesRead)} read`);
    }
    const wrong = fault(from.written, to.received, isComplete);
    if (wrong !== undefined) this.complain(`from ${from.name} to ${to.name}, ${wrong}`);
  }
}

/** Whether a promise settles within `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const stop = new AbortController();
  const late = sleep(ms, false, { signal: stop.signal }).catch(() => false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    stop.abort();
  }
}

/** Reports unhandled rejections and unexpected warnings. */
function watch(tell: (text: string) => void): () => void {
  const listeners = STRAYS.map((name) => {
    const listener = (what: unknown) => {
      if ((what as Error).name === "ExperimentalWarning") return;
      tell(`${name}: ${what instanceof Error ? (what.stack ?? what.message) : String(what)}`);
    };
    process.on(name as "warning", listener);
    return () => process.off(name, listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}
