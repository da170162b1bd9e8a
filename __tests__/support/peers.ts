import { once } from "node:events";
import { connect as netConnect, Server, type NetConnectOpts, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connection, connect, listen, Listener, type ListenOptions } from "../../src/index.js";

export { unusedPort } from "./unused-port.js";

type Opened = Listener | Connection | Socket | Server;

const opened: Opened[] = [];
const folders: string[] = [];

/** Remembers what a test has opened, for {@link closeAll}: of a server of Node's, its clients too. */
export function keep<T extends Opened>(thing: T): T {
  opened.push(thing);
  if (thing instanceof Server) thing.on("connection", keep);
  return thing;
}

/** For `afterEach`: whatever the test has left open is closed, and closed for good when this settles. */
export async function closeAll(): Promise<void> {
  const things = opened.splice(0);
  await Promise.all(
    things.map(async (thing) => {
      if (thing instanceof Listener) return thing.close();
      if (thing instanceof Server) return closeServer(thing);
      if (thing instanceof Connection) thing.reset();
      else thing.destroy();
      const socket = thing instanceof Connection ? thing.socket : thing;
      if (!socket.closed) await once(socket, "close");
    }),
  );
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

async function closeServer(server: Server): Promise<void> {
  if (!server.listening) return;
  server.close();
  await once(server, "close");
}

/** The path of a Unix socket that does not exist yet. */
export function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "tcp6-"));
  folders.push(folder);
  return join(folder, "socket");
}

/** A listener on an IPv4 loopback address, on any port. A test that needs the port once it is closed gives one that is unused. */
export async function loopback(options: ListenOptions = {}, port = 0): Promise<Listener & { port: number }> {
  return keep(await listen({ host: "127.0.0.1", port }, options));
}

/** A client of Node's own, connected; its errors are noted, not thrown. */
export async function netClient(to: number | NetConnectOpts): Promise<Socket> {
  const socket = keep(netConnect(typeof to === "number" ? { port: to, host: "127.0.0.1" } : to));
  const failed = new Promise<never>((_, reject) => socket.once("error", reject));
  await Promise.race([once(socket, "connect"), failed]);
  socket.on("error", () => undefined);
  failed.catch(() => undefined);
  return socket;
}

/** How a client that connects to `port` ends. It may be reset before it knows that it has connected. */
export async function endOfClient(port: number): Promise<string> {
  return endOf(keep(netConnect(port, "127.0.0.1")));
}

/** How a socket ends: with `"end"`, or with an error's code. */
export async function endOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once("end", () => resolve("end"));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.resume();
  });
}

/** Both ends of a connection over the loopback. */
export async function pair(options: ListenOptions = {}): Promise<{ client: Connection; server: Connection }> {
  const listener = await loopback(options);
  const [client, server] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  return { client: keep(client), server: keep(server) };
}
