/** Handshakes of startTls that fail or are given up: what each end is told, and that nothing is left of them. */
import type { Socket } from "node:net";
import { inspect } from "node:util";
import { Connection, NetError, type StartTlsOptions } from "../../src/index.js";
import { AUTHORITY, KEY_OF_ANOTHER, LOCALHOST, OTHER_EXAMPLE } from "../support/certificates.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
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

/** What the moments are drawn from: a failed test names it, and `SEED=… npm test` draws the same again. */
const SEED = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 30));

/** Random whole numbers below a limit: always the same for a seed. */
function numbersOf(seed: number): (limit: number) => number {
  let state = seed | 0;
  return (limit) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

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

  test("that is given up before it has begun, in whatever microtask, says so as one that is given up later", async () => {
    for (let microtasks = 0; microtasks < 12; microtasks++) {
      for (const way of ["reset", "close"] as const) {
        const { connection, socket } = await withSocket();
        const end = endOf(socket);
        const starting = failure(connection.startTls(options));
        for (let i = 0; i < microtasks; i++) await Promise.resolve();
        await connection[way]();
        expect(await starting).toMatchObject({ operation: "tls", code: "ERR_CLOSED" });
        expect(await end).toMatch(RESET);
      }
    }
  });
});

/** Text that must be in no message. */
const SECRET = "hunter2";

/** Options that are wrong at either end: what is given, what kind of error it is, and what its message says. */
const WRONG: readonly (readonly [
  given: object,
  kind: abstract new (...fields: never[]) => Error,
  message: RegExp,
])[] = [
  [{ key: SECRET, cert: SECRET }, NetError, /^tls .*tls: \{ cert \} is what is in its file/],
  [KEY_OF_ANOTHER, NetError, /^tls .*\bkey\b.* certificate/],
  [{ key: 5, cert: SECRET }, TypeError, /"options\.key" must be what is in the file.*; received 5/],
  [{ ca: "/etc/hunter2.pem" }, TypeError, /"options\.ca" must be certificates in PEM format/],
  [{ pfx: SECRET }, TypeError, /"options\.pfx" must be a Buffer.*; received a string/],
  [{ pfx: Buffer.from(SECRET), passphrase: SECRET }, NetError, /^tls .*\bpfx\b/],
  [{ ciphers: "NO-SUCH-CIPHER" }, NetError, /^tls .*ciphers/],
  [{ ciphers: 5 }, TypeError, /ciphers/],
  [{ minVersion: "TLSv1.7" }, NetError, /^tls .*version/i],
  [
    { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" },
    TypeError,
    /"options\.minVersion" must be at most the maxVersion, TLSv1\.2/,
  ],
  [
    { ALPNProtocols: "h2" },
    TypeError,
    /"options\.ALPNProtocols" must be an array of strings; received a string/,
  ],
  [{ ALPNProtocols: [""] }, TypeError, /"options\.ALPNProtocols" must be protocols of 1 to 255 bytes/],
  [{ isServer: 1 }, TypeError, /"isServer" must be a boolean; received 1/],
  [{ allowTruncation: 1 }, TypeError, /"allowTruncation" must be a boolean; received 1/],
  [{ rejectUnauthorized: 0 }, TypeError, /"options\.rejectUnauthorized" must be a boolean; received 0/],
  [{ timeout: -1 }, RangeError, /"timeout" must be /],
  [{ timeout: SECRET }, TypeError, /"timeout" must be .*; received a string/],
  [{ signal: {} }, TypeError, /"signal" must be an AbortSignal; received /],
  [{ highWaterMark: -1 }, RangeError, /"options\.highWaterMark" must be /],
  [{ rejectUnauthorised: false }, TypeError, /did you mean "rejectUnauthorized"\?/],
  [{ keyFile: SECRET }, TypeError, /did you mean "key"\?/],
  [{ host: SECRET }, TypeError, /"host" is no option of tls: it is part of the endpoint/],
  [{ socket: {} }, TypeError, /"socket" is no option of tls/],
  [{ tls: { key: SECRET } }, TypeError, /"tls" is no option of tls/],
  [{ pskCallback: 5 }, TypeError, /"options\.pskCallback" must be a function; received 5/],
];

/** Those that are wrong at one end only. */
const WRONG_AT: Readonly<Record<string, typeof WRONG>> = {
  "a client": [
    [{ servername: 5 }, TypeError, /"options\.servername" must be a string; received 5/],
    [
      { servername: undefined },
      TypeError,
      /"servername" must be the name that the server's certificate is for/,
    ],
    [{ checkServerIdentity: 5 }, TypeError, /"options\.checkServerIdentity" must be a function/],
    [{ SNICallback: () => undefined }, TypeError, /it is for servers/],
    [{ session: SECRET }, TypeError, /"options\.session" must be .*; received a string/],
  ],
  "a server": [
    [{ key: undefined, cert: undefined }, TypeError, /a server without a certificate takes no client/],
    [{ SNICallback: 5 }, TypeError, /"options\.SNICallback" must be a function; received 5/],
    [{ secureContext: {} }, TypeError, /it is for clients/],
    [{ ticketKeys: Buffer.from(SECRET) }, TypeError, /ticketKeys/],
  ],
};

describe.each(SIDES)("wrong options of %s", (name, options) => {
  const rows = [...WRONG, ...(WRONG_AT[name] ?? [])].map(
    ([given, kind, message]) => [Object.keys(given).join(", "), given, kind, message] as const,
  );

  test.each(rows)("are named, and the connection is as it was: %s (%#)", async (_, given, kind, message) => {
    // An adopted end has no host to check in place of a name.
    const { client, server } = await pair();
    const connection = keep(Connection.from(client.detach()));
    const error = await failure(connection.startTls({ ...options, ...given }));
    expect(error).toBeInstanceOf(kind);
    expect((error as Error).message).toMatch(message);
    for (const text of [inspect(error), JSON.stringify(error)]) {
      expect(text).not.toContain("PRIVATE KEY");
      // Of an error of Node's own, its fields are shown.
      expect(text.replaceAll(/^ +at .*$/gm, "")).not.toContain(SECRET);
    }
    await connection.writeLine("still in the clear");
    expect(await server.readLine()).toBe("still in the clear");
    await server.writeLine("both ways");
    expect(await connection.readLine()).toBe("both ways");
  });

  test.each([5, null, "options", SECRET])("that are no object are a TypeError: %p", async (given) => {
    const { client, server } = await pair();
    const error = await failure(client.startTls(given as never));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toContain('"options" must be an object of options; received ');
    await client.writeLine("still in the clear");
    expect(await server.readLine()).toBe("still in the clear");
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

  test(`have nothing left when one is aborted at any moment (SEED=${String(SEED)})`, async () => {
    const random = numbersOf(SEED);
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
    const [a, b] = memoryPair();
    const [starting, reading] = [a.startTls({ ...CLIENT, timeout: 10 }), b.readAll()].map(failure);
    expect(await starting).toMatchObject({ operation: "tls", code: "ETIMEDOUT" });
    expect(await reading).toMatchObject({ operation: "read", code: "ECONNRESET" });
  });
});
