import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { on as eventsOf, once } from "node:events";
import {
  BlockList,
  createConnection,
  createServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { promisify } from "node:util";
import type { Connection, Listener } from "../../src/index.js";
import { switchOff, type Capability } from "../../src/core/transport/node-internals.js";
import { turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, netClient } from "../support/peers.js";

/** What of Node's internals is switched off. */
const SWITCHES: readonly [name: string, off: readonly Capability[]][] = [
  ["as it is", []],
  ["without readsIntoOurMemory", ["readsIntoOurMemory"]],
  ["without acceptsHandles", ["acceptsHandles"]],
];

/** Servers of Node 20 have no block lists. */
const HAS_BLOCK_LISTS = Number(process.versions.node.split(".")[0]) >= 22;

afterEach(closeAll);
afterEach(() => switchOff());

/** Whether a claimed socket leaves the count of its server. */
function leavesCount(off: readonly Capability[]): boolean {
  return !off.includes("acceptsHandles");
}

describe.each(SWITCHES)("the server beneath a listener (%s)", (_, off) => {
  beforeEach(() => switchOff(...off));

  test("emits 'connection' with the socket that the connection has", async () => {
    const listener = await loopback();
    const told = once(listener.server, "connection") as Promise<[Socket & { server?: unknown }]>;
    await netClient(listener.port);
    const [socket] = await told;
    expect(socket.server).toBe(listener.server);
    expect(keep(await listener.accept()).socket).toBe(socket);
  });

  test("publishes its sockets on the diagnostics channel of Node's servers", async () => {
    const published: unknown[] = [];
    const note = (message: unknown): void => void published.push((message as { socket: unknown }).socket);
    subscribe("net.server.socket", note);
    try {
      const listener = await loopback();
      await netClient(listener.port);
      const connection = keep(await listener.accept());
      expect(published).toContain(connection.socket);
    } finally {
      unsubscribe("net.server.socket", note);
    }
  });

  test("counts a client until it is accepted", async () => {
    const listener = await loopback();
    const count = promisify(listener.server.getConnections.bind(listener.server));
    await netClient(listener.port);
    await until(() => listener.pending === 1);
    expect(await count()).toBe(1);
    keep(await listener.accept());
    // Otherwise it counts all that are open, which its maxConnections is about.
    expect(await count()).toBe(leavesCount(off) ? 0 : 1);
  });

  test("drops clients above its maxConnections, and emits 'drop'", async () => {
    const listener = await loopback();
    listener.server.maxConnections = 1;
    const first = await netClient(listener.port);
    await until(() => listener.pending === 1);
    const dropped = once(listener.server, "drop");
    const second = await netClient(listener.port);
    await Promise.all([dropped, once(second, "close")]);
    const connection = keep(await listener.accept());
    first.write("still here\n");
    expect(await connection.readLine()).toBe("still here");
    await connection.write("so am I");
    expect(String((await once(first, "data"))[0])).toBe("so am I");
  });

  test("counts accepted clients for its maxConnections, and closes without waiting for them", async () => {
    const listener = await loopback();
    listener.server.maxConnections = 2;
    const dropped: unknown[] = [];
    listener.server.on("drop", (client) => dropped.push(client));
    const connections: Connection[] = [];
    const loop = (async () => {
      for await (const connection of listener) connections.push(keep(connection));
    })();
    for (let n = 0; n < 5; n++) await netClient(listener.port);
    await until(() => dropped.length === 3);
    expect(connections).toHaveLength(2);
    expect(dropped[0]).toMatchObject({ localPort: listener.port, remoteAddress: "127.0.0.1" });

    connections[0]?.reset();
    await connections[0]?.closed;
    await netClient(listener.port);
    await until(() => connections.length === 3);

    await listener.close();
    await loop;
    expect(connections[2]?.fd).toBeDefined();
    await connections[2]?.write("still here");
  });

  test("counts detached sockets for its maxConnections until they close", async () => {
    const listener = await loopback();
    listener.server.maxConnections = 1;
    const drops = eventsOf(listener.server, "drop");
    const one = await netClient(listener.port);
    const socket = keep((await listener.accept()).detach());
    await netClient(listener.port);
    await drops.next();
    one.destroy();
    socket.resume().end();
    await once(socket, "close");
    await netClient(listener.port);
    keep(await listener.accept());
  });

  test("a listener that is closed in a 'connection' listener closes, with clients accepted or not", async () => {
    const listener = await loopback();
    listener.server.maxConnections = 2;
    await netClient(listener.port);
    keep(await listener.accept());
    listener.server.once("connection", () => void listener.close());
    keep(createConnection(listener.port, "127.0.0.1")).on("error", () => undefined);
    await listener.closed;
    let closes = 0;
    listener.server.on("close", () => closes++);
    await turn();
    expect(closes).toBe(0);
  });

  test("applies a block list, where Node has such a thing, and serves the others", async () => {
    const listener = await loopback();
    const blockList = new BlockList();
    blockList.addAddress("127.0.0.9");
    Object.assign(listener.server, { blockList });
    const options = { host: "127.0.0.1", port: listener.port };
    const blocked = createConnection({ ...options, localAddress: "127.0.0.9" }).on("error", () => undefined);
    const closed = new Promise((resolve) => blocked.once("close", resolve));
    if (HAS_BLOCK_LISTS) await closed;
    else expect(keep(await listener.accept()).remoteAddress).toBe("127.0.0.9");
    const client = await netClient(listener.port);
    client.end("hello\n");
    const connection = keep(await listener.accept());
    expect(connection.remoteAddress).toBe("127.0.0.1");
    expect(await connection.readLine()).toBe("hello");
    blocked.destroy();
  });
});

describe.each(SWITCHES)("a socket that another server hands to a listener's (%s)", (_, off) => {
  beforeEach(() => switchOff(...off));

  /** A server on an address of its own that hands all its clients to the listener. */
  async function forwarding(listener: Listener): Promise<Server> {
    const options = { pauseOnConnect: true, allowHalfOpen: true };
    const server = createServer(options, (socket) => void listener.server.emit("connection", socket));
    await once(server.listen(0, "127.0.0.2"), "listening");
    return server;
  }

  test("has the addresses that its client knows", async () => {
    const listener = await loopback();
    const other = await forwarding(listener);
    const { port } = other.address() as AddressInfo;
    const client = await netClient({ host: "127.0.0.2", port });
    const connection = keep(await listener.accept());
    other.close();
    expect(connection).toMatchObject({ localAddress: "127.0.0.2", localPort: port });
    expect(connection.remotePort).toBe(client.localPort);
    client.write("hello\n");
    expect(await connection.readLine()).toBe("hello");
  });

  test("does not keep its own server from closing once it is accepted, if it can leave that one's count", async () => {
    const listener = await loopback();
    const other = await forwarding(listener);
    await netClient({ host: "127.0.0.2", port: (other.address() as AddressInfo).port });
    await until(() => listener.pending === 1);
    const closed = once(other, "close");
    other.close();
    const connection = keep(await listener.accept());
    if (!leavesCount(off)) connection.reset();
    await closed;
  });

  test("gives what had been read from it, and not been taken, before what comes later", async () => {
    const listener = await loopback();
    const other = createServer((socket) => {
      socket.once("readable", () => void listener.server.emit("connection", socket));
    });
    await once(other.listen(0, "127.0.0.2"), "listening");
    const client = await netClient({ host: "127.0.0.2", port: (other.address() as AddressInfo).port });
    client.write("early\n");
    await until(() => listener.pending === 1);
    const connection = keep(await listener.accept());
    other.close();
    client.end("late\n");
    expect(String(await connection.readAll())).toBe("early\nlate\n");
  });

  test("is reset by a listener that is closed", async () => {
    const listener = await loopback();
    const other = await forwarding(listener);
    await listener.close();
    const { port } = other.address() as AddressInfo;
    const client = createConnection({ host: "127.0.0.2", port }).on("error", () => undefined);
    await new Promise((resolve) => client.once("close", resolve));
    const closed = once(other, "close");
    other.close();
    await closed;
    expect(listener.pending).toBe(0);
  });
});
