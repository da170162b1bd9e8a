import { AsyncResource } from "node:async_hooks";
import { Addresses, type LocalEnd } from "../../address/addresses.js";
import { familyOf, type AddressInfo } from "../../address/endpoint.js";
import { UNSPECIFIED } from "../../address/resolve.js";
import type { Network } from "../../core/network.js";
import { systemError } from "../../core/transport/system-error.js";
import { Endpoint, type EndpointUser, type FailureCode } from "./endpoint.js";
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
  /** What is connected to, as the program has it. */
  readonly #to: End;
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
    this.#to = { address: canonicalAddress(to.address), port: to.port };
    this.#connected = connected;
    this.#failed = failed;
  }

  begin({ localAddress, localPort }: LocalEnd): void {
    const host = this.#host;
    host.dialling.add(this);
    const any = familyOf(this.#to.address) === 4 ? "0.0.0.0" : "::";
    const bound = localAddress === undefined ? any : canonicalAddress(localAddress);
    const remote = { address: destinationOf(this.#to.address, bound), port: this.#to.port };
    const address = UNSPECIFIED.includes(bound) ? host.addressTowards(remote.address) : bound;
    if (address === undefined) this.#fail("ENETUNREACH");
    else if (!host.has(address)) this.#fail("EADDRNOTAVAIL");
    else if (localPort !== undefined && !host.canBind({ address: bound, port: localPort }, bound === "::"))
      this.#fail("EADDRINUSE");
    // Of IPv6, Linux sends such packets, and no host answers them.
    else if (address.startsWith("127.") && host.wires.hostAt(remote.address, host) !== host)
      this.#fail("EINVAL");
    else {
      const isAutobound = localAddress === undefined && localPort === undefined;
      this.#connect(remote, address, localPort ?? host.portTowards(address, remote), isAutobound);
    }
  }

  #connect(remote: End, address: string, port: number | undefined, isAutobound: boolean): void {
    const host = this.#host;
    if (port === undefined || host.endpoints.has(keyOf({ address, port }, remote))) {
      this.#fail("EADDRNOTAVAIL");
      return;
    }
    host.note(`connects to ${textOf(this.#to)}`);
    if (host.wires.hostAt(remote.address, host) === undefined) {
      this.#timer = host.wires.clock.schedule(() => this.#fail("EHOSTUNREACH"), NO_HOST_MS);
      return;
    }
    this.#endpoint = new Endpoint(host, { address, port }, remote, true);
    this.#endpoint.isAutobound = isAutobound;
    this.#endpoint.user = this;
    this.#ask(0);
  }

  get waits(): readonly string[] {
    return [`connects to ${textOf(this.#to)}`];
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
    this.#host.note(`is connected to ${textOf(this.#to)}`);
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

  failed(code: FailureCode): void {
    this.#fail(code);
  }

  #ask(retries: number): void {
    const endpoint = this.#endpoint as Endpoint;
    this.#host.wires.send(this.#host, { kind: "syn", from: endpoint.local, to: endpoint.remote });
    // It ends with the endpoint, and so with a crash of the host.
    this.#timer = endpoint.schedule(
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
    if (this.#process.isGone) return;
    this.#host.note(`cannot connect to ${textOf(this.#to)}: ${code}`);
    const { address, port } = this.#to;
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

/** Where an address leads. One that stands for all is this host: the address that the socket is bound to, or loopback. */
function destinationOf(address: string, bound: string): string {
  if (!UNSPECIFIED.includes(address)) return address;
  if (familyOf(address) === 6) return "::1";
  return UNSPECIFIED.includes(bound) ? "127.0.0.1" : bound;
}
