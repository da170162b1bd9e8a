import type { LookupAddress } from "node:dns";
import type { Server } from "node:net";
import { familyOf, normalAddress } from "../../address/endpoint.js";
import { systemNetwork, type Network as LibraryNetwork, type LookupRequest } from "../../core/network.js";
import { wrongType, wrongValue } from "../../options/checks.js";
import { Dialling } from "./dial.js";
import { SimulatedHost, type Host } from "./host.js";
import type { NetworkEvent } from "./log.js";
import { checkedHost, checkedLink, type HostOptions, type LinkOptions } from "./options.js";
import { currentProcess } from "./process.js";
import { SimulatedServer } from "./server.js";
import { LOOPBACK_ADDRESSES, type Wires } from "./wires.js";

/** A network in memory, whose hosts and links the body of a simulation makes. */
export interface Network {
  /** What everything random follows from. */
  readonly seed: number;
  /** Virtual milliseconds since the start. */
  readonly now: number;
  /** What has happened so far: the same for the same seed. As text each event is one line. */
  readonly log: readonly NetworkEvent[];
  /** Makes a host, which is up and connected with all others. Its name resolves to its addresses on each of them. */
  host(name: string, options?: HostOptions): Host;
  /** Changes how packets travel between two hosts from now on, in both directions. */
  link(a: Host | string, b: Host | string, options: LinkOptions): void;
  /** Cuts the link between two hosts: what they send each other is lost without a word. */
  partition(a: Host | string, b: Host | string): void;
  /** Mends a link that was cut. */
  heal(a: Host | string, b: Host | string): void;
}

/** The hosts by their names. */
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
    if (typeof name !== "string") throw wrongType("name", "a string", name);
    const hosts = this.#hosts;
    if (name === "" || name === "localhost" || familyOf(name) !== 0 || hosts.has(name))
      throw wrongValue("name", "one that no other host has, and no address", name);
    const number = hosts.size + 1;
    const given = checkedHost(options).addresses ?? [
      `10.0.${String(number >> 8)}.${String(number & 255)}`,
      `fd00::${number.toString(16)}`,
    ];
    const host = new SimulatedHost(
      name,
      given.map((address) => this.#checkedAddress(address)),
      this.#wires,
    );
    hosts.set(name, host);
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
    const found = this.#hosts.get(typeof given === "string" ? given : ((given as Partial<Host>).name ?? ""));
    if (found === undefined) throw wrongValue(argument, "a host of this network, or its name", given);
    return found;
  }

  #checkedAddress(address: string): string {
    if (typeof address !== "string" || familyOf(address) === 0)
      throw wrongValue("addresses", "a list of literal addresses", address);
    const normal = normalAddress(address);
    if (LOOPBACK_ADDRESSES.includes(normal) || this.#wires.hasAddress(normal))
      throw wrongValue("addresses", "addresses that no other host has", address);
    return normal;
  }
}

/** The network that this library uses while a simulation runs. Code outside of the simulation has the system's. */
export function libraryNetwork(hosts: Hosts): LibraryNetwork {
  return {
    connect: (to, from, connected, failed) => {
      const process = currentProcess();
      if (process === undefined) return systemNetwork.connect(to, from, connected, failed);
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
      if (process === undefined) return systemNetwork.createServer(options);
      if (process.host === null) throw noHost();
      return new SimulatedServer(process.host, process) as unknown as Server;
    },
    lookup: (name, request, callback) => {
      const process = currentProcess();
      if (process === undefined) {
        systemNetwork.lookup(name, request, callback);
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

function addressesOf(name: string, { family, order }: LookupRequest, hosts: Hosts): LookupAddress[] {
  const lowerCase = name.toLowerCase().replace(/\.$/, "");
  const named = [...hosts.values()].find((host) => host.name.toLowerCase() === lowerCase);
  const addresses = lowerCase === "localhost" ? LOOPBACK_ADDRESSES : (named?.addresses ?? []);
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

function noPath(path: string): Error {
  const message = `connect ENOENT ${path}: simulated hosts have no Unix sockets`;
  return Object.assign(new Error(message), { code: "ENOENT", errno: -2, syscall: "connect", address: path });
}
