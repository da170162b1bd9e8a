import { setImmediate, setTimeout } from "node:timers";
import { useNetwork } from "../../core/network.js";
import { systemClock, useClock } from "../../core/timing/clock.js";
import { checkFunction } from "../../options/checks.js";
import { fakeClock } from "./fake-timers.js";
import { replaceGlobals } from "./globals.js";
import { libraryClock } from "./library-clock.js";
import { libraryNetwork, outerNetwork, SimulatedNetwork, type Hosts, type Network } from "./network.js";
import { checkedSimulation, type SimulationOptions } from "./options.js";
import { SimulatedProcess } from "./process.js";
import { running } from "./running.js";
import { anySeed, Random } from "./random.js";
import { RealWork } from "./real-work.js";
import { reportOf } from "./report.js";
import { START, VirtualClock } from "./virtual-clock.js";
import { Wires } from "./wires.js";
import { withSeed } from "./with-seed.js";

/** Kept: the simulation replaces what `node:timers` exports. */
const [realTurn, realTimeout] = [setImmediate, setTimeout];

const TIME_LIMIT_MS = 3_600_000;

/** Turns of the event loop in which nothing was under way, after which nothing is: a callback of Node's may bring another. */
const QUIET_TURNS = 2;

/** Turns that are spent on waiting for a piece of real work before the thread rests between them. */
const BUSY_TURNS = 100;

/**
 * Turns that a program may take, and pieces of real work that it may begin, while no time passes. One that takes more waits for
 * time, or will not end. The turns take some seconds.
 */
const MOST_STEPS = 300_000;

let isUnderWay = false;

/**
 * Runs `body` in a simulation, and settles as it does. The code in it that connects, listens and resolves names by this
 * library does so on hosts in memory, unmodified, and all that waits or asks for the time does so by virtual time: when
 * nothing is left to run, time jumps to the next event. A whole hour of timeouts takes milliseconds.
 *
 * Virtual are `setTimeout`, `setInterval` and what clears them, `node:timers/promises`, `AbortSignal.timeout`, `Date`,
 * `performance.now`, `process.hrtime` and `uptime`, and every timeout of this library. `setImmediate`, `process.nextTick` and
 * promises are as ever. Files, compression and other work of the process take no virtual time: that stands still until they
 * are done.
 * `node:net` itself, `fetch`, child processes, workers and `Temporal.Now` are real, and virtual time does not wait for them.
 *
 * Everything random follows from `seed`, `Math.random()` included: the same seed gives the same {@link Network.log}. When the
 * simulation is over, what still waits for time or the network waits for ever, and `run` of a host rejects. Other code that it
 * has left behind has the time of the machine and no network (`ERR_SIMULATION_OVER`), and no part in a later simulation.
 *
 * Real work ends in the order in which the machine ends it. A program that begins several pieces at the same time, and lets
 * the network see which one was done first, may have another log each time: such a program should await one after the other.
 *
 * @example
 * await simulate({ seed: 1 }, async (network) => {
 *   const [client, server] = [network.host("client"), network.host("server")];
 *   await server.run(async () => void serve(await listen(80), echo));
 *   network.partition(client, server);
 *   await client.run(() => connect("server", 80, { timeout: 5_000 }));   // rejects, in no time at all
 * });
 *
 * @throws what `body` throws; the message names the seed. What is no error, or cannot be changed, is the `cause` of an error
 *   that does
 * @throws Error `ERR_DEADLOCK` if `body` waits for what can never happen, or takes 300 000 turns while no time passes:
 *   the message says which host waits for what;
 *   `ERR_TIME_LIMIT` if it has not settled within `timeLimit`; `ERR_BUSY` if another simulation is under way in this thread
 * @throws Error `ERR_MODULE_NOT_FOUND` if the package `@sinonjs/fake-timers` is not installed
 * @throws TypeError, RangeError for wrong options
 */
export async function simulate<T>(
  options: SimulationOptions,
  body: (network: Network) => T | Promise<T>,
): Promise<T> {
  const {
    seed = anySeed(),
    latency = [1, 5],
    bandwidth,
    timeLimit = TIME_LIMIT_MS,
  } = checkedSimulation(options);
  checkFunction("body", body);
  if (isUnderWay)
    throw failure(
      "ERR_BUSY",
      "another simulation is under way in this thread, and each needs the clock for itself",
    );
  isUnderWay = true;
  try {
    const clock = new VirtualClock(await fakeClock(START));
    const wires = new Wires(clock, new Random(seed), { latency, bandwidth });
    return await new Simulation(seed, wires, timeLimit).run(body);
  } finally {
    isUnderWay = false;
  }
}

const SPINS = `: it has taken ${String(MOST_STEPS)} turns of the event loop, or begun as many pieces of work, while no time passed`;

type Outcome<T> = { readonly value: T } | { readonly error: unknown };

class Simulation {
  readonly #seed: number;
  readonly #wires: Wires;
  readonly #hosts: Hosts = new Map();
  readonly #clock: VirtualClock;
  readonly #timeLimit: number;
  readonly #process: SimulatedProcess;
  #work: RealWork | undefined;
  /** Turns of the event loop since time has moved, but for those that were spent on waiting for real work. */
  #turns = 0;
  #isOver = false;

  constructor(seed: number, wires: Wires, timeLimit: number) {
    this.#seed = seed;
    this.#wires = wires;
    this.#clock = wires.clock;
    this.#timeLimit = timeLimit;
    this.#process = new SimulatedProcess(null, wires.clock);
  }

  async run<T>(body: (network: Network) => T | Promise<T>): Promise<T> {
    const restore = this.#install();
    try {
      const outcome = await this.#outcome(body);
      if ("value" in outcome) return outcome.value;
      throw withSeed(outcome.error, this.#seed);
    } finally {
      this.#isOver = true;
      restore();
    }
  }

  #install(): () => void {
    // Its own numbers: how often a program asks for one must not change what the network does.
    const random = new Random(this.#seed ^ 0x5bd1e995);
    const work = new RealWork(this.#clock);
    const restoreGlobals = replaceGlobals(this.#clock, random, work);
    work.start();
    this.#work = work;
    useClock(libraryClock(this.#clock));
    useNetwork(libraryNetwork(this.#hosts));
    return () => {
      restoreGlobals();
      useClock(systemClock);
      useNetwork(outerNetwork);
      work.stop();
      this.#clock.stop();
      this.#process.end();
      for (const host of this.#hosts.values()) host.end();
    };
  }

  async #outcome<T>(body: (network: Network) => T | Promise<T>): Promise<Outcome<T>> {
    let outcome: Outcome<T> | undefined;
    const settled = (how: Outcome<T>): void => {
      outcome ??= how;
      this.#isOver = true;
    };
    const network = new SimulatedNetwork(this.#seed, this.#wires, this.#hosts);
    const running_ = running.run(this.#process, async () => await body(network));
    running_.then(
      (value) => settled({ value }),
      (error: unknown) => settled({ error }),
    );
    for (;;) {
      await this.#quiet();
      if (outcome !== undefined) return outcome;
      const error = this.#isSpinning ? this.#stuck(SPINS) : this.#goOn();
      if (error !== undefined) return { error };
    }
  }

  /** Moves on to the next event. Returns what ends the simulation, if anything does. */
  #goOn(): Error | undefined {
    const { timers } = this.#clock;
    if (timers === 0) return this.#stuck("");
    this.#turns = 0;
    if (this.#work !== undefined) this.#work.begun = 0;
    try {
      // What runs by it and has lost its async context is still code of the simulation: it must not get at the real network.
      running.run(this.#process, () => this.#clock.fake.next());
    } catch (error) {
      return error as Error;
    }
    if (this.#clock.now() <= this.#timeLimit) return undefined;
    const report = reportOf(this.#hosts.values());
    const limit = String(this.#timeLimit);
    return failure(
      "ERR_TIME_LIMIT",
      `the simulation has not ended within ${limit} ms of virtual time:${report}`,
    );
  }

  #stuck(why: string): Error {
    const report = reportOf(this.#hosts.values());
    return failure("ERR_DEADLOCK", `the simulation waits for what can never happen${why}:${report}`);
  }

  /** Whether the program takes turn after turn, so that time never moves. */
  get #isSpinning(): boolean {
    return Math.max(this.#turns, this.#work?.begun ?? 0) > MOST_STEPS;
  }

  /** Resolves when all that can happen without time has happened, or the program is spinning. */
  async #quiet(): Promise<void> {
    let [quiet, busy] = [0, 0];
    while (quiet < QUIET_TURNS && !this.#isOver && !this.#isSpinning) {
      await (busy < BUSY_TURNS ? nextTurn() : shortRest());
      if (this.#work?.isUnderWay === true) [quiet, busy] = [0, busy + 1];
      else {
        busy = 0;
        this.#turns++;
        const takesTurns = this.#work?.takeTurns() === true || this.#clock.turns > 0;
        quiet = takesTurns ? 0 : quiet + 1;
      }
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void realTurn(resolve));
}

function shortRest(): Promise<void> {
  return new Promise((resolve) => void realTimeout(resolve, 1));
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
