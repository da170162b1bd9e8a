import { once } from "node:events";
import { connect as netConnect } from "node:net";
import { connect, connectTo, listen, NetError, withParameters } from "../../src/index.js";
import { frozenServer, type FrozenServer } from "../support/frozen-server.js";
import { lookupOf } from "../support/lookups.js";
import { netError, timeoutError } from "../support/outcomes.js";
import { closeAll, keep, loopback, socketPath, unusedPort } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";
import { writeFileSync } from "node:fs";

afterEach(closeAll);

const onLinux = process.platform === "linux" ? test : test.skip;

describe("a refused connection", () => {
  test("names address, port and reason, and has one attempt", async () => {
    const port = await unusedPort();
    const error = await netError(connect("127.0.0.1", port));
    expect(error).toMatchObject({
      name: "NetError",
      code: "ECONNREFUSED",
      operation: "connect",
      syscall: "connect",
      host: "127.0.0.1",
      address: "127.0.0.1",
      port,
      transient: true,
    });
    expect(error.message).toBe(`connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
    expect(error.cause).toMatchObject({ code: "ECONNREFUSED", errno: expect.any(Number) as number });
    expect(error.attempts).toHaveLength(1);
    expect(error.attempts?.[0]).toMatchObject({ code: "ECONNREFUSED", address: "127.0.0.1", port });
    await nothingLeft();
  });

  onLinux.each(["127.0.0.1", "::1"])(
    "is the error of a socket that is connected to itself, at %s",
    async (host) => {
      const port = await unusedPort();
      const plain = netConnect({ host, port, localAddress: host, localPort: port });
      await once(plain, "connect");
      expect(plain.localPort).toBe(plain.remotePort);
      plain.resetAndDestroy();
      await once(plain, "close");
      const options = { localAddress: host, localPort: port };
      const error = await netError(connect(host, port, options));
      expect(error).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: host, port });
      expect(error.message).toMatch(/: connection refused \(ECONNREFUSED\)$/);
      expect(String(error.cause)).toContain("no listener has this port, the socket was connected to itself");
      // Nothing holds the port: there is no TIME_WAIT.
      keep(await listen(port, { host }));
    },
  );

  test("to a name has the name in its error, and every address with its own reason", async () => {
    const port = await unusedPort();
    const lookup = lookupOf("::1", "127.0.0.1", "127.0.0.2");
    const error = await netError(connect("three.test", port, { lookup }));
    expect(error).toMatchObject({ host: "three.test", code: "ECONNREFUSED", port });
    expect(error.message).toBe(
      `connect three.test:${port}: ` +
        `[::1]:${port}: connection refused (ECONNREFUSED); ` +
        `127.0.0.1:${port}: connection refused (ECONNREFUSED); ` +
        `127.0.0.2:${port}: connection refused (ECONNREFUSED)`,
    );
    expect(error.attempts?.map((attempt) => attempt.address)).toEqual(["::1", "127.0.0.1", "127.0.0.2"]);
    for (const attempt of error.attempts ?? []) {
      expect(attempt).toBeInstanceOf(NetError);
      expect(attempt).toMatchObject({ operation: "connect", code: "ECONNREFUSED", port });
      expect(attempt.message).toBe(
        `connect ${attempt.address === "::1" ? "[::1]" : String(attempt.address)}:${port}: ` +
          "connection refused (ECONNREFUSED)",
      );
    }
  });

  test("to a name with one address has both in its error", async () => {
    const port = await unusedPort();
    const error = await netError(connect("one.test", port, { lookup: lookupOf("127.0.0.1") }));
    expect(error.message).toBe(
      `connect one.test:${port}: 127.0.0.1:${port}: connection refused (ECONNREFUSED)`,
    );
  });

  test("by connectTo lists all addresses in its error", async () => {
    const port = await unusedPort();
    const error = await netError(
      connectTo([
        { address: "127.0.0.1", port, family: 4 },
        { address: "::1", port, family: 6 },
      ]),
    );
    expect(error.attempts?.map(({ address }) => address)).toEqual(["127.0.0.1", "::1"]);
    expect(error.message).toContain(`127.0.0.1:${port}: connection refused`);
    expect(error.message).toContain(`[::1]:${port}: connection refused`);
    expect(error).not.toHaveProperty("host");
  });

  test("makes the race go on with the next address, of either family", async () => {
    const listener = await loopback();
    const dead = await unusedPort();
    const addresses = [
      { address: "127.0.0.1", port: dead, family: 4 as const },
      { address: "::1", port: listener.port, family: 6 as const },
      { address: "127.0.0.1", port: listener.port, family: 4 as const },
    ];
    for (const attemptDelay of [10, Infinity]) {
      const connection = keep(await connectTo(addresses, { attemptDelay }));
      expect(connection.remotePort).toBe(listener.port);
    }
  });
});

describe("a Unix socket", () => {
  test("that does not exist fails with ENOENT and its path", async () => {
    const path = socketPath();
    const error = await netError(connect({ path }));
    expect(error).toMatchObject({ code: "ENOENT", operation: "connect", address: path, transient: false });
    expect(error.message).toBe(`connect ${path}: no such file or directory (ENOENT)`);
    expect(error.attempts).toHaveLength(1);
    expect(error).not.toHaveProperty("port");
  });

  test("that has no listener is refused", async () => {
    const path = socketPath();
    writeFileSync(path, "");
    expect(await netError(connect(path))).toMatchObject({ code: "ECONNREFUSED", address: path });
  });

  test("that was removed with its listener fails", async () => {
    const path = socketPath();
    const listener = keep(await listen({ path }));
    await listener.close();
    expect(await netError(connect(path))).toMatchObject({ code: "ENOENT" });
  });
});

describe("an address that does not answer", () => {
  let frozen: FrozenServer;
  beforeAll(async () => {
    frozen = await frozenServer();
  });
  afterAll(() => frozen.close());

  test("fails after attemptTimeout, and the next one is tried then", async () => {
    const listener = await loopback();
    const addresses = [frozen.port, listener.port].map((port) => ({
      address: "127.0.0.1",
      port,
      family: 4 as const,
    }));
    const options = { attemptDelay: Infinity, attemptTimeout: 500 };
    expect(keep(await connectTo(addresses, options)).remotePort).toBe(listener.port);
    await listener.close();
  });

  test("fails after the parameter attemptTimeout, unless the call has an option of its own", async () => {
    const addresses = [{ address: "127.0.0.1", port: frozen.port, family: 4 as const }];
    await withParameters({ attemptTimeout: 31 }, async () => {
      expect((await timeoutError(connectTo(addresses))).timeout).toBe(31);
      expect((await timeoutError(connect("127.0.0.1", frozen.port))).timeout).toBe(31);
      expect((await timeoutError(connectTo(addresses, { attemptTimeout: 32 }))).timeout).toBe(32);
      const none = connectTo(addresses, { attemptTimeout: Infinity, timeout: 33 });
      expect((await timeoutError(none)).timeout).toBe(33);
    });
  });

  test("is overtaken by the next one after attemptDelay", async () => {
    const listener = await loopback();
    const addresses = [frozen.port, listener.port].map((port) => ({
      address: "127.0.0.1",
      port,
      family: 4 as const,
    }));
    const client = keep(await connectTo(addresses, { attemptDelay: 20 }));
    expect(client.remotePort).toBe(listener.port);
    const server = keep(await listener.accept());
    await listener.close();
    client.reset();
    server.reset();
  });

  test("ends the race when it is the last, and each attempt is listed", async () => {
    const dead = await unusedPort();
    const addresses = [dead, frozen.port].map((port) => ({ address: "127.0.0.1", port, family: 4 as const }));
    const error = await timeoutError(connectTo(addresses, { attemptTimeout: 400 }));
    expect(error).toMatchObject({ operation: "connect", code: "ETIMEDOUT", port: frozen.port, timeout: 400 });
    expect(error.attempts?.map(({ code }) => code)).toEqual(["ECONNREFUSED", "ETIMEDOUT"]);
    expect(error.message).toContain(`127.0.0.1:${dead}: connection refused (ECONNREFUSED)`);
    expect(error.message).toContain(`127.0.0.1:${frozen.port}: timed out after 400 ms (ETIMEDOUT)`);
  });
});
