/** Runs scenarios, and says what is wrong. It needs no test runner. */
import type { ConnectionOptions } from "../../src/index.js";
import { checkAfterwards } from "./afterwards.js";
import { make } from "./calls.js";
import { End, type Shared } from "./end.js";
import { finish } from "./finish.js";
import { kindNamed, type RunningPair } from "./kinds.js";
import { listenersOf } from "./leaks.js";
import type { Operation } from "./operation.js";
import type { EndName, Pause, Scenario } from "./scenario.js";
import type { Surroundings } from "./surroundings.js";
import type { Tally } from "./tally.js";
import { fault } from "./transcript.js";
import { pass, within } from "./turns.js";

/** Unhandled rejections and warnings during a run. */
const STRAYS = ["unhandledRejection", "uncaughtException", "warning"] as const;

/** Runs a scenario over a kind of connection, the one that it names; rejects with all that was wrong. */
export async function run(scenario: Scenario, kind = kindNamed(scenario.kind), tally?: Tally): Promise<void> {
  const complaints: string[] = [];
  const stopWatching = watch((text) => complaints.push(text));
  kind.enter();
  try {
    const bare = await kind.bare();
    const settings = { ...scenario.settings, ...kind.settings };
    await kind.within(scenario, async (surroundings) => {
      const closing = { a: new AbortController(), b: new AbortController() };
      const pair = await surroundings.makePair(settings, { a: closing.a.signal, b: closing.b.signal });
      const running = new Run(
        scenario,
        settings,
        kind.isRelayed,
        pair,
        closing,
        bare,
        surroundings,
        complaints,
      );
      await running.toItsEnd();
      tally?.add(running.operations);
      const left = await surroundings.leftBehind();
      if (left.length > 0) complaints.push(`left behind: ${left.join(", ")}`);
    });
  } catch (error) {
    // What was wrong before may be its cause.
    complaints.push(error instanceof Error ? error.message : String(error));
  } finally {
    kind.leave();
    stopWatching();
  }
  if (complaints.length > 0) throw new Error([...new Set(complaints)].join("\n"));
}

class Run implements Shared {
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
    closing: Readonly<Record<EndName, AbortController>>,
    readonly bare: Shared["bare"],
    readonly surroundings: Surroundings,
    complaints: string[],
  ) {
    this.#complaints = complaints;
    const [a, b] = [new End("a", pair.a, closing.a, this), new End("b", pair.b, closing.b, this)];
    a.peer = b;
    b.peer = a;
    this.#ends = [a, b];
  }

  tick(): number {
    return this.#events++;
  }

  later(callback: () => void): void {
    const waited = (async () => {
      await this.surroundings.someTurns();
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
    const { surroundings } = this;
    try {
      for (const [index, { end, call, pause }] of this.scenario.steps.entries()) {
        await this.#pause(pause, make(end === "a" ? a : b, call, index + 1));
      }
      const bounded = this.operations.filter(({ bound }) => bound !== Infinity);
      await this.#settles(bounded, surroundings.patience, "within its bound");
      surroundings.beforeFinish();
      const isFinished = await within(
        2 * surroundings.patienceAtEnd(),
        finish(this.#ends, this.scenario.finish),
      );
      if (!isFinished) this.complain("the ends could not be brought to their end");
      await this.#settles(this.operations, surroundings.patienceAtEnd(), "although both ends have ended");
      await this.#areClosed();
    } finally {
      await this.pair.dispose();
      for (const end of this.#alive) surroundings.at(end.name, () => end.detached?.destroy());
    }
    await Promise.all(this.#later);
    // What was destroyed calls back for its writes in the next turns.
    if (this.#whenOver.length > 0) await surroundings.someTurns();
    for (const callback of this.#whenOver) callback();
    this.#judge(a, b);
    this.#judge(b, a);
    for (const end of this.#ends) end.checkPeeks();
    this.#areInTime();
    const listeners = listenersOf(this.#alive.flatMap(({ signals }) => [...signals]));
    if (listeners > 0) this.complain(`${String(listeners)} listeners were left on signals`);
  }

  /** The ends on hosts that have not crashed. */
  get #alive(): readonly End[] {
    return this.#ends.filter(({ isGone }) => !isGone);
  }

  async #pause(pause: Pause, operation: Operation): Promise<void> {
    const ms = this.surroundings.pauseMs(pause);
    if (ms !== undefined)
      await within(ms, pause === "settled" ? operation.done : new Promise(() => undefined));
    else if (pause === "microtasks") for (let count = 0; count < 3; count++) await Promise.resolve();
    else if (pause === "turn") await pass(0);
    else if (pause === "turns") await pass(5);
    else if (pause === "settled") {
      for (let count = 0; count < 30 && !operation.isDone; count++) await pass(0);
    }
  }

  async #settles(operations: readonly Operation[], patience: number, when: string): Promise<void> {
    const { surroundings } = this;
    const waited = operations.filter(({ end }) => !end.isGone);
    const bounds = waited.map(({ bound, end }) => bound + surroundings.stalledMs(end.name));
    const longest = Math.max(0, ...bounds.filter(Number.isFinite));
    await within(longest + patience, Promise.all(waited.map(({ done }) => done)));
    for (const operation of waited) if (!operation.isDone) operation.complain(`has not settled ${when}`);
  }

  /** On virtual time a call settles by its bound, unless the programs of its host were stopped. */
  #areInTime(): void {
    const { surroundings } = this;
    if (!surroundings.isExact) return;
    for (const operation of this.operations) {
      const { bound, lasted, end } = operation;
      if (lasted > bound + surroundings.stalledMs(end.name) + surroundings.patience)
        operation.complain(`has taken ${String(lasted)} ms`);
    }
  }

  /** Both ends have ended: so has all that belongs to them. */
  async #areClosed(): Promise<void> {
    const { surroundings } = this;
    const patience = surroundings.patienceAtEnd();
    for (const end of this.#alive) {
      if (!(await within(patience, Promise.allSettled([end.connection.closed])))) {
        this.complain(`closed of ${end.name} has not settled although both ends have ended`);
      }
    }
    // The views report it later.
    await surroundings.someTurns();
    for (const end of this.#alive) {
      if (end.detached === null) await surroundings.at(end.name, () => checkAfterwards(end));
    }
    const { between } = this.pair;
    if (between !== undefined && !(await within(patience, Promise.allSettled([between])))) {
      this.complain("the relay has not settled although both ends have ended");
    }
  }

  /** Compares what was written at one end with what was read at the other. */
  #judge(from: End, to: End): void {
    // A view that was dropped with the connection may have had bytes in it.
    const hasDropped = to.wasCutOff && to.readViews.size > 0;
    const isComplete = to.sawEnd && from.endedWell && !to.endMayBeReset && !hasDropped;
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
