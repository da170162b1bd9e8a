import type { Socket } from "node:net";
import { listen } from "../../src/index.js";
import { until, turn } from "../support/outcomes.js";
import { closeAll, endOfClient, keep, loopback, netClient } from "../support/peers.js";

afterEach(closeAll);

describe("clients that no call has accepted", () => {
  test("are counted by pending, and acceptReady says whether there are any", async () => {
    const listener = await loopback();
    expect(listener).toMatchObject({ pending: 0, acceptReady: false, dropped: 0 });
    await netClient(listener.port);
    await netClient(listener.port);
    await until(() => listener.pending === 2);
    expect(listener.acceptReady).toBe(true);
    keep(await listener.accept());
    expect(listener).toMatchObject({ pending: 1, acceptReady: true });
    keep(await listener.accept());
    expect(listener).toMatchObject({ pending: 0, acceptReady: false, dropped: 0 });
  });

  test("are not read: what they send stays in the kernel, and nothing of it is lost", async () => {
    const listener = await loopback();
    const shells: Socket[] = [];
    listener.server.on("connection", (socket: Socket) => shells.push(socket));
    const client = await netClient(listener.port);
    const sent = Buffer.alloc(1024 * 1024, "unclaimed bytes, ");
    client.end(sent);
    await until(() => listener.pending === 1 && client.bytesWritten > 0);
    for (let i = 0; i < 20; i++) await turn();
    expect(shells.map((shell) => shell.bytesRead)).toEqual([0]);
    expect(shells.map((shell) => shell.readableLength)).toEqual([0]);
    const connection = keep(await listener.accept());
    expect((await connection.readExactly(sent.length)).equals(sent)).toBe(true);
    expect(await connection.read()).toBeNull();
    expect(connection.bytesRead).toBe(sent.length);
  });

  test("that send more than the kernel holds are held back", async () => {
    const listener = await loopback();
    const client = await netClient(listener.port);
    const sent = Buffer.alloc(32 * 1024 * 1024, 7);
    let taken = false;
    client.end(sent, () => (taken = true));
    await until(() => listener.pending === 1);
    for (let i = 0; i < 50; i++) await turn();
    expect(taken).toBe(false);
    const connection = keep(await listener.accept());
    expect((await connection.readAll({ limit: Infinity })).equals(sent)).toBe(true);
  });
});

describe("a program that uses the server beneath", () => {
  test("may destroy sockets itself: accept() does not give them, and close() does not wait for them", async () => {
    const listener = await loopback();
    let turnedAway = 0;
    listener.server.prependOnceListener("connection", (socket: Socket) => {
      socket.destroy();
      turnedAway++;
    });
    await endOfClient(listener.port);
    listener.server.once("connection", (socket: Socket) => {
      socket.destroy();
      turnedAway++;
    });
    await endOfClient(listener.port);
    await until(() => turnedAway === 2 && listener.pending === 0);
    const client = await netClient(listener.port);
    const connection = keep(await listener.accept());
    expect(connection.remotePort).toBe(client.localPort);
    await listener.close();
  });

  test("may close it: clients that no call has accepted are reset, and closed settles", async () => {
    const listener = await loopback();
    const end = endOfClient(listener.port);
    await until(() => listener.pending === 1);
    listener.server.close();
    await listener.closed;
    expect(await end).toBe("ECONNRESET");
    await listener.close();
  });
});

describe("a full queue", () => {
  test("resets further clients, and counts them", async () => {
    const listener = await loopback({ backlog: 2 });
    for (const name of ["a", "b"]) (await netClient(listener.port)).write(`${name}\n`);
    await until(() => listener.pending === 2);
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener).toMatchObject({ pending: 2, dropped: 1, acceptReady: true });
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener.dropped).toBe(2);
    const first = keep(await listener.accept());
    expect(await first.readLine()).toBe("a");
    const next = await netClient(listener.port);
    next.write("c\n");
    await until(() => listener.pending === 2);
    expect(await keep(await listener.accept()).readLine()).toBe("b");
    expect(await keep(await listener.accept()).readLine()).toBe("c");
    expect(listener).toMatchObject({ pending: 0, dropped: 2 });
  });

  test("with a backlog of 0 gives clients only to calls that wait already", async () => {
    const listener = await loopback({ backlog: 0 });
    expect(await endOfClient(listener.port)).toBe("ECONNRESET");
    expect(listener).toMatchObject({ pending: 0, dropped: 1 });
    const accepting = listener.accept();
    const client = await netClient(listener.port);
    expect(keep(await accepting).remotePort).toBe(client.localPort);
    expect(listener.dropped).toBe(1);
  });

  test("holds 511 by default", async () => {
    const listener = await loopback();
    for (let i = 0; i < 500; i++) await netClient(listener.port);
    const ends = Array.from({ length: 20 }, () => endOfClient(listener.port));
    await until(() => listener.pending + listener.dropped === 520);
    expect(listener).toMatchObject({ pending: 511, dropped: 9 });
    await listener.close();
    expect(await Promise.all(ends)).toEqual(Array(20).fill("ECONNRESET"));
  });

  test("does not affect calls that wait: each gets a client", async () => {
    const listener = await loopback({ backlog: 1 });
    const accepting = Array.from({ length: 10 }, () => listener.accept());
    for (let i = 0; i < 10; i++) await netClient(listener.port);
    for (const connection of await Promise.all(accepting)) keep(connection);
    expect(listener).toMatchObject({ pending: 0, dropped: 0 });
  });
});

describe("a client that leaves before it is accepted", () => {
  test("by closing is accepted all the same, with its address and what it sent", async () => {
    const listener = await loopback();
    const client = await netClient(listener.port);
    const { localPort } = client;
    await until(() => listener.pending === 1);
    client.end("bye");
    await new Promise((resolve) => client.once("finish", resolve));
    for (let i = 0; i < 10; i++) await turn();
    expect(listener.pending).toBe(1);
    const connection = keep(await listener.accept());
    expect(connection).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: localPort, family: 4 });
    expect((await connection.readAll()).toString()).toBe("bye");
  });

  test("by a reset is accepted with its address, and its connection fails when it is used", async () => {
    const listener = await loopback();
    const client = await netClient(listener.port);
    const { localPort } = client;
    await until(() => listener.pending === 1);
    client.resetAndDestroy();
    for (let i = 0; i < 10; i++) await turn();
    const connection = keep(await listener.accept());
    expect(connection).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: localPort });
    await expect(connection.read()).rejects.toMatchObject({ code: "ECONNRESET", operation: "read" });
    await expect(connection.closed).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("(many, in every way) never crashes or blocks the listener", async () => {
    const listener = await loopback();
    for (let i = 0; i < 60; i++) {
      const client = await netClient(listener.port);
      if (i % 3 === 0) client.resetAndDestroy();
      else if (i % 3 === 1) client.destroy();
      else client.end("some bytes");
    }
    await until(() => listener.pending === 60);
    for (let i = 0; i < 40; i++) {
      const connection = await listener.accept();
      await connection.readAll().catch(() => undefined);
      connection.reset();
    }
    const last = await netClient(listener.port);
    last.write("alive\n");
    let line: string | null = null;
    while (line !== "alive") {
      const connection = keep(await listener.accept({ timeout: 10_000 }));
      line = await connection.readLine().catch(() => null);
    }
    expect(listener.dropped).toBe(0);
  });
});

test("addresses are read when the connection is made, and stay after it is closed", async () => {
  const listener = await loopback();
  const client = await netClient(listener.port);
  const connection = keep(await listener.accept());
  const addresses = {
    localAddress: "127.0.0.1",
    localPort: listener.port,
    remoteAddress: "127.0.0.1",
    remotePort: client.localPort,
    family: 4,
  };
  expect(connection).toMatchObject(addresses);
  client.destroy();
  await connection.close();
  expect(connection).toMatchObject(addresses);
});

test.each(["127.0.0.1", "127.0.0.2", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "::ffff:0.0.0.0"])(
  "on %s, a connection's own address is the one that its client connected to",
  async (host) => {
    const listener = keep(await listen(0, { host }));
    const to = host === "::1" || host === "127.0.0.2" ? host : "127.0.0.1";
    await netClient({ host: to, port: listener.port });
    const connection = keep(await listener.accept());
    expect(connection.localAddress).toBe(to);
    expect(connection.localPort).toBe(listener.port);
    expect(connection.localPort).toBe(connection.socket.localPort);
  },
);
