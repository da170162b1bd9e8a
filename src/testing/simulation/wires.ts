import { NetworkEvent } from "./log.js";
import { sizeOf, textOf, type End, type Packet } from "./packet.js";
import { LOOPBACK, Path } from "./path.js";
import type { LinkOptions } from "./options.js";
import type { Random } from "./random.js";
import type { VirtualClock } from "./virtual-clock.js";

/** What `localhost` resolves to. */
export const LOOPBACK_ADDRESSES: readonly string[] = ["::1", "127.0.0.1"];

/** Whether every host calls itself by an address. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** A host, as the network sees it. */
export interface Reachable {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly isDown: boolean;
  receive(packet: Packet): void;
}

/** What all hosts share: time, chance, the paths between them, and the log. */
export class Wires {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly log: NetworkEvent[] = [];
  readonly #byAddress = new Map<string, Reachable>();
  readonly #paths = new Map<Reachable, Map<Reachable, Path>>();
  readonly #defaults: LinkOptions;

  constructor(clock: VirtualClock, random: Random, defaults: LinkOptions) {
    this.clock = clock;
    this.random = random;
    this.#defaults = defaults;
  }

  note(host: string, event: string): void {
    this.log.push(Object.freeze(new NetworkEvent(this.clock.now(), host, event)));
  }

  add(host: Reachable): void {
    for (const address of host.addresses) this.#byAddress.set(address, host);
  }

  /** The host that `host` reaches by an address. */
  hostAt(address: string, host: Reachable): Reachable | undefined {
    return isLoopback(address) ? host : this.#byAddress.get(address);
  }

  hasAddress(address: string): boolean {
    return this.#byAddress.has(address);
  }

  path(a: Reachable, b: Reachable): Path {
    const found = this.#paths.get(a)?.get(b);
    if (found !== undefined) return found;
    const path = new Path(a === b ? LOOPBACK : this.#defaults, this.clock);
    this.#put(a, b, path);
    this.#put(b, a, path);
    return path;
  }

  /** The hosts from which a partition cuts a host off. */
  cutOffFrom(host: Reachable): Reachable[] {
    return [...(this.#paths.get(host) ?? [])].filter(([, path]) => path.isCut).map(([other]) => other);
  }

  /** The path to the host that `from` reaches by an address. */
  pathTo(from: Reachable, { address }: End): Path | undefined {
    const to = this.hostAt(address, from);
    return to === undefined ? undefined : this.path(from, to);
  }

  send(from: Reachable, packet: Packet): void {
    const to = this.hostAt(packet.to.address, from);
    if (to === undefined || from.isDown) return;
    const path = this.path(from, to);
    const arrives = path.send(from, sizeOf(packet), this.random, () => {
      // What was on its way when the network was cut is lost as well.
      if (!path.isCut && !to.isDown) to.receive(packet);
    });
    if (!arrives) this.note(from.name, `a packet to ${textOf(packet.to)} is lost (${packet.kind})`);
  }

  /** Drops what a host has sent and what has not left it. */
  dropQueues(from: Reachable): void {
    for (const path of this.#paths.get(from)?.values() ?? []) path.dropQueue(from);
  }

  #put(a: Reachable, b: Reachable, path: Path): void {
    let paths = this.#paths.get(a);
    if (paths === undefined) this.#paths.set(a, (paths = new Map<Reachable, Path>()));
    paths.set(b, path);
  }
}
