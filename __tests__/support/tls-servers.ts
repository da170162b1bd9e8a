/** Servers of Node's own that clients do TLS handshakes with. */
import { once } from "node:events";
import { createServer, type AddressInfo, type ListenOptions, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TlsOptions, type TLSSocket } from "node:tls";
import { LOCALHOST } from "./certificates.js";
import { until } from "./outcomes.js";

/** A server, and how its clients can be awaited. */
export class ServerOfNode<S extends Server = Server> {
  readonly server: S;
  /** The errors of handshakes that have failed at the server. */
  readonly failures: NodeJS.ErrnoException[] = [];
  /** How many clients have connected so far. */
  clients = 0;
  /** All that is open: below TLS. */
  readonly #open = new Set<Socket>();

  constructor(server: S) {
    this.server = server;
    server.on("connection", (socket: Socket) => {
      this.clients++;
      this.#open.add(socket);
      socket.on("close", () => this.#open.delete(socket)).on("error", () => undefined);
    });
    server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: Socket) => {
      this.failures.push(error);
      socket.destroy();
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves when no client is connected any more: how a client that leaves nothing behind is seen from here. */
  async empty(): Promise<void> {
    await until(() => this.#open.size === 0);
    const count = await new Promise<number>((resolve) =>
      this.server.getConnections((_, number) => resolve(number)),
    );
    if (count !== 0) throw new Error(`${String(count)} connections are left`);
  }

  /** The next client's stream, secure if the server's are. */
  async next(): Promise<S extends { addContext: unknown } ? TLSSocket : Socket> {
    const event = "addContext" in this.server ? "secureConnection" : "connection";
    const [socket] = (await once(this.server, event)) as unknown[];
    return socket as never;
  }

  async close(): Promise<void> {
    const closed = once(this.server, "close");
    this.server.close();
    for (const socket of this.#open) socket.destroy();
    await closed;
  }
}

const LOOPBACK: ListenOptions = { port: 0, host: "127.0.0.1" };

const opened: ServerOfNode[] = [];

/** For `afterEach`. */
export async function closeServers(): Promise<void> {
  await Promise.all(opened.splice(0).map((server) => server.close()));
}

async function listening<S extends Server>(server: S, where: ListenOptions): Promise<ServerOfNode<S>> {
  const wrapped = new ServerOfNode(server);
  opened.push(wrapped);
  server.listen(where);
  await once(server, "listening");
  return wrapped;
}

/** A TLS server; what its clients send comes back, but for those whom `accept` takes. */
export function tlsServer(
  options: TlsOptions = LOCALHOST,
  accept: (socket: TLSSocket) => void = echo,
  where: ListenOptions = LOOPBACK,
) {
  const server = createTlsServer(options, (socket) => {
    socket.on("error", () => undefined);
    accept(socket);
  });
  return listening(server, where);
}

/** A server that knows nothing of TLS. */
export function plainServer(accept: (socket: Socket) => void, where: ListenOptions = LOOPBACK) {
  return listening(createServer({ allowHalfOpen: true }, accept), where);
}

/**
 * Ends a server's output as its first act. Up to Node 24 `end(data)` in the event itself would lose the close_notify, which
 * is then no end of the stream.
 */
export function endWith(data: string): (socket: TLSSocket) => void {
  return (socket) => setImmediate(() => socket.end(data));
}

function echo(socket: TLSSocket): void {
  socket.pipe(socket);
}
