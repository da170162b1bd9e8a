import { once } from "node:events";
import { connect as tlsConnect, TLSSocket } from "node:tls";
import { Connection, NetError, type AddressInfo, type Listener } from "../../src/index.js";
import { subjectOf } from "../../src/address/addresses.js";
import { connectionOver } from "../../src/connection.js";
import { dial, type DialOptions, type Handshake } from "../../src/dial/dial.js";
import { settingsOf } from "../../src/options/connection.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { frozenServer } from "../support/frozen-server.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { failure, isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { closeAll, keep, loopback, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

afterEach(closeAll);

type Options = Partial<DialOptions<Connection>>;

/** Dials ports of the loopback as `connect` does, with a handshake. */
function dialTo(ports: number[], handshake: Handshake<Connection>, options: Options = {}) {
  const candidates = ports.map((port) => ({ address: "127.0.0.1", port, family: 4 as const }));
  const text = ports.map((port) => `127.0.0.1:${port}`).join(", ");
  return dial<Connection>({
    subject: { host: "name.test", text },
    find: () => Promise.resolve(candidates),
    establish: (transport, addresses) =>
      keep(connectionOver("connect", transport, addresses, settingsOf({}), subjectOf(addresses))),
    discard: (late) => late.reset(),
    handshake,
    ...options,
  });
}

/** The server's end of the next connection, and the code of the error that its reading ends with, or `null`. */
async function accepted(listener: Listener): Promise<{ connection: Connection; end: Promise<unknown> }> {
  const connection = keep(await listener.accept());
  const end = connection.readAll().then(
    () => null,
    (error: unknown) => (error as NetError).code,
  );
  return { connection, end };
}

/** A handshake that waits for the test. */
function gate() {
  const begun: { connected: Connection; signal: AbortSignal | undefined }[] = [];
  let settle!: (connection: Connection) => void;
  let fail!: (error: unknown) => void;
  const outcome = new Promise<Connection>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  const handshake: Handshake<Connection> = (connected, signal) => {
    begun.push({ connected, signal });
    return outcome;
  };
  return { begun, handshake, settle, fail };
}

describe("a handshake that waits", () => {
  test("keeps the connection from the caller until it settles", async () => {
    const listener = await loopback();
    const dialing = dialTo([listener.port], async (connection, signal) => {
      await connection.writeLine("may I?", { signal });
      expect(await connection.readLine({ signal })).toBe("you may");
      return connection;
    });
    const server = keep(await listener.accept());
    expect(await server.readLine()).toBe("may I?");
    expect(await isPending(dialing)).toBe(true);
    await server.write("you may\nand more\n");
    expect(await (await dialing).readLine()).toBe("and more");
  });

  test("may put another connection in place of the one it was given", async () => {
    const listener = await loopback();
    const dialing = dialTo([listener.port], async (connection, signal) => {
      const socket = tlsConnect({
        socket: connection.detach(),
        ca: SELF_SIGNED.cert,
        servername: "localhost",
      });
      await once(socket, "secureConnect", { signal });
      return keep(Connection.from(socket));
    });
    const accepting = keep(await listener.accept()).detach();
    const server = new TLSSocket(accepting, { isServer: true, ...SELF_SIGNED });
    server.write("encrypted\n");
    const connection = await dialing;
    expect(await connection.readLine()).toBe("encrypted");
    connection.reset();
    server.destroy();
  });

  test("fails alone: attempts that the winner has overtaken are no failures", async () => {
    const listener = await loopback();
    const frozen = await frozenServer();
    try {
      const before = performance.now();
      const { begun, handshake, fail } = gate();
      const dialing = netError(dialTo([frozen.port, listener.port], handshake, { attemptDelay: 10 }));
      await until(() => begun.length === 1);
      fail(new NetError("no", { code: "EMINE", operation: "tls" }));
      const { attempts = [] } = await dialing;
      const elapsed = performance.now() - before;
      expect(attempts).toMatchObject([{ code: "EMINE" }]);
      expect(attempts[0]?.duration).toBeGreaterThanOrEqual(0);
      expect(attempts[0]?.duration).toBeLessThanOrEqual(elapsed);
    } finally {
      await frozen.close();
    }
  });

  test("is for the winner only, and the race is over by then", async () => {
    const listener = await loopback();
    const frozen = await frozenServer();
    try {
      const { begun, handshake, settle } = gate();
      const dialing = dialTo([frozen.port, listener.port, listener.port], handshake, { attemptDelay: 10 });
      await until(() => begun.length === 1);
      expect(begun[0]?.connected.remotePort).toBe(listener.port);
      await nothingLeft(frozen.sockets + 3); // The listener and both ends of the connection.
      settle(begun[0]?.connected as Connection);
      expect(await dialing).toBe(begun[0]?.connected);
      expect(begun).toHaveLength(1);
    } finally {
      await frozen.close();
    }
  });
});

describe("a handshake that fails", () => {
  test("rejects with its error, which has all attempts in it, and the peer is reset", async () => {
    const listener = await loopback();
    const dead = await unusedPort();
    const cause = new NetError("read x: not this (ERR_TEST)", { operation: "read", code: "ERR_TEST" });
    const dialing = netError(dialTo([dead, listener.port], () => Promise.reject(cause)));
    const server = await accepted(listener);
    const error = await dialing;
    expect(error).toMatchObject({ operation: "read", code: "ERR_TEST", host: "name.test" });
    expect(error.attempts?.map(({ code }) => code)).toEqual(["ECONNREFUSED", "ERR_TEST"]);
    expect(error.attempts?.[1]).toBe(cause);
    expect(cause.duration).toBeGreaterThanOrEqual(0);
    expect(error.message).toContain(`127.0.0.1:${dead}: connection refused (ECONNREFUSED); `);
    expect(await server.end).toBe("ECONNRESET");
    await listener.close();
    await nothingLeft();
  });

  test("does so also by a timeout of its own, or when the peer leaves", async () => {
    const listener = await loopback();
    const bounds = { timeout: 10_000, signal: new AbortController().signal };
    const slow = dialTo([listener.port], (own) => own.readLine({ timeout: 10 }).then(() => own), bounds);
    const error = await timeoutError(slow);
    expect(error).toMatchObject({ operation: "read", timeout: 10, attempts: [{ operation: "read" }] });
    expect(await (await accepted(listener)).end).toBe("ECONNRESET");
    let begun = false;
    const read: Handshake<Connection> = async (own) => {
      begun = true;
      await own.readExactly(1);
      return own;
    };
    const left = netError(dialTo([listener.port], read, bounds));
    const { connection } = await accepted(listener);
    await until(() => begun);
    connection.reset();
    expect(await left).toMatchObject({ operation: "read", code: "ECONNRESET", host: "name.test" });
    expect(listenersOf(bounds.signal)).toBe(0);
  });

  test.each([
    ["rejects with", () => Promise.reject(Object.assign(new Error("odd"), { code: "ERR_ODD" }))],
    [
      "throws",
      () => {
        throw Object.assign(new Error("odd"), { code: "ERR_ODD" });
      },
    ],
  ])("that %s another error gives a NetError with that as its cause", async (_, handshake) => {
    const listener = await loopback();
    const error = await netError(dialTo([listener.port], handshake));
    expect(error).toMatchObject({ operation: "connect", code: "ERR_ODD", cause: { message: "odd" } });
    expect(error.message).toBe(`connect 127.0.0.1:${listener.port}: odd (ERR_ODD)`);
    expect(await (await accepted(listener)).end).toBe("ECONNRESET");
  });
});

describe("a handshake that is given up", () => {
  test("by the deadline of the call has what lookup and race have left of it", () =>
    onManualClock(async (clock) => {
      const listener = await loopback();
      const { begun, handshake } = gate();
      let found!: () => void;
      const find = () =>
        new Promise<AddressInfo[]>((resolve) => {
          found = () => resolve([{ address: "127.0.0.1", port: listener.port, family: 4 }]);
        });
      const dialing = timeoutError(dialTo([listener.port], handshake, { find, timeout: 1_000 }));
      await until(() => clock.pending === 1);
      await clock.advance(400);
      found();
      await until(() => begun.length === 1);
      await clock.advance(599);
      expect(begun[0]?.signal?.aborted).toBe(false);
      await clock.advance(1);
      const error = await dialing;
      expect(error.message).toMatch(/timed out after 1000 ms .*, in the handshake: timed out after 600 ms/);
      expect(error.attempts?.map(({ duration }) => duration)).toEqual([600]);
      expect(clock.pending).toBe(0);
    }));

  test("by the deadline of the call is a reset, and the error says that it was in the handshake", async () => {
    const listener = await loopback();
    const dead = await unusedPort();
    const { begun, handshake, settle } = gate();
    const { signal } = new AbortController();
    const dialing = timeoutError(dialTo([dead, listener.port], handshake, { timeout: 60, signal }));
    const server = await accepted(listener);
    const error = await dialing;
    expect(error).toMatchObject({ operation: "connect", timeout: 60, host: "name.test" });
    expect(error.attempts).toMatchObject([
      { code: "ECONNREFUSED", operation: "connect" },
      { code: "ETIMEDOUT", operation: "connect" },
    ]);
    expect(error.message).toMatch(
      new RegExp(
        `: timed out after 60 ms \\(ETIMEDOUT\\): 127.0.0.1:${dead}: connection refused \\(ECONNREFUSED\\); ` +
          `127.0.0.1:${listener.port}, in the handshake: timed out after \\d+ ms \\(ETIMEDOUT\\)$`,
      ),
    );
    expect(await server.end).toBe("ECONNRESET");
    expect(begun[0]?.signal?.aborted).toBe(true);
    expect(listenersOf(signal)).toBe(0);
    expect(listenersOf(begun[0]?.signal as AbortSignal)).toBe(0);
    settle(begun[0]?.connected as Connection);
    await listener.close();
    await nothingLeft();
  });

  test("by an abort is a reset at once, and rejects with the reason of the signal", async () => {
    const listener = await loopback();
    const { begun, handshake, fail } = gate();
    const controller = new AbortController();
    const dialing = failure(dialTo([listener.port], handshake, { signal: controller.signal }));
    const server = await accepted(listener);
    await until(() => begun.length === 1);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await dialing).toBe(reason);
    expect(begun[0]?.signal).toMatchObject({ aborted: true, reason });
    expect(await server.end).toBe("ECONNRESET");
    fail(new Error("too late"));
    await listener.close();
    await nothingLeft();
  });

  test("and succeeds later has its result reset", async () => {
    const listener = await loopback();
    const { begun, handshake, settle } = gate();
    const dialing = timeoutError(dialTo([listener.port], handshake, { timeout: 30 }));
    const first = await accepted(listener);
    await dialing;
    expect(await first.end).toBe("ECONNRESET");
    const late = await dialTo([listener.port], (connection) => Promise.resolve(connection));
    const second = await accepted(listener);
    settle(late);
    expect(await second.end).toBe("ECONNRESET");
    await late.closed;
    expect(begun).toHaveLength(1);
  });

  test("at any moment leaves nothing at either end", async () => {
    const listener = await loopback();
    for (let turns = 0; turns < 20; turns++) {
      const controller = new AbortController();
      const outcome = dialTo(
        [listener.port],
        async (connection) => {
          await connection.writeLine("hello");
          for (let i = 0; i < 5; i++) await turn();
          return connection;
        },
        { signal: controller.signal },
      ).catch((error: unknown) => error);
      for (let i = 0; i < turns; i++) await turn();
      controller.abort();
      const result = await outcome;
      expect(listenersOf(controller.signal)).toBe(0);
      if (result instanceof Connection) result.reset();
      else expect(result).toBe(controller.signal.reason);
    }
    await listener.close();
    await nothingLeft();
  });
});
