import type { ListenOptions as ServerListenOptions, Server, Socket } from "node:net";
import type { LocalEnd } from "../address/addresses.js";
import { normalAddress } from "../address/endpoint.js";
import { UNSPECIFIED } from "../address/resolve.js";
import { network } from "../core/network.js";
import { waitWithin } from "../core/timing/bounded.js";
import { makeSocketsOf } from "../core/transport/accepted-sockets.js";
import { countClaimed, forgetSent } from "../core/transport/claimed-sockets.js";
import type { Handle } from "../core/transport/node-internals.js";
import { giveClient, guardListening, takeClients } from "../core/transport/server-internals.js";
import type { Subject } from "../errors.js";
import { applyTo } from "../options/connection.js";
import type { ListenOptions } from "../options/listen.js";
import type { OpenCount, Pipeline } from "./arrival.js";
import { bindError } from "./bind-error.js";
import type { AcceptQueue } from "./queue.js";

/** The default of Node and of most servers. CHICKEN's 10 overflows while an event loop is busy for 100 ms. */
export const DEFAULT_BACKLOG = 511;

/** How many sockets may be looked at for each client that comes: that costs a twentieth of what the client costs. */
const LOOKS_PER_CLIENT = 64;

/** Where one server listens: what Node is told. Hosts are literal addresses, so that Node looks up none. */
export interface Place {
  readonly where: ServerListenOptions;
  /** How errors name the place. */
  readonly subject: Subject;
}

/** What Node tells of a server that listens: a path where it is of a Unix socket. */
export type BoundAddress = ReturnType<Server["address"]>;

/**
 * The server of a listener, and one more for each further address. A server of Node's has one socket of the kernel, so each
 * further address needs a server of its own. Such a server gives its clients to the first: that one emits their
 * `'connection'`, counts them for its `maxConnections`, and closes, refs and unrefs all of them.
 */
export class Servers implements OpenCount {
  /** The server that the program sees. */
  readonly first: Server;

  /** Where clients go; it is closed with the servers. */
  readonly pipeline: Pipeline;

  readonly #options: ListenOptions;
  readonly #bound: Server[] = [];
  /** What {@link bound} listen at. The system is asked once, and may fail to tell. */
  readonly at: BoundAddress[] = [];
  /** The address that the client which arrives now has connected to, where that is known. */
  #local: LocalEnd | undefined;
  /** How many sockets may be looked at, to find those that were sent to other processes. */
  #looks = 0;

  constructor(pipeline: Pipeline, options: ListenOptions) {
    this.pipeline = pipeline;
    this.#options = options;
    this.first = this.#newServer();
    this.first.on("connection", (socket: Socket & { server?: Server }) => {
      applyTo(socket, options);
      pipeline.arrive(socket, socket.server === this.first ? this.#local : undefined, this);
    });
    this.#haveFirstStandForAll();
  }

  /** Where clients wait. */
  get queue(): AcceptQueue {
    return this.pipeline.queue;
  }

  /** Those that listen, in the order in which they were bound. The first of them is {@link first}. */
  get bound(): readonly Server[] {
    return this.#bound;
  }

  /** Resolves when one more of the servers listens. If this rejects, the others go on. */
  async bind({ where, subject }: Place): Promise<void> {
    const isFirst = this.#bound.length === 0;
    const server = isFirst ? this.first : this.#newServer();
    await startListening(server, { where, subject }, this.#options, () => {
      // The socket of a descriptor may take connections to any address (IP_TRANSPARENT).
      const address = server.address();
      const local = "fd" in where ? undefined : localEndOf(address);
      this.#bound.push(server);
      this.at.push(address);
      if (isFirst) {
        this.#local = local;
        makeSocketsOf(server);
      } else {
        this.#giveToFirst(server, local);
      }
    });
  }

  /** How many sockets are open of the clients that were accepted. */
  get open(): number {
    for (const server of this.#bound) forgetSent(server);
    return this.#claimed;
  }

  /** How many connections are open: those that were accepted, those that wait, and those on their way. */
  get connections(): number {
    return this.open + this.queue.pending + this.pipeline.underWay;
  }

  /** Whether at least as many sockets are open of the clients that were accepted. Is called once for each client that comes. */
  isAtLeast(count: number): boolean {
    this.#looks += LOOKS_PER_CLIENT;
    const claimed = this.#claimed;
    if (claimed < count) return false;
    // To look at all sockets takes longer the more there are: in a flood of clients that is not done for each of them.
    if (this.#looks < claimed) return true;
    this.#looks = 0;
    for (const server of this.#bound) forgetSent(server);
    return this.#claimed >= count;
  }

  /** How many sockets were accepted, and have neither closed nor been forgotten since they were sent. */
  get #claimed(): number {
    let claimed = 0;
    for (const server of this.#bound) claimed += countClaimed(server);
    return claimed;
  }

  /** Has none of them listen any longer. */
  close(): void {
    for (const server of this.#bound) stopListening(server);
  }

  #newServer(): Server {
    const server = network.createServer({ allowHalfOpen: true, pauseOnConnect: true });
    // Node could not accept a client, for lack of descriptors for example. The listener goes on.
    return server.on("error", () => server.listening && this.queue.dropped++);
  }

  /** The program may call these methods of the server as well. */
  #haveFirstStandForAll(): void {
    const { first } = this;
    const others = (): readonly Server[] => this.#bound.filter((server) => server !== first);
    const [close, ref, unref] = [first.close.bind(first), first.ref.bind(first), first.unref.bind(first)];
    // Node's server closes when its clients have: those in the queue are reset.
    first.close = (callback) => {
      this.pipeline.close();
      for (const server of others()) stopListening(server);
      return close(callback);
    };
    first.ref = () => {
      for (const server of others()) server.ref();
      return ref();
    };
    first.unref = () => {
      for (const server of others()) server.unref();
      return unref();
    };
  }

  /** Has the clients of a further address arrive at the first server. */
  #giveToFirst(server: Server, local: LocalEnd | undefined): void {
    const { first } = this;
    const give = (status: number, client: Handle | undefined): boolean => {
      const own = this.#local;
      this.#local = local;
      try {
        return giveClient(first, status, client);
      } finally {
        this.#local = own;
      }
    };
    takeClients(server, give, (asNode) => asNode());
    // Where the handles of servers give no clients, the sockets that Node has made of them.
    server.on("connection", (socket) => first.emit("connection", socket));
    // A worker of a cluster closes each of its servers when it disconnects.
    server.once("close", () => stopListening(first));
  }
}

/**
 * Resolves when a server listens. If the signal is aborted, the server listens no longer.
 *
 * @param listening - called at once when it listens: in a worker of a cluster, the first client may come before this resolves
 */
export function startListening(
  server: Server,
  { where, subject }: Place,
  options: ListenOptions,
  listening: () => void,
): Promise<void> {
  const { signal, backlog = DEFAULT_BACKLOG } = options;
  return waitWithin<undefined>("listen", subject, { signal }, (resolve, reject) => {
    // The server may be used again: for the next address, if this machine does not have this one.
    const ended = (): void => {
      release();
      server.off("listening", succeeded).off("error", failed);
    };
    const succeeded = (): void => {
      ended();
      try {
        listening();
      } catch (cause) {
        // The system may fail to tell the address that it has bound.
        server.close();
        reject(bindError(where, subject, cause));
        return;
      }
      resolve(undefined);
    };
    const failed = (cause: unknown): void => {
      ended();
      reject(bindError(where, subject, cause));
    };
    server.on("listening", succeeded).on("error", failed);
    // Without a host Node binds at once, otherwise from a callback.
    const release = guardListening(server, failed);
    try {
      // With a backlog of 0 Node would use its own default.
      server.listen({ ...where, backlog: Math.max(backlog, 1) });
    } catch (error) {
      failed(error);
    }
    return () => server.close();
  });
}

/** Closes a server that listens. One that is closed twice would emit `'close'` twice. */
function stopListening(server: Server): void {
  if (server.listening) server.close();
}

/** The address that every client connects to; `undefined` if there may be several. */
function localEndOf(bound: BoundAddress): LocalEnd | undefined {
  if (bound === null || typeof bound === "string") return undefined;
  const isAny = UNSPECIFIED.includes(normalAddress(bound.address));
  return isAny ? undefined : { localAddress: bound.address, localPort: bound.port };
}
