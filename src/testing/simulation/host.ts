import { inspect } from "node:util";
import { familyOf } from "../../address/endpoint.js";
import { lineOf, type Style } from "../../inspection.js";
import { checkFunction } from "../../options/checks.js";
import { checkFinite } from "./options.js";
import { keyOf, type End, type Packet } from "./packet.js";
import { Ports } from "./ports.js";
import { SimulatedProcess } from "./process.js";
import { running } from "./running.js";
import type { Kernel, Listening, Receiving, Waiting } from "./kernel.js";
import { isLoopback, LOOPBACK_ADDRESSES, type Wires } from "./wires.js";

/** A computer of a simulated network. It comes from `network.host(name)`. */
export interface Host {
  /** The name that it was made by, which resolves to its addresses. */
  readonly name: string;
  /** Its literal addresses. Its name resolves to them, in this order. */
  readonly addresses: readonly string[];
  /**
   * Runs a function on this host, and settles as it does: what `listen`, `connect`, `resolve` and all that builds on them do
   * within it, at once or later, happens here.
   *
   * @throws Error `ERR_HOST_CRASHED` if the host is down, or crashes before the function has settled
   * @throws Error `ERR_SIMULATION_OVER` if the simulation is over
   * @throws TypeError if `body` is no function
   */
  run<T>(body: () => T | Promise<T>): Promise<T>;
  /**
   * The host falls silent: it answers nothing, and nothing of its programs runs any more, but what they have awaited in other
   * ways than the network and timers. What waits for its turn on a slow link is lost. Does nothing on a host that is down.
   */
  crash(): void;
  /** Starts the host again after a crash, without any program: what was open before is answered by RST. */
  restart(): void;
  /**
   * Its programs get no event for `ms` virtual milliseconds: no bytes, clients or timers. The kernel goes on: it acknowledges
   * bytes until its buffers are full, and takes clients until the queue of the listener is.
   */
  stall(ms: number): void;
}

export class SimulatedHost implements Host, Kernel {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly wires: Wires;
  /** Connections, by {@link keyOf}. */
  readonly endpoints = new Map<string, Receiving>();
  readonly servers = new Set<Listening>();
  /** Attempts to connect. */
  readonly dialling = new Set<Waiting>();
  readonly transports = new Set<Waiting>();
  readonly #ports: Ports;
  /** Told of a crash: the calls of {@link run} that have not settled. */
  readonly #runs = new Set<() => void>();
  #process: SimulatedProcess;
  #isDown = false;
  #isOver = false;

  constructor(name: string, addresses: readonly string[], wires: Wires) {
    this.name = name;
    this.addresses = Object.freeze([...addresses]);
    this.wires = wires;
    this.#ports = new Ports(this);
    this.#process = new SimulatedProcess(this, wires.clock);
  }

  get isDown(): boolean {
    return this.#isDown;
  }

  run<T>(body: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      checkFunction("body", body);
      if (this.#isOver) throw simulationOver();
      if (this.#isDown) throw this.#crashed();
      const settled = (act: () => void): void => {
        if (this.#runs.delete(crashed)) act();
      };
      const crashed = (): void => reject(this.#crashed());
      this.#runs.add(crashed);
      running
        .run(this.#process, async () => await body())
        .then(
          (value) => settled(() => resolve(value)),
          (error: unknown) => settled(() => reject(error)),
        );
    });
  }

  crash(): void {
    if (this.#isDown) return;
    this.note("crashes");
    this.#isDown = true;
    this.#stop();
    this.wires.dropQueues(this);
    const runs = [...this.#runs];
    this.#runs.clear();
    for (const crashed of runs) crashed();
  }

  /** The simulation is over: nothing runs here any more. */
  end(): void {
    this.#isOver = true;
    this.#stop();
  }

  /** Ends all that runs here, without a word to anybody. */
  #stop(): void {
    this.#process.end();
    for (const endpoint of [...this.endpoints.values()]) endpoint.vanish();
    this.endpoints.clear();
    this.servers.clear();
    this.dialling.clear();
    this.transports.clear();
  }

  restart(): void {
    if (!this.#isDown) return;
    this.note("starts again");
    this.#process = new SimulatedProcess(this, this.wires.clock);
    this.#isDown = false;
  }

  stall(ms: number): void {
    checkFinite("ms", ms);
    if (this.#isDown) return;
    this.note(`stalls for ${String(ms)} ms`);
    this.#process.stall(ms);
  }

  note(event: string): void {
    this.wires.note(this.name, event);
  }

  /** Whether an address is one of this host's own. */
  has(address: string): boolean {
    return this.addresses.includes(address) || isLoopback(address);
  }

  /** The address from which it connects to another one. */
  addressTowards(address: string): string | undefined {
    if (this.addresses.includes(address)) return address;
    const own = isLoopback(address) ? LOOPBACK_ADDRESSES : this.addresses;
    return own.find((one) => familyOf(one) === familyOf(address));
  }

  portTowards(address: string, remote: End): number | undefined {
    return this.#ports.forConnecting(address, remote);
  }

  canBind(wanted: End, isDual: boolean): boolean {
    return this.#ports.areFree(wanted.address, isDual)(wanted.port);
  }

  freePort(address: string, isDual: boolean): number | undefined {
    return this.#ports.forListening(address, isDual);
  }

  receive(packet: Packet): void {
    const endpoint = this.endpoints.get(keyOf(packet.to, packet.from));
    if (endpoint !== undefined) endpoint.receive(packet);
    else if (packet.kind === "syn") this.#receiveSyn(packet.to, packet.from);
    else if (packet.kind !== "reset") this.#answerByReset(packet);
  }

  /** The server that has an address and a port. */
  serverAt(to: End): Listening | undefined {
    const here = [...this.servers].filter((server) => server.takes(to));
    return here.find((server) => server.isExact) ?? here[0];
  }

  #receiveSyn(to: End, from: End): void {
    const server = this.serverAt(to);
    if (server !== undefined) server.receiveSyn(to, from);
    else this.#answerByReset({ from, to });
  }

  #answerByReset({ from, to }: { readonly from: End; readonly to: End }): void {
    this.wires.send(this, { kind: "reset", from: to, to: from });
  }

  /** @internal */
  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#ports in this)) return this;
    const state = this.#isDown ? "crashed" : "up";
    return lineOf("Host", this.name, { addresses: this.addresses.join(", "), state }, depth, style);
  }

  #crashed(): Error {
    return Object.assign(new Error(`the host "${this.name}" has crashed`), { code: "ERR_HOST_CRASHED" });
  }
}

function simulationOver(): Error {
  const error = new Error("the simulation is over, and nothing runs on its hosts any more");
  return Object.assign(error, { code: "ERR_SIMULATION_OVER" });
}
