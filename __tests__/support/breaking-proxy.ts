import { once } from "node:events";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { unusedPort } from "./unused-port.js";
import { until } from "./outcomes.js";

/** A client of the proxy, and the connection to the server that its bytes go to. */
interface Passage {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * A TCP proxy between the clients of a test and their server: it passes on all bytes and each end of stream, until the
 * test has it break connections as servers do. It is made of plain `net`, so that nothing of what is tested is in it.
 */
export class BreakingProxy implements AsyncDisposable {
  readonly port: number;
  readonly host = "127.0.0.1";
  readonly #target: NetConnectOpts;
  readonly #server: Server;
  readonly #passages: Passage[] = [];

  private constructor(port: number, target: NetConnectOpts) {
    this.port = port;
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#pass(client));
  }

  /** Resolves to a proxy that listens on a free port of 127.0.0.1. */
  static async open(target: NetConnectOpts): Promise<BreakingProxy> {
    const proxy = new BreakingProxy(await unusedPort(), target);
    await proxy.resume();
    return proxy;
  }

  /** How many clients have connected so far. */
  get accepted(): number {
    return this.#passages.length;
  }

  /** How many connections of clients are open. */
  get open(): number {
    return this.#passages.filter(({ client }) => !client.destroyed).length;
  }

  /**
   * Passes on no more of what the server sends over the connections there are, as if it were still at work on its answer.
   * Resolves when the next bytes of a client have come.
   */
  async mute(): Promise<void> {
    const open = this.#passages.filter(({ client }) => !client.destroyed);
    for (const { client, server } of open) server.unpipe(client).resume();
    await Promise.race(open.map(({ client }) => once(client, "data")));
  }

  /**
   * Ends all connections as a server does that ends them and waits: each client is sent FIN, and what it sends is still read.
   * The proxy's side stays open until the client ends, too. Resolves when all clients have done so, and rejects after
   * `bound` ms.
   */
  async end(bound = 30_000): Promise<void> {
    const open = this.#passages.filter(({ client }) => !client.destroyed);
    for (const { client, server } of open) endOne(client, server);
    await until(function allClientsHaveEndedToo() {
      return open.every(({ client }) => client.destroyed);
    }, bound);
  }

  /** Ends all connections as a client does that ends them and waits: the same as {@link end}, towards the server. */
  async hangUp(bound = 30_000): Promise<void> {
    const open = this.#passages.filter(({ server }) => !server.destroyed);
    for (const { client, server } of open) endOne(server, client);
    await until(function theServerHasEndedAllToo() {
      return open.every(({ server }) => server.destroyed);
    }, bound);
  }

  /** Kills all connections: each client is sent RST, and so is the server. */
  kill(): void {
    for (const { client, server } of this.#passages) {
      reset(server);
      reset(client);
    }
  }

  /** Stops listening: from then on clients are refused. Connections that exist go on. */
  refuse(): void {
    this.#server.close();
  }

  /** Listens again, on the same port. */
  async resume(): Promise<void> {
    this.#server.listen(this.port, this.host);
    await once(this.#server, "listening");
  }

  /** Closes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) this.#server.close();
    const sockets = this.#passages.flatMap(({ client, server }) => [client, server]);
    await Promise.all(
      sockets.map(async (socket) => {
        if (!socket.destroy().closed) await once(socket, "close");
      }),
    );
  }

  #pass(client: Socket): void {
    const server = connect({ ...this.#target, allowHalfOpen: true });
    // Otherwise small pieces wait until the other side's kernel acknowledges the ones before, for 40 ms each.
    client.setNoDelay(true);
    server.setNoDelay(true);
    this.#passages.push({ client, server });
    // One side that fails is passed on as a reset.
    client.on("error", () => reset(server));
    server.on("error", () => reset(client));
    client.pipe(server);
    server.pipe(client);
  }
}

/** Sends FIN to one side and closes the other. */
function endOne(side: Socket, other: Socket): void {
  other.unpipe(side);
  side.unpipe(other);
  other.destroy();
  side.end();
  side.resume();
}

function reset(socket: Socket): void {
  if (socket.destroyed) return;
  // Node cannot reset a Unix socket, nor one that still connects or whose FIN is on its way.
  const isEnding = socket.writableEnded && !socket.writableFinished;
  if (socket.connecting || isEnding || socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}
