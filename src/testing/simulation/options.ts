import { checkTimeout, outOfRange, wrongType } from "../../options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "../../options/schema.js";

/** How a simulation behaves where nothing else is said of a link. */
export interface SimulationOptions {
  /**
   * What everything random follows from: a whole number from 0 up to 4 294 967 295. The same seed gives the same log.
   *
   * @default any number; the message of a failure names it
   * @example await simulate({ seed: 42 }, body);
   */
  seed?: number | undefined;
  /**
   * Milliseconds that a packet takes from host to host: always as many, or any number between two.
   *
   * @default [1, 5]
   * @example await simulate({ latency: [20, 80] }, body);
   */
  latency?: number | readonly [least: number, most: number] | undefined;
  /**
   * Bytes per second that a link carries in each direction.
   *
   * @default Infinity
   * @example await simulate({ bandwidth: 125_000 }, body); // one megabit per second
   */
  bandwidth?: number | undefined;
  /**
   * Most virtual milliseconds that the simulation may take; `Infinity`: no bound.
   *
   * @default 3_600_000
   * @example await simulate({ timeLimit: 25 * 3_600_000 }, body);
   */
  timeLimit?: number | undefined;
}

/** How a link between two hosts behaves. What is left out stays as it was. */
export interface LinkOptions {
  /** Milliseconds that a packet takes: as many, or any number between two. */
  latency?: number | readonly [least: number, most: number] | undefined;
  /** Milliseconds more that a packet may take. No packet overtakes another one. */
  jitter?: number | undefined;
  /** Bytes per second in each direction; `Infinity`: no bound. */
  bandwidth?: number | undefined;
  /** The part of the packets that are lost, from 0 to 1. TCP sends them again, so what is seen of a loss is a delay. */
  loss?: number | undefined;
}

/** The addresses of a host. */
export interface HostOptions {
  /**
   * The literal addresses that the host has, and its name resolves to, in this order.
   *
   * @default one of IPv4 and one of IPv6
   * @example network.host("server", { addresses: ["203.0.113.7", "2001:db8::7"] });
   */
  addresses?: readonly string[] | undefined;
}

const SIMULATION = schemaOf<SimulationOptions>(
  { seed: checkSeed, latency: checkLatency, bandwidth: checkBandwidth, timeLimit: checkTimeout },
  { insteadOfFunction: "the function that is simulated is the second argument" },
);

const LINK = schemaOf<LinkOptions>({
  latency: checkLatency,
  jitter: checkFinite,
  bandwidth: checkBandwidth,
  loss: checkPart,
});

const HOST = schemaOf<HostOptions>({ addresses: checkList });

export function checkedSimulation(given: SimulationOptions): Complete<SimulationOptions> {
  return checkedOptions(given, SIMULATION, ({ seed, latency, bandwidth, timeLimit }) => ({
    ...{ seed, latency, bandwidth, timeLimit },
  }));
}

export function checkedLink(given: LinkOptions): Complete<LinkOptions> {
  return checkedOptions(given, LINK, ({ latency, jitter, bandwidth, loss }) => ({
    ...{ latency, jitter, bandwidth, loss },
  }));
}

export function checkedHost(given: HostOptions | undefined): Complete<HostOptions> {
  return checkedOptions(given, HOST, ({ addresses }) => ({ addresses }));
}

function checkSeed(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** 32)
    throw outOfRange(name, "a whole number from 0 up to 4294967295", value);
}

function checkLatency(name: string, value: unknown): void {
  if (!Array.isArray(value)) {
    checkFinite(name, value);
    return;
  }
  for (const bound of value as unknown[]) checkFinite(name, bound);
  const [least, most] = value as number[];
  if (value.length !== 2 || (least as number) > (most as number))
    throw outOfRange(name, "a number of milliseconds, or two of which the first is not larger", value);
}

/** Milliseconds that do pass. */
export function checkFinite(name: string, value: unknown): void {
  checkTimeout(name, value);
  if (value === Infinity) throw outOfRange(name, "finite", value);
}

function checkBandwidth(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongType(name, "a number of bytes per second", value);
  if (!(value > 0)) throw outOfRange(name, "more than 0 (partition() carries nothing)", value);
}

function checkPart(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongType(name, "a number from 0 to 1", value);
  if (!(value >= 0 && value <= 1)) throw outOfRange(name, "a number from 0 to 1", value);
}

function checkList(name: string, value: unknown): void {
  if (!Array.isArray(value) || value.length === 0) throw wrongType(name, "a list of addresses", value);
}
