/** The simulated network, on virtual time: two hosts, one end on each. */
import { setTimeout as sleep } from "node:timers/promises";
import { connect, listen, type Connection, type ConnectionOptions } from "../../src/index.js";
import { clock, useClock, type Clock, type Timer } from "../../src/core/timing/clock.js";
import { simulate, type Host, type Network } from "../../src/testing/index.js";
import { SimulatedHost } from "../../src/testing/simulation/host.js";
import type { Kind, RunningPair } from "./kinds.js";
import type { EndName, Pause, Scenario } from "./scenario.js";
import type { Faults, Surroundings } from "./surroundings.js";
import { tracesOf, type Traces } from "./traces.js";
import { pass } from "./turns.js";

export const SIMULATED = "simulated network";

const PORT = 7;

const FACTS = {
  resets: true,
  takesAtOnce: true,
  kernel: false,
  hasDescriptor: false,
  stopsAtOnce: true,
  hasStream: false,
  endsAreTold: false,
  keepsUnread: true,
  family: 4,
  resetCode: "ECONNRESET",
  clogBytes: 4 * 1024 * 1024,
} as const;

/** Longer than a simulated kernel waits for a silent peer: 924 s, and longer on a slow link. */
const KERNEL_WAITS_MS = 2_000_000;
/** As long as it waits at most before it sends something again, and as the transfers of a run take. */
const DELAY_MS = 300_000;
const TIME_WAIT_MS = 61_000;
/** Longer than any run takes that ends. */
const TIME_LIMIT_MS = 10 * KERNEL_WAITS_MS;

const PAUSES_MS: { readonly [P in Pause]?: number } = { settled: 50, moment: 8, while: 3_000 };

export function simulatedKind(): Kind {
  let bare: Promise<Record<EndName, Traces>> | undefined;
  return {
    name: SIMULATED,
    isRelayed: false,
    settings: {},
    enter: () => undefined,
    leave: () => undefined,
    bare: () => (bare ??= simulate({ seed: 0 }, bareTraces)),
    within: async ({ network: conditions = CALM }, run) => {
      const { seed, latency, bandwidth } = conditions;
      await simulate({ seed, latency, bandwidth, timeLimit: TIME_LIMIT_MS }, (network) =>
        run(new SimulatedSurroundings(network, conditions)),
      );
    },
  };
}

const CALM: NonNullable<Scenario["network"]> = { seed: 0, latency: 1, bandwidth: Infinity, heals: true };

class SimulatedSurroundings implements Surroundings {
  readonly isExact = true;
  readonly patience = 1;
  readonly faults: Faults;
  readonly #network: Network;
  readonly #conditions: typeof CALM;
  readonly #hosts: Readonly<Record<EndName, SimulatedHost>>;
  readonly #timers = new LibraryTimers();
  readonly #crashed = new Set<EndName>();
  readonly #stalls: Record<EndName, number> = { a: 0, b: 0 };
  #stalledUntil = 0;
  #wasCut = false;
  #wasLossy = false;
  #isFinishing = false;
  #keepsAlive = false;

  constructor(network: Network, conditions: typeof CALM) {
    this.#network = network;
    this.#conditions = conditions;
    const hosts = { a: hostOf(network, "a"), b: hostOf(network, "b") };
    this.#hosts = hosts;
    this.faults = {
      partition: () => {
        this.#wasCut = true;
        network.partition("a", "b");
      },
      heal: () => network.heal("a", "b"),
      crash: (end) => {
        this.#crashed.add(end);
        hosts[end].crash();
      },
      restart: (end) => hosts[end].restart(),
      stall: (end, ms) => {
        this.#stalls[end] += ms;
        this.#stalledUntil = Math.max(this.#stalledUntil, network.now + ms);
        hosts[end].stall(ms);
      },
      link: (options) => {
        this.#wasLossy ||= (options.loss ?? 0) > 0;
        network.link("a", "b", options);
      },
    };
  }

  async makePair(
    settings: ConnectionOptions,
    closeOn: Readonly<Record<EndName, AbortSignal>>,
  ): Promise<RunningPair> {
    this.#timers.watch();
    this.#keepsAlive = settings.keepAlive !== undefined;
    const [a, b] = await connected(this.#hosts, settings, closeOn);
    const dispose = async () => {
      for (const [name, end] of [
        ["a", a],
        ["b", b],
      ] as const) {
        if (!this.isGone(name)) this.at(name, () => end.reset());
      }
      await this.someTurns();
    };
    return { a, b, ...FACTS, hasCloseOn: true, dispose };
  }

  at<T>(end: EndName, body: () => T): T {
    let result: { readonly value: T } | undefined;
    // The host may crash before this has settled.
    this.#hosts[end].run(() => void (result = { value: body() })).catch(() => undefined);
    if (result === undefined) throw new Error(`the host of ${end} is down`);
    return result.value;
  }

  isGone(end: EndName): boolean {
    return this.#crashed.has(end);
  }

  mayBreak(): boolean {
    const staysCut = this.#isFinishing && !this.#conditions.heals;
    return this.#crashed.size > 0 || (this.#wasCut && (this.#keepsAlive || staysCut));
  }

  mayBeSilent(): boolean {
    return this.#crashed.size > 0 || this.#wasCut || this.#wasLossy;
  }

  beforeFinish(): void {
    this.#isFinishing = true;
    if (!this.#conditions.heals) return;
    this.faults.heal();
    for (const end of this.#crashed) this.faults.restart(end);
  }

  async someTurns(): Promise<void> {
    const stalled = this.#stalledUntil - this.#network.now;
    // What was held back comes before its timers.
    if (stalled > 0) await sleep(stalled + 1);
    await pass(4);
  }

  stalledMs(end: EndName): number {
    return this.#stalls[end];
  }

  patienceAtEnd(): number {
    return this.mayBeSilent() ? KERNEL_WAITS_MS : DELAY_MS;
  }

  pauseMs(pause: Pause): number | undefined {
    return PAUSES_MS[pause];
  }

  async leftBehind(): Promise<string[]> {
    const left = this.#leftNow("held");
    const { a, b } = this.#hosts;
    const start = this.#network.now;
    // The last packets of a connection, and the alarm of the library, which stays set when no call waits any more.
    await sleep(TIME_WAIT_MS);
    left.push(...this.#leftNow("set"));
    const isIdle = () => a.endpoints.size + b.endpoints.size + a.wires.clock.timers === 0;
    while (!isIdle() && this.#network.now - start < KERNEL_WAITS_MS) await sleep(TIME_WAIT_MS);
    return [
      ...left,
      ...named("connections in the kernel", a.endpoints.size + b.endpoints.size),
      ...named("timers", a.wires.clock.timers),
    ];
  }

  #leftNow(timers: "held" | "set"): string[] {
    const alive = (["a", "b"] as const).filter((end) => !this.isGone(end));
    return alive.flatMap((end) => {
      const { dialling, servers, transports } = this.#hosts[end];
      const clocks = this.at(end, () => this.#timers.own);
      return [
        ...named(`timers of the library at ${end}`, clocks[timers].size),
        ...named(`connections of the program at ${end}`, transports.size),
        ...named(`servers at ${end}`, servers.size),
        ...named(`attempts to connect at ${end}`, dialling.size),
      ];
    });
  }
}

function hostOf(network: Network, name: EndName): SimulatedHost {
  const host: Host = network.host(name);
  if (!(host instanceof SimulatedHost)) throw new Error("a host is of another class");
  return host;
}

function named(what: string, count: number): string[] {
  return count === 0 ? [] : [`${String(count)} ${what}`];
}

/** An end on each host, and no listener any more. */
async function connected(
  { a, b }: Readonly<Record<EndName, Host>>,
  settings: ConnectionOptions,
  closeOn?: Readonly<Record<EndName, AbortSignal>>,
): Promise<[Connection, Connection]> {
  const listener = await b.run(() => listen(PORT, { ...settings, closeOn: closeOn?.b }));
  const accepting = b.run(() => listener.accept());
  const connecting = a.run(() => connect("b", PORT, { ...settings, closeOn: closeOn?.a }));
  const pair = await Promise.all([connecting, accepting]);
  await b.run(() => listener.close());
  return pair;
}

async function bareTraces(network: Network): Promise<Record<EndName, Traces>> {
  const hosts = { a: network.host("a"), b: network.host("b") };
  const [a, b] = await connected(hosts, {});
  const traces = { a: tracesOf(a.detach()), b: tracesOf(b.detach()) };
  return traces;
}

/** Counts the timers that the library has set, program by program. */
class LibraryTimers {
  readonly #clocks = new WeakMap<Clock, CountingClock>();

  watch(): void {
    const simulated = clock;
    const ofCaller = () => this.#counting(simulated.ofCaller?.() ?? simulated);
    useClock({
      now: () => ofCaller().now(),
      setTimeout: (callback, ms) => ofCaller().setTimeout(callback, ms),
      setImmediate: simulated.setImmediate,
      ofCaller,
    });
  }

  /** Those of the program that asks. */
  get own(): CountingClock {
    const caller = clock.ofCaller?.();
    if (!(caller instanceof CountingClock)) throw new Error("another clock is in use");
    return caller;
  }

  #counting(original: Clock): CountingClock {
    let counting = this.#clocks.get(original);
    if (counting === undefined) this.#clocks.set(original, (counting = new CountingClock(original)));
    return counting;
  }
}

class CountingClock implements Clock {
  /** Timers that are pending. */
  readonly set = new Set<object>();
  /** Those of them that keep a process alive. */
  readonly held = new Set<object>();
  readonly now: Clock["now"];
  readonly setTimeout: Clock["setTimeout"];
  readonly setImmediate: Clock["setImmediate"];

  constructor(original: Clock) {
    const { set, held } = this;
    this.now = original.now;
    this.setImmediate = original.setImmediate;
    this.setTimeout = (callback, ms): Timer => {
      const forget = () => {
        set.delete(timer);
        held.delete(timer);
      };
      const timer = original.setTimeout(() => {
        forget();
        callback();
      }, ms);
      set.add(timer);
      held.add(timer);
      return {
        ref: () => held.add(timer),
        unref: () => held.delete(timer),
        [Symbol.dispose]: () => {
          forget();
          timer[Symbol.dispose]();
        },
      };
    };
  }
}
