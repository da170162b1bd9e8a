import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { BlockList, type Socket } from "node:net";
import { promisify } from "node:util";
import { readDirectly } from "../../src/engine/socket-transport.js";
import { until } from "../helpers/outcomes.js";
import { closeAll, keep, loopback, netClient } from "../helpers/peers.js";

afterEach(closeAll);
afterEach(() => readDirectly(true));

describe.each([true, false])("the server beneath a listener (onread: %s)", (on) => {
  beforeEach(() => readDirectly(on));

  test("tells of the very socket that the connection has", async () => {
    const listener = await loopback();
    const told = once(listener.server, "connection") as Promise<[Socket & { server?: unknown }]>;
    await netClient(listener.port);
    const [socket] = await told;
    expect(socket.server).toBe(listener.server);
    expect(keep(await listener.accept()).socket).toBe(socket);
  });

  test("publishes its sockets where Node's diagnostics do", async () => {
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

  test("counts the clients that nobody has claimed, and stops counting them when they are", async () => {
    const listener = await loopback();
    const count = promisify(listener.server.getConnections.bind(listener.server));
    await netClient(listener.port);
    await until(() => listener.pending === 1);
    expect(await count()).toBe(1);
    keep(await listener.accept());
    expect(await count()).toBe(0);
  });

  test("turns clients away above its maxConnections, and says so", async () => {
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

  test("applies a block list, where Node has such a thing, and serves the others", async () => {
    const listener = await loopback();
    const blockList = new BlockList();
    blockList.addAddress("127.0.0.9");
    Object.assign(listener.server, { blockList });
    const client = await netClient(listener.port);
    client.end("hello\n");
    expect(await keep(await listener.accept()).readLine()).toBe("hello");
  });
});
