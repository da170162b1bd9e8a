/** Handshakes of startTls that fail or are given up: what each end is told, and that nothing is left of them. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { Connection, NetError, type StartTlsOptions } from "../../src/index.js";
import { AUTHORITY, KEY_OF_ANOTHER, LOCALHOST, OTHER_EXAMPLE } from "../support/certificates.js";
import { connectedInMemory } from "../support/memory-pairs.js";
import { failure, netError, timeoutError, turn } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, pair } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";

const CLIENT = { ca: AUTHORITY, servername: "localhost" };
const SERVER = { ...LOCALHOST, isServer: true };
/** Up to Node 22 a reset that comes with data looks like an end. */
const RESET = /^(ECONNRESET|end)$/;
const SIDES: readonly (readonly [name: string, options: StartTlsOptions])[] = [
  ["a client", CLIENT],
  ["a server", SERVER],
];

afterEach(async () => {
  await closeAll();
  await nothingLeft();
});

/** A connection of ours, and the plain socket at its other end. */
async function withSocket(options = {}): Promise<{ connection: Connection; socket: Socket }> {
  const listener = await loopback(options);
  const [socket, connection] = await Promise.all([netClient(listener.port), listener.accept()]);
  return { connection: keep(connection), socket };
}

describe.each(SIDES)("the handshake of %s", (_, options) => {
  test("with a peer that is silent ends with its timeout, and by default with the readTimeout", async () => {
    for (const [captured, given, seen] of [
      [60_000, 15, 15],
      [20, undefined, 20],
    ] as const) {
      const { connection, socket } = await withSocket({ readTimeout: captured });
      const end = endOf(socket);
      // The head of a record, and less than there is to be of it.
      if (given === undefined) setImmediate(() => socket.write(Buffer.of(0x16, 3, 1, 2, 0, 1)));
      const error = await timeoutError(connection.startTls({ ...options, timeout: given }));
      expect(error).toMatchObject({ operation: "tls", timeout: seen });
      expect(await end).toMatch(RESET);
    }
  });

  test("with a peer that dies fails", async () => {
    for (const end of ["destroy", "resetAndDestroy", "end"] as const) {
      const { connection, socket } = await withSocket();
      const starting = netError(connection.startTls(options));
      await turn();
      socket[end]();
      const error = await starting;
      expect(error).toMatchObject({ operation: "tls", code: "ECONNRESET" });
      expect(error.message).toContain("the peer ended the connection during the handshake");
      await connection.closed;
    }
  });

  test("with a peer that speaks something else fails", async () => {
    for (const words of ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0", "x".repeat(100_000)]) {
      const { connection, socket } = await withSocket();
      const starting = netError(connection.startTls(options));
      await turn();
      socket.write(words);
      const end = endOf(socket);
      const error = await starting;
      expect(error).toMatchObject({ operation: "tls" });
      expect(error.message).toContain("the peer does not speak TLS");
      expect(await end).toMatch(/^(end|ECONNRESET|EPIPE)$/);
    }
  });

  test("is given up by a signal: before the call, in it, and late", async () => {
    const reason = new Error("enough");
    for (const wait of [
      null,
      () => Promise.resolve(),
      turn,
      () => new Promise((done) => setTimeout(done, 5)),
    ]) {
      const { connection, socket } = await withSocket();
      const end = endOf(socket);
      const stop = new AbortController();
      if (wait === null) stop.abort(reason);
      const starting = failure(connection.startTls({ ...options, signal: stop.signal }));
      await wait?.();
      stop.abort(reason);
      expect(await starting).toBe(reason);
      expect(await end).toMatch(RESET);
      expect(listenersOf(stop.signal)).toBe(0);
      await connection.closed;
    }
  });

  test("has no time at all with a timeout of 0", async () => {
    const { connection, socket } = await withSocket();
    const end = endOf(socket);
    await timeoutError(connection.startTls({ ...options, timeout: 0 }));
    expect(await end).toBe("ECONNRESET");
  });

  test("is given up by closeOn, and by reset() and close() of the old connection", async () => {
    for (const way of ["closeOn", "reset", "close"] as const) {
      const stop = new AbortController();
      const accepted = await withSocket();
      const connection = keep(Connection.from(accepted.connection.detach(), { closeOn: stop.signal }));
      const end = endOf(accepted.socket);
      const starting = failure(connection.startTls(options));
      await turn();
      if (way === "closeOn") stop.abort("stop");
      else await connection[way]();
      if (way === "closeOn") expect(await starting).toBe("stop");
      else expect(await starting).toMatchObject({ operation: "tls", code: "ERR_CLOSED" });
      expect(await end).toMatch(RESET);
      await turn();
      expect(listenersOf(stop.signal)).toBe(0);
    }
  });

  test("cannot begin with options that are wrong: the connection is as it was", async () => {
    const wrong: readonly object[] = [
      { key: "no key", cert: "no certificate" },
      KEY_OF_ANOTHER,
      { ciphers: "NO-SUCH-CIPHER" },
      { minVersion: "TLSv1.7" },
      { ciphers: 5 },
      { ALPNProtocols: "h2" },
      { ALPNProtocols: [""] },
      { isServer: 1 },
      { allowTruncation: 1 },
      { timeout: -1 },
      { signal: {} },
      { rejectUnauthorised: false },
      { socket: {} },
      { pskCallback: 5 },
      { checkServerIdentity: 5, SNICallback: 5 },
    ];
    const { connection, socket } = await withSocket();
    for (const each of wrong) {
      const error = await failure(connection.startTls({ ...options, ...each }));
      expect(error).toBeInstanceOf(Error);
      expect((error as { code?: unknown }).code).not.toBe("ERR_CLOSED");
    }
    for (const none of [[options], Buffer.from("x"), new AbortController().signal, socket, null, "x"]) {
      const error = (await failure(connection.startTls(none as object))) as Error;
      expect(error.message).toMatch(/^"options" must be an object of options; received/);
    }
    await connection.writeLine("still in the clear");
    expect(String(await once(socket, "data"))).toBe("still in the clear\n");
  });
});

describe("both ends", () => {
  test("are told that the client refuses the certificate", async () => {
    const { client, server } = await pair();
    const serving = server.startTls({ ...OTHER_EXAMPLE, isServer: true });
    const error = await netError(client.startTls(CLIENT));
    expect(error).toMatchObject({ operation: "tls", code: "ERR_TLS_CERT_ALTNAME_INVALID" });
    // The server may have done its part before.
    const [end] = await Promise.allSettled([serving]);
    if (end.status === "rejected") expect(end.reason).toMatchObject({ operation: "tls", code: "ECONNRESET" });
    else
      await keep(end.value)
        .readAll()
        .catch((reason: unknown) => expect(reason).toBeInstanceOf(NetError));
  });

  test("may fail in whatever order their calls come", async () => {
    const { client, server } = await pair();
    const first = netError(client.startTls({ ...CLIENT, timeout: 20 }));
    await first;
    const second = await netError(server.startTls(SERVER));
    expect(second).toMatchObject({ operation: "tls", code: "ECONNRESET" });
  });

  test("have nothing left when one is aborted at any moment", async () => {
    const random = (limit: number): number => Math.floor(Math.random() * limit);
    for (let count = 0; count < 200; count++) {
      const { client, server } = await pair();
      const stop = new AbortController();
      const isClient = count % 2 === 0;
      const starting = [
        client.startTls({ ...CLIENT, ...(isClient ? { signal: stop.signal } : {}) }),
        server.startTls({ ...SERVER, ...(isClient ? {} : { signal: stop.signal }) }),
      ];
      const turns = random(14);
      for (let each = 0; each < turns; each++) await (random(2) === 0 ? turn() : Promise.resolve());
      stop.abort("enough");
      const ends = await Promise.allSettled(starting);
      const [aborted, other] = isClient ? ends : ends.toReversed();
      if (aborted?.status === "rejected") expect(aborted.reason).toBe("enough");
      for (const end of ends) if (end.status === "fulfilled") keep(end.value);
      // The other end may have done its part of the handshake before: it sees the reset then.
      if (aborted?.status === "rejected" && other?.status === "fulfilled") {
        await other.value.readAll().catch((reason: unknown) => expect(reason).toBeInstanceOf(NetError));
      }
      for (const end of ends) if (end.status === "fulfilled") end.value.reset();
      expect(listenersOf(stop.signal)).toBe(0);
    }
  });

  test("are reset in memory, too", async () => {
    const [a, b] = connectedInMemory();
    const [starting, reading] = [a.startTls({ ...CLIENT, timeout: 10 }), b.readAll()].map(failure);
    expect(await starting).toMatchObject({ operation: "tls", code: "ETIMEDOUT" });
    expect(await reading).toMatchObject({ operation: "read", code: "ECONNRESET" });
  });
});
