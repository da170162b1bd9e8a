/** Races of addresses over a simulated network, held against RFC 8305: see `expectedRace`. */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import timersPromises from "node:timers/promises";
import {
  connect,
  listen,
  NetError,
  NetTimeoutError,
  serve,
  type AttemptEvent,
  type Connection,
  type OperationOptions,
} from "../../src/index.js";
import { simulate, type Host, type Network } from "../../src/testing/index.js";
import type { FakeClock } from "../../src/testing/simulation/fake-timers.js";
import { random } from "../../src/testing/random.js";
import { SimulatedHost } from "../../src/testing/simulation/host.js";
import {
  expectedRace,
  type Behaviour,
  type Bounds,
  type ExpectedAttempt,
} from "../support/happy-eyeballs.js";
import { failure } from "../support/outcomes.js";

/** How an address can behave: the ms that it takes to connect or to fail, and the code that it fails with. */
const KINDS = {
  answers: { after: 22, code: null },
  slow: { after: 406, code: null },
  verySlow: { after: 2_022, code: null },
  refused: { after: 34, code: "ECONNREFUSED" },
  // No host has the address: the kernel looks for it for 3 s.
  unreachable: { after: 3_000, code: "EHOSTUNREACH" },
  // The kernel sends its SYN seven times.
  silent: { after: 127_000, code: "ETIMEDOUT" },
} as const;

type Kind = keyof typeof KINDS;

/** How many addresses of each kind and family there are. */
const ADDRESSES = 20;

function addressOf(kind: Kind, family: 4 | 6, index: number): string {
  const number = Object.keys(KINDS).indexOf(kind) + 1;
  return family === 4
    ? `10.${String(number)}.0.${String(index)}`
    : `fd00:${String(number)}::${index.toString(16)}`;
}

/** A host for each kind, with all the addresses of that kind, and a client. */
interface World {
  readonly network: Network;
  readonly client: Host;
  readonly hosts: readonly SimulatedHost[];
  /** The addresses at which clients were accepted. */
  readonly accepted: string[];
}

function simulated(host: Host): SimulatedHost {
  if (host instanceof SimulatedHost) return host;
  throw new TypeError("not a simulated host");
}

async function world(network: Network, addresses: string[]): Promise<World> {
  const client = simulated(network.host("client", { addresses }));
  const hosts = [client];
  const accepted: string[] = [];
  for (const [kind, { after }] of Object.entries(KINDS)) {
    if (kind === "unreachable") continue;
    const indices = Array.from({ length: ADDRESSES }, (_, index) => index + 1);
    const own = indices.flatMap((index) => [
      addressOf(kind as Kind, 4, index),
      addressOf(kind as Kind, 6, index),
    ]);
    const host = simulated(network.host(kind, { addresses: own }));
    hosts.push(host);
    network.link(client, host, { latency: after / 2 });
    if (kind === "silent") network.partition(client, host);
    else if (kind !== "refused")
      await host.run(async () => {
        const listener = await listen(80, { backlog: 100_000 });
        void serve(listener, ({ localAddress }) => void accepted.push(String(localAddress)));
      });
  }
  return { network, client, hosts, accepted };
}

/** Waits until the kernels have forgotten all, and looks for what was left behind. */
async function nothingLeft({ hosts }: World): Promise<void> {
  for (const host of hosts) {
    if (!(host instanceof SimulatedHost)) throw new TypeError("not a simulated host");
    expect([host.name, host.dialling.size, host.transports.size]).toEqual([host.name, 0, 0]);
  }
  await timersPromises.setTimeout(130_000);
  for (const { name, endpoints } of hosts as SimulatedHost[])
    expect([name, endpoints.size]).toEqual([name, 0]);
  const { clock } = Date as unknown as { readonly clock: FakeClock };
  expect(clock.countTimers()).toBe(0);
}

/** The events of attempts, by the name that was connected to. */
class Attempts {
  readonly #of = new Map<string, { address: string; begun: number; outcome: string; duration: number }[]>();
  readonly #channels = ["start", "fail", "lose", "win"].map((what) => ({
    name: `tcp6:attempt:${what}`,
    listener: (message: unknown) => this.#note(what, message as AttemptEvent),
  }));

  constructor() {
    for (const { name, listener } of this.#channels) subscribe(name, listener);
  }

  of(name: string): readonly ExpectedAttempt[] {
    return this.#of.get(name) ?? [];
  }

  [Symbol.dispose](): void {
    for (const { name, listener } of this.#channels) unsubscribe(name, listener);
  }

  #note(what: string, { host = "", address, elapsed, duration = NaN, error }: AttemptEvent): void {
    const all = this.#of.get(host) ?? [];
    this.#of.set(host, all);
    if (what === "start") all.push({ address, begun: elapsed, outcome: "under way", duration: NaN });
    const attempt = all.find((one) => one.address === address);
    if (what === "start" || attempt === undefined) return;
    expect(attempt.outcome).toBe("under way");
    const code = (error as NetError | undefined)?.code ?? "no error";
    Object.assign(attempt, { duration, outcome: what === "win" ? "won" : what === "lose" ? "lost" : code });
  }
}

/** One race of addresses, by a name of its own. */
interface Race {
  readonly name: string;
  readonly addresses: readonly Behaviour[];
  readonly bounds: Bounds;
  /** What ends the call after `bounds.timeout`, if anything does by then. */
  readonly endedBy: "timeout" | "signal";
}

let races = 0;

/** A race of addresses of these kinds. Their families differ from one race to the next. */
function raceOf(kinds: readonly Kind[], bounds: Bounds = {}, endedBy: Race["endedBy"] = "timeout"): Race {
  const families = races++;
  const addresses = kinds.map((kind, at) => {
    const family = (families >> (at % 4)) & 1 ? 6 : 4;
    return { address: addressOf(kind, family, at + 1), family, ...KINDS[kind] } as const;
  });
  const text = addresses
    .map(({ family }, at) => `${String(kinds[at]).slice(0, 4)}-v${String(family)}`)
    .join(".");
  return { name: `${String(races)}.${text}.example`, addresses, bounds, endedBy };
}

const FIVE: readonly Kind[] = ["answers", "slow", "refused", "unreachable", "silent"];

/** Every combination of kinds for one to `most` addresses. */
function combinations(most: number, kinds = FIVE): Kind[][] {
  if (most === 0) return [];
  const shorter = combinations(most - 1, kinds);
  const longest = most === 1 ? [[]] : shorter.filter(({ length }) => length === most - 1);
  return [...shorter, ...longest.flatMap((some) => kinds.map((kind) => [...some, kind]))];
}

interface Outcome {
  readonly settles: { readonly address: string | undefined } | { readonly code: string };
  readonly total: number;
  readonly attempts: readonly ExpectedAttempt[];
  /** What the error says of each attempt. */
  readonly told?: readonly object[] | undefined;
}

const reason = Object.assign(new Error("given up"), { code: "given up" });

/** Runs a race, and resolves to how it ended. */
async function run({ network, client }: World, race: Race, seen: Attempts): Promise<Outcome> {
  const { name, addresses, bounds, endedBy } = race;
  const start = network.now;
  const stop = new AbortController();
  const { timeout, ...others } = bounds;
  const timer =
    endedBy === "timeout" || timeout === undefined
      ? undefined
      : setTimeout(() => stop.abort(reason), timeout);
  const options = endedBy === "timeout" ? bounds : { ...others, signal: stop.signal };
  const lookup = () => Promise.resolve(addresses.map(({ address }) => address));
  try {
    const connection = await client.run(() => connect(name, 80, { ...options, lookup }));
    const { remoteAddress } = connection;
    connection.reset();
    return { settles: { address: remoteAddress }, total: network.now - start, attempts: seen.of(name) };
  } catch (error) {
    const outcome = { total: network.now - start, attempts: seen.of(name) };
    if (error === reason) return { settles: { code: reason.code }, ...outcome };
    if (!(error instanceof NetError)) throw error;
    const { message, code } = error;
    expect(error instanceof NetTimeoutError).toBe(code === "ETIMEDOUT");
    expect(error).toMatchObject({ operation: "connect", host: name });
    for (const { address } of outcome.attempts) expect(message).toContain(address);
    const told = error.attempts?.map(({ address, code, duration }) => ({ address, code, duration }));
    return { settles: { code }, ...outcome, told };
  } finally {
    clearTimeout(timer);
  }
}

/** How RFC 8305 and the documentation have a race end. */
function expectedOf({ addresses, bounds, endedBy }: Race): Outcome {
  const { attempts, settles, total } = expectedRace(addresses, bounds);
  if ("address" in settles) return { settles, total, attempts };
  const isCut = total === bounds.timeout;
  if (isCut && endedBy === "signal") return { settles: { code: reason.code }, total, attempts };
  const told = attempts.map(({ address, outcome, duration }) => {
    return { address, code: outcome === "lost" ? "ETIMEDOUT" : outcome, duration };
  });
  return { settles, total, attempts, told };
}

const BOTH_FAMILIES = ["10.0.0.1", "fd00::1"];

/** Runs all races at once, and holds each against RFC 8305. */
async function hold(given: readonly Race[], ownAddresses = BOTH_FAMILIES): Promise<void> {
  expect(given.length).toBeGreaterThan(0);
  await simulate({ seed: 1, timeLimit: Infinity }, async (network) => {
    const all = await world(network, ownAddresses);
    using seen = new Attempts();
    const outcomes = await Promise.all(
      given.map(async (race) => [race.name, await run(all, race, seen)] as const),
    );
    const expected = given.map((race) => [race.name, expectedOf(race)] as const);
    expect(Object.fromEntries(outcomes)).toEqual(Object.fromEntries(expected));
    const winners = expected.flatMap(([, { settles }]) =>
      "address" in settles ? String(settles.address) : [],
    );
    expect(all.accepted.sort()).toEqual(winners.sort());
    await nothingLeft(all);
  });
}

test("every combination of answering, slow, refused, unreachable and silent, for up to four addresses", async () => {
  const every = combinations(4);
  expect(every).toHaveLength(5 + 25 + 125 + 625);
  await hold(every.map((kinds) => raceOf(kinds)));
});

test("the same for up to three addresses, with other delays and with a timeout for each attempt", async () => {
  const bounds = [
    { attemptDelay: Infinity },
    { attemptDelay: 10, attemptTimeout: 1_000 },
    { attemptDelay: 1_100, attemptTimeout: 399 },
    { attemptTimeout: 5 },
  ];
  await hold(combinations(3).map((kinds, at) => raceOf(kinds, bounds[at % bounds.length])));
});

test("the same with a deadline or an abort at every stage of the race: what ran until then has lost", async () => {
  const times = [1, 11, 29, 53, 157, 301, 503, 1_507, 3_111, 100_003];
  const races = combinations(3).map((kinds, at) => {
    const timeout = times[at % times.length] as number;
    return [raceOf(kinds, { timeout }), raceOf(kinds, { timeout }, "signal")];
  });
  await hold(races.flat());
});

test("a client without IPv6: an address of that family fails at once, and so the next is tried at once", async () => {
  const races = combinations(3).map((kinds) => raceOf(kinds));
  const isIPv6 = { after: 0, code: "ENETUNREACH" };
  const seenFromThere = races.map((race) => ({
    ...race,
    addresses: race.addresses.map((one) => (one.family === 6 ? { ...one, ...isIPv6 } : one)),
  }));
  await hold(seenFromThere, ["10.0.0.1"]);
});

test("many addresses of all kinds, of which at most 16 are tried at a time", async () => {
  const kinds = ["silent", "unreachable", "refused", "answers", "slow", "verySlow"] as const;
  const below = random(1);
  const races = Array.from({ length: 30 }, (_, at) => {
    // Few that answer or are refused: the race would never be full.
    const some = Array.from({ length: 5 + below(16) }, () => kinds[below(below(12) === 0 ? 6 : 2)] as Kind);
    return raceOf(some, at % 3 === 0 ? { attemptTimeout: 4_900 } : { attemptDelay: 57 });
  });
  await hold(races);
});

test("twenty silent addresses: the 17th is tried when the first has failed", async () => {
  const silent = Array.from({ length: 20 }, () => "silent" as const);
  const { attempts } = expectedRace(raceOf(silent).addresses);
  expect(attempts[15]?.begun).toBe(15 * 250);
  expect(attempts.slice(16).map(({ begun }) => begun)).toEqual([127_000, 127_250, 127_500, 127_750]);
  await hold([
    raceOf(silent),
    raceOf(silent, { attemptTimeout: 5_000 }),
    raceOf(silent, { timeout: 130_000 }),
  ]);
});

test("the race begins when the lookup has answered, and the deadline and the signal end the lookup, too", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const all = await world(network, BOTH_FAMILIES);
    using seen = new Attempts();
    const given: AbortSignal[] = [];
    const lookup = async (_name: string, { signal }: { signal: AbortSignal }): Promise<string[]> => {
      given.push(signal);
      await timersPromises.setTimeout(1_000);
      return [addressOf("refused", 6, 1), addressOf("slow", 4, 1)];
    };
    const dial = (name: string, bounds: OperationOptions): Promise<Connection> =>
      all.client.run(() => connect(name, 80, { ...bounds, lookup }));
    (await dial("slow.example", {})).reset();
    expect(network.now).toBe(1_000 + 34 + 406);
    expect(seen.of("slow.example").map(({ begun }) => begun)).toEqual([1_000, 1_034]);

    const start = network.now;
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 700);
    const [timedOut, aborted] = [
      dial("late.example", { timeout: 600 }),
      dial("left.example", { signal: stop.signal }),
    ];
    expect(await failure(timedOut)).toMatchObject({
      code: "ETIMEDOUT",
      operation: "connect",
      host: "late.example",
    });
    expect(network.now - start).toBe(600);
    expect(await failure(aborted)).toBe(reason);
    expect(network.now - start).toBe(700);
    expect(await failure(dial("never.example", { signal: stop.signal }))).toBe(reason);
    expect(given.map(({ aborted }) => aborted)).toEqual([false, true, true]);
    await nothingLeft(all);
    expect(["late", "left", "never"].flatMap((name) => seen.of(`${name}.example`))).toEqual([]);
    expect(all.accepted).toEqual([addressOf("slow", 4, 1)]);
  });
});

test("of two addresses that have connected while the program was busy one wins, and the other is reset", async () => {
  await simulate({ seed: 1, latency: 20 }, async (network) => {
    const client = network.host("client");
    const ends = [1, 2].map(async (number) => {
      const address = `10.9.0.${String(number)}`;
      const host = network.host(`server${String(number)}`, { addresses: [address] });
      const connection = await host.run(async () => await (await listen(80)).accept());
      const end = connection.readExactly(5).then(String, (error: unknown) => (error as NetError).code);
      return `${address} ${await end}`;
    });
    await timersPromises.setTimeout(1);
    const lookup = () => Promise.resolve(["10.9.0.1", "10.9.0.2"]);
    const start = network.now;
    const connecting = client.run(() => connect("both.example", 80, { attemptDelay: 10, lookup }));
    await timersPromises.setTimeout(15);
    client.stall(100);
    const winner = await connecting;
    expect(network.now - start).toBe(115);
    await winner.write("hello");
    expect(winner.remoteAddress).toBe("10.9.0.1");
    expect(await Promise.all(ends)).toEqual(["10.9.0.1 hello", "10.9.0.2 ECONNRESET"]);
    winner.reset();
  });
});
