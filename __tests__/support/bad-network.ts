/** Simulated networks on which packets are late, uneven and lost. */
import timersPromises from "node:timers/promises";
import type { FakeClock } from "../../src/testing/simulation/fake-timers.js";
import { SimulatedHost } from "../../src/testing/simulation/host.js";
import { simulate, type Host, type Network } from "../../src/testing/index.js";

const SEEDS = [1, 2, 3];

/** Longer than any kernel waits for a peer that does not answer, or keeps a connection that its program has closed. */
const LAST_WAIT_MS = 2_000_000;

/**
 * Runs a body once with each of several seeds, on a network that loses one packet in ten. When the body is done nothing may be
 * left: no connection or server of a host that it returns from, and no timer.
 *
 * The hosts have one address each: of two attempts to connect a server may accept the one that is given up, and the reset of
 * that may be lost.
 *
 * @param names - of the hosts
 */
export async function onBadNetwork<const Names extends readonly string[]>(
  names: Names,
  body: (network: Network, hosts: { readonly [Name in Names[number]]: Host }) => Promise<void>,
): Promise<void> {
  for (const seed of SEEDS) {
    await simulate({ seed, latency: [1, 40], timeLimit: Infinity }, async (network) => {
      const hosts = names.map((name, at) => network.host(name, { addresses: [`10.0.0.${String(at + 1)}`] }));
      for (const [at, a] of hosts.entries()) {
        for (const b of hosts.slice(at + 1)) network.link(a, b, { loss: 0.1, jitter: 20 });
      }
      await body(network, Object.fromEntries(hosts.map((host) => [host.name, host])) as never);
      await sleep(LAST_WAIT_MS);
      expect(leftOn(hosts)).toEqual({ connections: 0, servers: 0, timers: 0 });
    });
  }
}

/** Waits for some virtual milliseconds. Not imported by name: Jest hands out Node's own function then. */
export function sleep(ms: number): Promise<void> {
  return timersPromises.setTimeout(ms);
}

/** A partition of two hosts that begins after `after` ms, lasts for `ms`, and is healed. */
export async function partition(
  network: Network,
  a: Host,
  b: Host,
  ms: number,
  after: number,
): Promise<void> {
  await sleep(after);
  network.partition(a, b);
  await sleep(ms);
  network.heal(a, b);
}

/** What is in the kernels of some hosts, and how many timers are set. */
export function leftOn(hosts: readonly Host[]): { connections: number; servers: number; timers: number } {
  const { clock } = Date as unknown as { readonly clock: FakeClock };
  const left = { connections: 0, servers: 0, timers: clock.countTimers() };
  for (const host of hosts) {
    if (!(host instanceof SimulatedHost)) throw new TypeError("not a simulated host");
    left.connections += host.endpoints.size + host.dialling.size + host.transports.size;
    left.servers += host.servers.size;
  }
  return left;
}
