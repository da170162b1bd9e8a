import type { LookupAddress } from "node:dns";
import type { Server } from "node:net";
import { inspect } from "node:util";
import { checkHost, familyOf } from "../../address/endpoint.js";
import { UNSPECIFIED } from "../../address/resolve.js";
import { systemNetwork, type Network as LibraryNetwork, type LookupRequest } from "../../core/network.js";
import { lineOf, type Style } from "../../inspection.js";
import { wrongValue } from "../../options/checks.js";
import { Dialling } from "./dial.js";
import { SimulatedHost, type Host } from "./host.js";
import type { NetworkEvent } from "./log.js";
import { checkedHost, checkedLink, type HostOptions, type LinkOptions } from "./options.js";
import { canonicalAddress } from "./packet.js";
import { currentProcess } from "./process.js";
import { isLeftBehind } from "./running.js";
import { SimulatedServer } from "./server.js";
import { isLoopback, LOOPBACK_ADDRESSES, type Wires } from "./wires.js";

/** A network in memory, whose hosts and links the body of a simulation makes. */
export interface Network {
  /** What everything random follows from. */
  readonly seed: number;
  /** Virtual milliseconds since the start. */
  readonly now: number;
  /**
   * What has happened so far: the same for the same seed. As text each event is one line. It has every event since the
   * start, about three for each piece of data, and so grows with the traffic.
   */
  readonly log: readonly NetworkEvent[];
  /**
   * Makes a host, which is up and connected with all others. Its name resolves to its addresses on each of them.
   *
   * @throws TypeError for a name or an address that another host has, or that is none
   */
  host(name: string, options?: HostOptions): Host;
  /**
   * Changes how packets travel between two hosts from now on, in both directions. What waits for its turn on a slow link
   * leaves at the new bandwidth. Latency and loss are those of when a packet was sent.
   *
   * @throws TypeError, RangeError for wrong options, hosts of another network and twice the same host
   */
  link(a: Host | string, b: Host | string, options: LinkOptions): void;
  /** Cuts the link between two hosts: what they send each other is lost without a word. Does nothing if it is cut. */
  partition(a: Host | string, b: Host | string): void;
  /** Mends a link that was cut. Does nothing if it is not. */
  heal(a: Host | string, b: Host | string): void;
}

/** The hosts by {@link keyOf} their names. */
export type Hosts = Map<string, SimulatedHost>;

export class SimulatedNetwork implements Network {
  readonly seed: number;
  readonly #wires: Wires;
  readonly #hosts: Hosts;

  constructor(seed: number, wires: Wires, hosts: Hosts) {
    this.seed = seed;
    this.#wires = wires;
    this.#hosts = hosts;
  }

  get now(): number {
    return this.#wires.clock.now();
  }

  get log(): readonly NetworkEvent[] {
    return this.#wires.log;
  }

  host(name: string, options?: HostOptions): Host {
    checkHost("name", name);
    const key = keyOf(name);
    if (key === "localhost" || familyOf(name) !== 0 || this.#hosts.has(key))
      throw wrongValue(
        "name",
        "one that no other host has (upper and lower case are alike), and no address",
        name,
      );
    const { addresses } = checkedHost(options);
    const own = addresses === undefined ? this.#freeAddresses() : this.#checkedAddresses(addresses);
    const host = new SimulatedHost(name, own, this.#wires);
    this.#hosts.set(key, host);
    this.#wires.add(host);
    return host;
  }

  link(a: Host | string, b: Host | string, options: LinkOptions): void {
    this.#path(a, b).set(checkedLink(options));
  }

  partition(a: Host | string, b: Host | string): void {
    this.#cut(a, b, true);
  }

  heal(a: Host | string, b: Host | string): void {
    this.#cut(a, b, false);
  }

  /** @internal */
  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#hosts in this)) return this;
    const hosts = [...this.#hosts.values()].map(({ name }) => name).join(", ");
    return lineOf("Network", `of seed ${String(this.seed)}`, { now: this.now, hosts }, depth, style);
  }

  #cut(a: Host | string, b: Host | string, isCut: boolean): void {
    const path = this.#path(a, b);
    if (path.isCut === isCut) return;
    path.isCut = isCut;
    const names = [a, b].map((host) => (typeof host === "string" ? host : host.name)).join(" and ");
    this.#wires.note("", isCut ? `the link between ${names} is cut` : `the link between ${names} is mended`);
  }

  #path(a: Host | string, b: Host | string): ReturnType<Wires["path"]> {
    const [one, other] = [this.#hostOf("a", a), this.#hostOf("b", b)];
    if (one === other) throw wrongValue("b", "another host", other.name);
    return this.#wires.path(one, other);
  }

  #hostOf(argument: string, given: Host | string): SimulatedHost {
    const name: unknown =
      typeof given === "string" ? given : (given as Partial<Host> | null | undefined)?.name;
    const found = typeof name === "string" ? this.#hosts.get(keyOf(name)) : undefined;
    // A host of another simulation may have the same name.
    if (found === undefined || (typeof given !== "string" && given !== found))
      throw wrongValue(argument, "a host of this network, or its name", given);
    return found;
  }

  /** One address of each family that no host has. */
  #freeAddresses(): string[] {
    for (let number = this.#hosts.size + 1; ; number++) {
      const addresses = [
        `10.0.${String(number >> 8)}.${String(number & 255)}`,
        `fd00::${number.toString(16)}`,
      ];
      if (!addresses.some((address) => this.#wires.hasAddress(address))) return addresses;
    }
  }

  #checkedAddresses(given: readonly string[]): string[] {
    const own = new Set<string>();
    for (const address of given) {
      if (typeof address !== "string" || familyOf(address) === 0)
        throw wrongValue("addresses", "a list of literal addresses", address);
      const normal = canonicalAddress(address);
      if (UNSPECIFIED.includes(normal) || isLoopback(normal) || isOfMany(normal)) {
        const expected = "addresses of one host each: no loopback, multicast, broadcast or unspecified ones";
        throw wrongValue("addresses", expected, address);
      }
      if (own.has(normal) || this.#wires.hasAddress(normal))
        throw wrongValue("addresses", "addresses that no other host has, each of them once", address);
      own.add(normal);
    }
    return [...own];
  }
}

/**
 * The network of code outside of the simulation under way, and that of all code afterwards: the system's. What a simulation
 * has left behind is refused, or it would look for simulated hosts, and listen for simulated clients, on the real network.
 */
export const outerNetwork: LibraryNetwork = {
  connect: (to, from, connected, failed) => {
    if (!isLeftBehind()) return systemNetwork.connect(to, from, connected, failed);
    failed(simulationOver());
    return () => undefined;
  },
  createServer: (options) => {
    if (isLeftBehind()) throw simulationOver();
    return systemNetwork.createServer(options);
  },
  lookup: (name, request, callback) => {
    if (isLeftBehind()) callback(simulationOver(), []);
    else systemNetwork.lookup(name, request, callback);
  },
};

/** The network that this library uses while a simulation runs. */
export function libraryNetwork(hosts: Hosts): LibraryNetwork {
  return {
    connect: (to, from, connected, failed) => {
      const process = currentProcess();
      if (process === undefined) return outerNetwork.connect(to, from, connected, failed);
      // What has crashed, and runs on all the same, gets no answer.
      if (process.isGone) return () => undefined;
      if (process.host === null) failed(noHost());
      else if ("path" in to) failed(noPath(to.path));
      else {
        const dialling = new Dialling(process.host, process, to, connected, failed);
        dialling.begin(from);
        return () => dialling.giveUp();
      }
      return () => undefined;
    },
    createServer: (options) => {
      const process = currentProcess();
      if (process === undefined) return outerNetwork.createServer(options);
      if (process.host === null) throw noHost();
      return new SimulatedServer(process.host, process) as unknown as Server;
    },
    lookup: (name, request, callback) => {
      const process = currentProcess();
      if (process === undefined) {
        outerNetwork.lookup(name, request, callback);
        return;
      }
      const found = addressesOf(name, request, hosts);
      process.soon(() => {
        if (found.length > 0) callback(null, found);
        else callback(notFound(name), []);
      });
    },
  };
}

/** Whether it is a multicast or the broadcast address. */
function isOfMany(address: string): boolean {
  return /^(?:2(?:2[4-9]|3\d)\.|ff[\da-f]{2}:)/.test(address) || address === "255.255.255.255";
}

/** What a host is known by: case and a dot at the end make no difference in a name. */
function keyOf(name: string): string {
  return name.toLowerCase().replace(/\.$/, "");
}

function addressesOf(name: string, { family, order }: LookupRequest, hosts: Hosts): LookupAddress[] {
  const key = keyOf(name);
  const addresses = key === "localhost" ? LOOPBACK_ADDRESSES : (hosts.get(key)?.addresses ?? []);
  const all = addresses.map((address) => ({ address, family: familyOf(address) }));
  const first = order === "ipv4first" ? 4 : order === "ipv6first" ? 6 : 0;
  return [...all.filter((one) => one.family === first), ...all.filter((one) => one.family !== first)].filter(
    (one) => family === undefined || one.family === family,
  );
}

function notFound(hostname: string): Error {
  const message = `getaddrinfo ENOTFOUND ${hostname}`;
  return Object.assign(new Error(message), {
    code: "ENOTFOUND",
    errno: -3008,
    syscall: "getaddrinfo",
    hostname,
  });
}

function noHost(): Error {
  const message =
    "this code of a simulation is on no host: connect and listen within host.run(), not in the body itself or in a callback that has lost its async context";
  return Object.assign(new TypeError(message), { code: "ERR_NO_HOST" });
}

function simulationOver(): Error {
  const message =
    "this code belongs to a simulation that is over, and has no network: the body should await what it has begun";
  return Object.assign(new Error(message), { code: "ERR_SIMULATION_OVER" });
}

function noPath(path: string): Error {
  const message = `connect ENOENT ${path}: simulated hosts have no Unix sockets`;
  return Object.assign(new Error(message), { code: "ENOENT", errno: -2, syscall: "connect", address: path });
}
