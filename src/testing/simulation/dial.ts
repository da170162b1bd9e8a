import { AsyncResource } from "node:async_hooks";
import { Addresses, type LocalEnd } from "../../address/addresses.js";
import type { AddressInfo } from "../../address/endpoint.js";
import type { Network } from "../../core/network.js";
import { systemError } from "../../core/transport/system-error.js";
import { Endpoint, type EndpointUser } from "./endpoint.js";
import type { FakeTimer } from "./fake-timers.js";
import type { Kernel, Waiting } from "./kernel.js";
import { canonicalAddress, keyOf, textOf, type End } from "./packet.js";
import type { SimulatedProcess } from "./process.js";
import { SimulatedTransport } from "./transport.js";

/**
 * How often Linux begins a handshake again (tcp_syn_retries): after 1, 2, 4 … s. It gives up 127 s after the first, or later
 * behind what is queued on a slow link.
 */
const MAX_RETRIES = 6;
const FIRST_RETRY_MS = 1_000;

/** How long Linux looks for a host of its own network before an attempt fails with EHOSTUNREACH. */
const NO_HOST_MS = 3_000;

type Connected = Parameters<Network["connect"]>[2];
type Failed = Parameters<Network["connect"]>[3];

/** Connects a simulated host to one address; see {@link Network.connect}. */
export class Dialling implements EndpointUser, Waiting {
  readonly #host: Kernel;
  readonly #process: SimulatedProcess;
  readonly #scope = new AsyncResource("tcp6.simulated");
  readonly #connected: Connected;
  readonly #failed: Failed;
  readonly #remote: End;
  #endpoint: Endpoint | null = null;
  #timer: FakeTimer | undefined;
  #isOver = false;

  constructor(
    host: Kernel,
    process: SimulatedProcess,
    to: AddressInfo,
    connected: Connected,
    failed: Failed,
  ) {
    this.#host = host;
    this.#process = process;
    this.#remote = { address: canonicalAddress(to.address), port: to.port };
    this.#connected = connected;
    this.#failed = failed;
  }

  begin({ localAddress, localPort }: LocalEnd): void {
    this.#host.dialling.add(this);
    const remote = this.#remote;
    const address =
      localAddress === undefined ? this.#host.addressTowards(remote.address) : canonicalAddress(localAddress);
    if (address === undefined) {
      this.#fail("ENETUNREACH");
      return;
    }
    const port = localPort ?? this.#host.portTowards(address, remote);
    if (port === undefined || !this.#host.has(address)) {
      this.#fail("EADDRNOTAVAIL");
      return;
    }
    const local = { address, port };
    if (this.#host.endpoints.has(keyOf(local, remote)) || this.#host.serverAt(local) !== undefined) {
      this.#fail("EADDRINUSE");
      return;
    }
    this.#host.note(`connects to ${textOf(remote)}`);
    const { wires } = this.#host;
    if (wires.hostAt(remote.address, this.#host) === undefined) {
      this.#timer = wires.clock.schedule(() => this.#fail("EHOSTUNREACH"), NO_HOST_MS);
      return;
    }
    this.#endpoint = new Endpoint(this.#host, local, remote, true);
    this.#endpoint.user = this;
    this.#ask(0);
  }

  get waits(): readonly string[] {
    return [`connects to ${textOf(this.#remote)}`];
  }

  /** Gives up: nothing is called any more. */
  giveUp(): void {
    if (this.#isOver) return;
    this.#over();
    // Once the handshake is done the peer has a connection.
    if (this.#endpoint?.isOpening === false) this.#endpoint.reset();
    else this.#endpoint?.vanish();
  }

  opened(): void {
    this.#host.note(`is connected to ${textOf(this.#remote)}`);
    this.#soon(() => {
      const endpoint = this.#endpoint as Endpoint;
      const { local, remote } = endpoint;
      const transport = new SimulatedTransport(endpoint, this.#process);
      const addresses = new Addresses({
        ...{ localAddress: local.address, localPort: local.port },
        ...{ remoteAddress: remote.address, remotePort: remote.port },
      });
      try {
        this.#connected(transport, addresses);
      } catch (error) {
        transport.destroy();
        this.#failed(error);
      }
    });
  }

  refused(): void {
    this.#fail("ECONNREFUSED");
  }

  arrived(): void {
    // The transport looks for what has arrived when it begins to read.
  }

  progress(): void {
    // Nothing is sent yet.
  }

  failed(code: "ECONNRESET" | "ETIMEDOUT"): void {
    this.#fail(code);
  }

  #ask(retries: number): void {
    const endpoint = this.#endpoint as Endpoint;
    this.#host.wires.send(this.#host, { kind: "syn", from: endpoint.local, to: endpoint.remote });
    this.#timer = this.#host.wires.clock.schedule(
      () => {
        if (retries < MAX_RETRIES) {
          this.#ask(retries + 1);
          return;
        }
        endpoint.vanish();
        this.#fail("ETIMEDOUT");
      },
      FIRST_RETRY_MS * 2 ** retries + endpoint.queued,
    );
  }

  #fail(code: Parameters<typeof systemError>[0]): void {
    this.#host.note(`cannot connect to ${textOf(this.#remote)}: ${code}`);
    const { address, port } = this.#remote;
    const error = Object.assign(systemError(code, "connect"), { address, port });
    this.#soon(() => this.#failed(error));
  }

  #soon(act: () => void): void {
    this.#host.wires.clock.cancel(this.#timer);
    this.#process.soon(() => {
      if (this.#isOver) return;
      this.#over();
      this.#scope.runInAsyncScope(act);
    });
  }

  #over(): void {
    this.#isOver = true;
    this.#host.wires.clock.cancel(this.#timer);
    this.#host.dialling.delete(this);
  }
}
