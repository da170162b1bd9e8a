import { jest } from "@jest/globals";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  connect,
  connectTo,
  listen,
  type AttemptEvent,
  type LookupEvent,
  type LookupFunction,
} from "../src/index.js";
import { channels } from "../src/diagnostics.js";
import { lookupOf } from "./support/lookups.js";
import { failure, netError, turn } from "./support/outcomes.js";
import { closeAll, keep, loopback, socketPath, unusedPort } from "./support/peers.js";

/** The fields of both kinds of events. */
type Event = Partial<AttemptEvent> & LookupEvent;
type Told = [channel: string, event: Event];

const NAMES = [
  "tcp6:lookup",
  "tcp6:attempt:start",
  "tcp6:attempt:fail",
  "tcp6:attempt:lose",
  "tcp6:attempt:win",
];

let told: Told[];

function note(event: unknown, channel: string | symbol): void {
  told.push([String(channel), event as Event]);
}

/** The channels that were used, in order, each with the address it was about. */
function story(events = told): string[] {
  return events.map(([channel, { address }]) => [channel, address ?? ""].join(" ").trim());
}

/** The one event of a channel. */
function only(channel: string): Event {
  const events = told.filter(([name]) => name === channel);
  expect(events).toHaveLength(1);
  return (events as [Told])[0][1];
}

beforeEach(() => {
  told = [];
  for (const name of NAMES) subscribe(name, note);
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const name of NAMES) unsubscribe(name, note);
  await closeAll();
});

test("a name that is reached at once: a lookup, a start and a win", async () => {
  const { port } = await loopback();
  keep(await connect("one.test", port, { lookup: lookupOf("127.0.0.1") }));
  expect(story()).toEqual(["tcp6:lookup", "tcp6:attempt:start 127.0.0.1", "tcp6:attempt:win 127.0.0.1"]);
  const id = expect.any(Number) as number;
  const elapsed = expect.any(Number) as number;
  const duration = expect.any(Number) as number;
  const call = { id, host: "one.test", elapsed };
  const address = { address: "127.0.0.1", port, family: 4 };
  expect(only("tcp6:lookup")).toEqual({ ...call, addresses: [address] });
  expect(only("tcp6:attempt:start")).toEqual({ ...call, ...address });
  expect(only("tcp6:attempt:win")).toEqual({ ...call, ...address, duration });
});

test("elapsed is the time since the call, and duration that since the attempt", async () => {
  const { port } = await loopback();
  const before = performance.now();
  keep(await connect("one.test", port, { lookup: lookupOf("127.0.0.1") }));
  const whole = performance.now() - before;
  const times = told.map(([, { elapsed }]) => elapsed);
  expect(times).toHaveLength(3);
  expect(times.toSorted((one, other) => one - other)).toEqual(times);
  for (const time of times) expect(time >= 0 && time <= whole).toBe(true);
  const { duration = NaN, elapsed } = only("tcp6:attempt:win");
  expect(duration >= 0 && duration <= elapsed).toBe(true);
});

test("a lookup lists the addresses in the resolver's order, not in that of the race", async () => {
  const port = await unusedPort();
  const addresses = ["127.0.0.1", "127.0.0.2", "::1"];
  await netError(connect("three.test", port, { lookup: lookupOf(...addresses) }));
  expect(only("tcp6:lookup").addresses?.map(({ address }) => address)).toEqual(addresses);
  expect(story().filter((event) => event.startsWith("tcp6:attempt:start"))).toEqual([
    "tcp6:attempt:start 127.0.0.1",
    "tcp6:attempt:start ::1",
    "tcp6:attempt:start 127.0.0.2",
  ]);
});

test("an attempt that fails has ended before the next is started, and has its error", async () => {
  const { port } = await loopback();
  const closed = await unusedPort();
  const addresses = [
    { address: "127.0.0.2", port: closed, family: 4 as const },
    { address: "127.0.0.1", port, family: 4 as const },
  ];
  keep(await connectTo(addresses, { attemptDelay: 60_000 }));
  expect(story()).toEqual([
    "tcp6:attempt:start 127.0.0.2",
    "tcp6:attempt:fail 127.0.0.2",
    "tcp6:attempt:start 127.0.0.1",
    "tcp6:attempt:win 127.0.0.1",
  ]);
  const { error, duration } = only("tcp6:attempt:fail");
  expect(error).toMatchObject({ name: "NetError", code: "ECONNREFUSED", address: "127.0.0.2", port: closed });
  expect(duration).toBeGreaterThan(0);
});

test("the error of a failed attempt is the one in `attempts` of the call's error", async () => {
  const error = await netError(connect("127.0.0.1", await unusedPort()));
  expect(only("tcp6:attempt:fail").error).toBe(error.attempts?.[0]);
});

test("the events of a call share an id, a host and a clock that only goes forward", async () => {
  const { port } = await loopback({}, await unusedPort());
  keep(await connect("two.test", port, { lookup: lookupOf("127.0.0.2", "127.0.0.1") }));
  const events = told.map(([, event]) => event);
  expect(new Set(events.map(({ id }) => id)).size).toBe(1);
  expect(new Set(events.map(({ host }) => host))).toEqual(new Set(["two.test"]));
  const times = events.map(({ elapsed }) => elapsed);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(times[0]).toBeGreaterThanOrEqual(0);
  for (const { duration = 0, elapsed } of events) expect(duration).toBeLessThanOrEqual(elapsed);
});

test("calls at the same time are told apart by their ids", async () => {
  const { port } = await loopback();
  const hosts = ["a.test", "b.test", "c.test"];
  const calls = hosts.map((host) => connect(host, port, { lookup: lookupOf("127.0.0.1") }));
  for (const connection of await Promise.all(calls)) keep(connection);
  const ids = new Set(told.map(([, { id }]) => id));
  expect(ids.size).toBe(3);
  for (const id of ids) {
    const own = told.filter(([, event]) => event.id === id);
    expect(new Set(own.map(([, { host }]) => host)).size).toBe(1);
    expect(story(own)).toEqual(["tcp6:lookup", "tcp6:attempt:start 127.0.0.1", "tcp6:attempt:win 127.0.0.1"]);
  }
});

test("a lookup that fails is published with its error, and no attempt is", async () => {
  const lookup: LookupFunction = (_host, _options, answer) =>
    answer(Object.assign(new Error("no"), { code: "ENOTFOUND" }), []);
  const error = await netError(connect("none.test", 80, { lookup }));
  expect(story()).toEqual(["tcp6:lookup"]);
  const event = only("tcp6:lookup");
  expect(event).toMatchObject({ host: "none.test", error: { code: "ENOTFOUND", operation: "resolve" } });
  expect(event.error).toBe(error);
  expect(event).not.toHaveProperty("addresses");
});

test("a lookup that the deadline ends is published too", async () => {
  const lookup = (): void => undefined;
  await netError(connect("silent.test", 80, { lookup, timeout: 20 }));
  await turn();
  expect(story()).toEqual(["tcp6:lookup"]);
  expect(only("tcp6:lookup").error).toMatchObject({ name: "AbortError" });
});

test("attempts that run when the call is aborted are published as lost", async () => {
  const { port } = await loopback();
  const stop = new AbortController();
  const reason = new Error("enough");
  const abort = (): void => stop.abort(reason);
  subscribe("tcp6:attempt:start", abort);
  try {
    expect(await failure(connect("127.0.0.1", port, { signal: stop.signal }))).toBe(reason);
  } finally {
    unsubscribe("tcp6:attempt:start", abort);
  }
  await turn();
  expect(story()).toEqual(["tcp6:lookup", "tcp6:attempt:start 127.0.0.1", "tcp6:attempt:lose 127.0.0.1"]);
  expect(only("tcp6:attempt:lose")).not.toHaveProperty("error");
  expect(only("tcp6:attempt:lose").duration).toBeGreaterThanOrEqual(0);
});

test("an attempt at a Unix socket has its path, and no port, family, host and lookup", async () => {
  const path = socketPath();
  keep(await listen({ path }));
  keep(await connect({ path }));
  expect(story()).toEqual([`tcp6:attempt:start ${path}`, `tcp6:attempt:win ${path}`]);
  const { port, family, host } = only("tcp6:attempt:win");
  expect({ port, family, host }).toEqual({ port: undefined, family: undefined, host: undefined });
});

test("a call with wrong arguments publishes nothing", async () => {
  await failure(connect("localhost", 80, { attemptDelay: -1 }));
  await failure(connect("localhost", -1));
  await failure(connectTo([]));
  expect(told).toEqual([]);
});

test("without subscribers nothing is published", async () => {
  for (const name of NAMES) unsubscribe(name, note);
  const publish = Object.values(channels).map((channel) => jest.spyOn(channel, "publish"));
  const { port } = await loopback({}, await unusedPort());
  keep(await connect("one.test", port, { lookup: lookupOf("127.0.0.2", "127.0.0.1") }));
  await netError(connect("127.0.0.1", await unusedPort()));
  for (const spy of publish) expect(spy).not.toHaveBeenCalled();
  expect(publish).toHaveLength(NAMES.length);
});

test("a subscriber of one channel gets the events of that channel alone", async () => {
  for (const name of NAMES) if (name !== "tcp6:attempt:win") unsubscribe(name, note);
  const { port } = await loopback();
  keep(await connect("127.0.0.1", port));
  expect(story()).toEqual(["tcp6:attempt:win 127.0.0.1"]);
});
