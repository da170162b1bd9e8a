/** The handshakes of listeners with TLS: who gets in, who does not, and what is left of those. */
import { constants } from "node:crypto";
import { once } from "node:events";
import type { NetConnectOpts, Socket } from "node:net";
import { duplexPair } from "node:stream";
import {
  connect as tlsConnect,
  createSecureContext,
  type ConnectionOptions,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import {
  listen,
  NetError,
  NetTimeoutError,
  type Connection,
  type Listener,
  type ListenOptions,
  type RefusedEvent,
} from "../../src/index.js";
import { switchOff } from "../../src/core/transport/node-internals.js";
import * as certificates from "../support/certificates.js";
import { failure, isPending, netError, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback, netClient, socketPath } from "../support/peers.js";
import { notedRefusals } from "../support/refusals.js";
import { nothingLeft } from "../support/resources.js";

const {
  AUTHORITY,
  CLIENT,
  KEY_OF_ANOTHER,
  LOCALHOST,
  OTHER_AUTHORITY,
  OTHER_EXAMPLE,
  SELF_SIGNED,
  UNTRUSTED_CLIENT,
} = certificates;

const refusals = notedRefusals();

afterEach(async () => {
  switchOff();
  await closeAll();
  await nothingLeft();
});

function secure(tls: TlsOptions = {}, options: ListenOptions = {}): Promise<Listener> {
  return loopback({ ...options, tls: { ...LOCALHOST, ...tls } });
}

/** A client of Node's own that begins a handshake. Its errors are noted, not thrown. */
function client(to: Listener | NetConnectOpts, options: ConnectionOptions = {}): TLSSocket {
  const where = "port" in to && to.port !== 0 ? { host: "127.0.0.1", port: to.port } : (to as NetConnectOpts);
  const socket = keep(
    tlsConnect({ ca: AUTHORITY, servername: "localhost", ...where, ...options } as ConnectionOptions),
  );
  socket.on("error", () => undefined);
  return socket;
}

/** The same, once it is secure. */
async function secureClient(...parameters: Parameters<typeof client>): Promise<TLSSocket> {
  const socket = client(...parameters);
  const failed = new Promise<never>((_, reject) => socket.once("error", reject));
  await Promise.race([once(socket, "secureConnect"), failed]);
  failed.catch(() => undefined);
  return socket;
}

/** Resolves when a socket is closed, whether or not it has failed. */
async function closed(socket: Socket): Promise<void> {
  await new Promise((resolve) => socket.resume().once("close", resolve));
}

/** Both ends. */
async function pairOver(
  listener: Listener,
  options?: ConnectionOptions,
): Promise<{ client: TLSSocket; server: Connection }> {
  const [peer, server] = await Promise.all([secureClient(listener, options), listener.accept()]);
  return { client: peer, server: keep(server) };
}

/** Whether what one end sends reaches the other, both ways. */
async function talk(peer: Socket, server: Connection): Promise<void> {
  peer.write("hello\n");
  expect(await server.readLine()).toBe("hello");
  await server.write("world");
  expect(String((await once(peer, "data"))[0])).toBe("world");
}

/** The one refusal that there was. */
async function onlyRefusal(listener: Listener): Promise<NetError> {
  await until(() => refusals.length > 0);
  expect(refusals).toHaveLength(1);
  const [event] = refusals as [RefusedEvent];
  expect(event).toMatchObject({ reason: "handshake", remoteAddress: "127.0.0.1" });
  expect(event.error).toBeInstanceOf(NetError);
  expect(event.error.operation).toBe("tls");
  expect(listener.stats).toMatchObject({ accepted: 0, open: 0, dropped: 0, refused: { handshake: 1 } });
  expect(listener.pending).toBe(0);
  return event.error;
}

describe("a client that speaks TLS", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "is accepted over %s, and says what was agreed on",
    async (version) => {
      const listener = await secure({ maxVersion: version, ALPNProtocols: ["x", "y"] });
      const { client: peer, server } = await pairOver(listener, { ALPNProtocols: ["z", "y"] });
      await talk(peer, server);
      expect(server.tls).toMatchObject({
        protocol: version,
        alpnProtocol: "y",
        servername: "localhost",
        authorized: false,
        authorizationError: undefined,
        peerCertificate: undefined,
        sessionReused: false,
      });
      expect(server).toMatchObject({
        remoteAddress: "127.0.0.1",
        remotePort: peer.localPort,
        localPort: listener.port,
      });
      expect(listener.stats).toMatchObject({ accepted: 1, open: 1, refused: { handshake: 0 } });
      server.reset();
      await server.closed;
      expect(listener.stats).toMatchObject({ accepted: 1, open: 0 });
      expect(refusals).toEqual([]);
    },
  );

  test("may send its first bytes with the end of its handshake, or bytes and the end of its stream", async () => {
    const listener = await secure();
    const eager = client(listener);
    eager.write("at once\n");
    expect(await keep(await listener.accept()).readLine()).toBe("at once");
    const brief = client(listener);
    brief.end("all of it");
    const connection = keep(await listener.accept());
    expect((await connection.readAll()).toString()).toBe("all of it");
    brief.resume();
    await connection.close();
  });

  test("keeps its early bytes while it waits to be accepted", async () => {
    const listener = await secure();
    const peers = [client(listener), client(listener)];
    peers[0]?.write("one\n");
    peers[1]?.end("two\n");
    await until(() => listener.pending === 2);
    for (let i = 0; i < 5; i++) await turn();
    const lines = [await listener.accept(), await listener.accept()].map((one) => keep(one).readLine());
    expect((await Promise.all(lines)).sort()).toEqual(["one", "two"]);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "that resets right after its handshake (%s) is a connection that fails, or is refused",
    async (maxVersion) => {
      const listener = await secure({ maxVersion });
      const endings: Promise<unknown>[] = [];
      const serving = (async () => {
        for await (const connection of listener) endings.push(failure(keep(connection).readExactly(1)));
      })();
      for (let i = 0; i < 20; i++) {
        const raw = await netClient(listener.port);
        const peer = client({ socket: raw } as never);
        await once(peer, "secureConnect");
        raw.resetAndDestroy();
      }
      await until(() => listener.stats.accepted + listener.stats.refused.handshake === 20);
      expect(endings).toHaveLength(listener.stats.accepted);
      expect(refusals).toHaveLength(listener.stats.refused.handshake);
      for (const error of await Promise.all(endings)) expect(error).toBeInstanceOf(NetError);
      expect(listener.stats.dropped).toBe(0);
      await listener.close();
      await serving;
    },
  );

  test("gets in at every address of a name, at a Unix socket, and at a listener that unrefs", async () => {
    const named = keep(await listen("localhost:0", { tls: LOCALHOST }));
    expect(named.addresses.length).toBeGreaterThan(0);
    for (const place of named.addresses) {
      if (!("port" in place)) continue;
      const peer = client({ host: place.address, port: place.port });
      const server = keep(await named.accept());
      await talk(peer, server);
      expect(server.localAddress).toBe(place.address);
    }
    expect(named.stats.accepted).toBe(named.addresses.length);
    const path = socketPath();
    const unix = keep(await listen({ path }, { tls: LOCALHOST })).unref();
    const peer = client({ path });
    const server = keep(await unix.accept());
    await talk(peer, server);
    expect(server.tls?.protocol).toBe("TLSv1.3");
  });
});

describe("a client that does no handshake", () => {
  test("and is silent is reset when its time is up, and holds up no other", async () => {
    const listener = await secure({}, { handshakeTimeout: 500 });
    const silent = await netClient(listener.port);
    const { localPort } = silent;
    const end = endOf(silent);
    const { client: peer, server } = await pairOver(listener);
    await talk(peer, server);
    expect(await end).toBe("ECONNRESET");
    await until(() => refusals.length === 1);
    const error = refusals[0]?.error;
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ operation: "tls", timeout: 500, port: localPort });
    expect(listener.stats).toMatchObject({ accepted: 1, open: 1, refused: { handshake: 1 } });
  });

  test("has no time at all with a handshakeTimeout of 0, and all of it with Infinity or more than a timer takes", async () => {
    const none = await secure({}, { handshakeTimeout: 0 });
    expect(await endOf(await netClient(none.port))).toBe("ECONNRESET");
    expect(await onlyRefusal(none)).toBeInstanceOf(NetTimeoutError);
    for (const handshakeTimeout of [Infinity, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
      const listener = await secure({}, { handshakeTimeout });
      const silent = await netClient(listener.port);
      const end = endOf(silent);
      expect(await isPending(end)).toBe(true);
      await listener.close();
      expect(await end).toBe("ECONNRESET");
    }
  });

  test("but speaks HTTP is refused at once", async () => {
    const listener = await secure();
    const peer = await netClient(listener.port);
    peer.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await endOf(peer);
    const error = await onlyRefusal(listener);
    expect(error.code).toBe("ERR_SSL_HTTP_REQUEST");
    expect(error.message).toMatch(/^tls 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+: /);
  });

  const parts: [string, (hello: Buffer) => Buffer][] = [
    ["nothing", () => Buffer.alloc(0)],
    ["half a hello", (hello) => hello.subarray(0, hello.length / 2)],
    ["a hello", (hello) => hello],
  ];
  const endings: [string, (socket: Socket, bytes: Buffer) => unknown][] = [
    ["ends", (socket, bytes) => socket.end(bytes)],
    ["resets", (socket, bytes) => socket.write(bytes, () => setImmediate(() => socket.resetAndDestroy()))],
  ];
  const cases = parts.flatMap(([what, part]) =>
    endings.map(([how, end]): [string, string, (socket: Socket, hello: Buffer) => unknown] => [
      what,
      how,
      (socket, hello) => end(socket, part(hello)),
    ]),
  );

  test.each(cases)("but sends %s and %s is refused at once", async (_what, _how, act) => {
    const listener = await secure({}, { handshakeTimeout: Infinity });
    const socket = await netClient(listener.port);
    const gone = closed(socket);
    act(socket, await helloOf());
    const error = await onlyRefusal(listener);
    expect(error.code).toBe("ECONNRESET");
    expect(error.message).toContain("the peer ended the connection during the handshake");
    await gone;
  });
});

/** The first message of a client. */
async function helloOf(): Promise<Buffer> {
  const [one, other] = duplexPair();
  const socket = tlsConnect({ socket: one, servername: "localhost" });
  socket.on("error", () => undefined);
  const [hello] = (await once(other, "data")) as [Buffer];
  socket.destroy();
  return hello;
}

describe("a client whose handshake fails", () => {
  const failing: [string, TlsOptions, ConnectionOptions, RegExp, RegExp][] = [
    [
      "has no cipher in common",
      { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256", maxVersion: "TLSv1.2" },
      { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
      /^ERR_SSL_NO_SHARED_CIPHER$/,
      /ALERT_HANDSHAKE_FAILURE$/,
    ],
    [
      "has no version in common",
      { minVersion: "TLSv1.3" },
      { maxVersion: "TLSv1.2" },
      /^ERR_SSL_UNSUPPORTED_PROTOCOL$/,
      /ALERT_PROTOCOL_VERSION$/,
    ],
    [
      "has no application protocol in common",
      { ALPNProtocols: ["a"] },
      { ALPNProtocols: ["b"] },
      /^ERR_SSL_NO_APPLICATION_PROTOCOL$/,
      /ALERT_NO_APPLICATION_PROTOCOL$/,
    ],
    [
      "shows no certificate under TLS 1.2",
      { requestCert: true, ca: AUTHORITY, maxVersion: "TLSv1.2" },
      {},
      /^ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE$/,
      /ALERT_HANDSHAKE_FAILURE$/,
    ],
  ];
  test.each(failing)("since it %s gets an alert", async (_, tls, options, code, alert) => {
    const listener = await secure(tls);
    expect(await endOf(client(listener, options))).toMatch(alert);
    expect((await onlyRefusal(listener)).code).toMatch(code);
  });

  test("does not trust the certificate, and says so", async () => {
    const listener = await secure();
    expect(await endOf(client(listener, { ca: OTHER_AUTHORITY }))).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    // Node's client says nothing and resets. Under TLS 1.3 it may do so when the server thinks that all is done.
    await until(() => listener.stats.refused.handshake + listener.pending === 1);
  });
});

describe("client certificates", () => {
  const MUTUAL: TlsOptions = { requestCert: true, ca: AUTHORITY };

  describe.each(["TLSv1.2", "TLSv1.3"] as const)("under %s", (maxVersion) => {
    test("that are trusted are told", async () => {
      const listener = await secure({ ...MUTUAL, maxVersion });
      const { client: peer, server } = await pairOver(listener, CLIENT);
      await talk(peer, server);
      expect(server.tls).toMatchObject({ authorized: true, authorizationError: undefined });
      expect(server.tls?.peerCertificate?.subject).toBe("CN=client");
    });

    test("are told of a resumed session, too", async () => {
      const listener = await secure({ ...MUTUAL, maxVersion });
      const first = client(listener, CLIENT);
      const session = once(first, "session");
      keep(await listener.accept());
      const [ticket] = (await session) as [Buffer];
      const { server } = await pairOver(listener, { ...CLIENT, session: ticket });
      expect(server.tls).toMatchObject({ sessionReused: true, authorized: true });
      expect(server.tls?.peerCertificate?.subject).toBe("CN=client");
    });

    const distrusted: [string, ConnectionOptions, string][] = [
      ["of another authority", UNTRUSTED_CLIENT, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
      ["that are signed by themselves", SELF_SIGNED, "DEPTH_ZERO_SELF_SIGNED_CERT"],
      ["for another purpose", LOCALHOST, "INVALID_PURPOSE"],
    ];
    test.each(distrusted)("%s do not let in", async (_, identity, code) => {
      const listener = await secure({ ...MUTUAL, maxVersion });
      const peer = client(listener, identity);
      await closed(peer);
      expect((await onlyRefusal(listener)).code).toBe(code);
    });

    test("that are missing do not let in", async () => {
      const listener = await secure({ ...MUTUAL, maxVersion });
      await closed(client(listener));
      expect((await onlyRefusal(listener)).code).toBe("ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE");
    });

    test("that are not trusted let in where that is asked for, and why not is told", async () => {
      const listener = await secure({ ...MUTUAL, maxVersion, rejectUnauthorized: false });
      const { client: peer, server } = await pairOver(listener, UNTRUSTED_CLIENT);
      await talk(peer, server);
      const authorizationError = "UNABLE_TO_VERIFY_LEAF_SIGNATURE";
      expect(server.tls).toMatchObject({ authorized: false, authorizationError });
      expect(server.tls?.peerCertificate?.subject).toBe("CN=client");
    });
  });
});

/** The subject of the certificate that a client is shown. */
async function shownTo(listener: Listener, servername: string): Promise<string | undefined> {
  const peer = await secureClient(listener, { servername, rejectUnauthorized: false });
  const { subject } = peer.getPeerX509Certificate() ?? {};
  keep(await listener.accept());
  peer.destroy();
  return subject;
}

describe("server names", () => {
  test("choose a context that was added", async () => {
    const listener = await secure();
    listener.tlsServer?.addContext("other.example", OTHER_EXAMPLE);
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
    expect(await shownTo(listener, "other.example")).toBe("CN=other.example");
  });

  test("choose what SNICallback gives, at once or later", async () => {
    const asked: string[] = [];
    const listener = await secure({
      SNICallback: (name, done) => {
        asked.push(name);
        if (name === "other.example") setImmediate(done, null, createSecureContext(OTHER_EXAMPLE));
        else done(null);
      },
    });
    expect(await shownTo(listener, "other.example")).toBe("CN=other.example");
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
    expect(asked).toEqual(["other.example", "localhost"]);
  });

  const faults: [string, NonNullable<TlsOptions["SNICallback"]>, RegExp][] = [
    ["throws", () => failWith(new Error("no such name")), /no such name/],
    ["throws no error", () => failWith("no such name"), /SNICallback has thrown/],
    [
      "throws when it has called back",
      (_, done) => (done(new Error("first")), failWith(new Error("later"))),
      /first/,
    ],
    ["calls back with an error", (_, done) => done(new Error("no such name")), /no such name/],
    [
      "calls back later with an error",
      (_, done) => void setImmediate(done, new Error("no such name")),
      /no such name/,
    ],
    ["rejects", () => Promise.reject(new Error("no such name")), /no such name/],
    [
      "calls back with text for a context",
      (_, done) => done(null, "a name" as never),
      /"the context of SNICallback" must be one of tls\.createSecureContext; received a string of 6 characters/,
    ],
    ["calls back with what is no context", (_, done) => done(null, { a: 1 } as never), /SNI context/i],
  ];
  function failWith(thrown: unknown): never {
    throw thrown;
  }
  test.each(faults)(
    "whose SNICallback %s do not let in, and the next client gets in",
    async (_, callback, message) => {
      const listener = await secure({
        SNICallback: (name, done) => (name === "bad" ? callback(name, done) : done(null)),
      });
      await closed(client(listener, { servername: "bad" }));
      expect((await onlyRefusal(listener)).message).toMatch(message);
      const { client: peer, server } = await pairOver(listener);
      await talk(peer, server);
    },
  );

  test("whose SNICallback never calls back, or too late, are refused when their time is up", async () => {
    const late: (() => void)[] = [];
    const listener = await secure(
      { SNICallback: (name, done) => (name === "bad" ? late.push(() => done(null)) : done(null)) },
      { handshakeTimeout: 500 },
    );
    expect(await endOf(client(listener, { servername: "bad" }))).toBe("ECONNRESET");
    expect(await onlyRefusal(listener)).toBeInstanceOf(NetTimeoutError);
    for (const done of late) done();
    const { client: peer, server } = await pairOver(listener);
    await talk(peer, server);
  });
});

describe("ALPNCallback", () => {
  test("chooses the protocol", async () => {
    const listener = await secure({
      ALPNCallback: ({ servername, protocols }) => (servername === "localhost" ? protocols[1] : undefined),
    });
    const { server } = await pairOver(listener, { ALPNProtocols: ["a", "b"] });
    expect(server.tls?.alpnProtocol).toBe("b");
  });

  const faults: [string, () => unknown, string, RegExp][] = [
    [
      "throws",
      () => {
        throw new Error("no protocol");
      },
      "ERR_UNKNOWN",
      /no protocol/,
    ],
    ["chooses what was not offered", () => "z", "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT", /has not offered/],
    [
      "is asynchronous",
      async () => Promise.reject(new Error("no")),
      "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT",
      /has not offered/,
    ],
    ["chooses nothing", () => undefined, "ERR_SSL_NO_APPLICATION_PROTOCOL", /no application protocol/],
  ];
  test.each(faults)(
    "that %s does not let in: the client gets an alert",
    async (_, callback, code, message) => {
      const listener = await secure({ ALPNCallback: callback as () => undefined });
      expect(await endOf(client(listener, { ALPNProtocols: ["a"] }))).toMatch(
        /ALERT_NO_APPLICATION_PROTOCOL$/,
      );
      const error = await onlyRefusal(listener);
      expect(error.code).toBe(code);
      expect(error.message).toMatch(message);
    },
  );
});

describe("pre-shared keys", () => {
  const PSK = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
  const key = Buffer.from("a key of sixteen");
  const asking: ConnectionOptions = {
    ...PSK,
    pskCallback: () => ({ psk: key, identity: "me" }),
    checkServerIdentity: () => undefined,
  };

  test.each([
    ["memory", key],
    ["an object", { psk: key }],
  ])("let in, given as %s", async (_, result) => {
    const identities: string[] = [];
    const listener = await secure({
      ...PSK,
      pskCallback: (_socket, identity) => {
        identities.push(identity);
        return result as Buffer;
      },
    });
    const { client: peer, server } = await pairOver(listener, asking);
    await talk(peer, server);
    expect(identities).toEqual(["me"]);
  });

  const faults: [string, () => unknown, RegExp][] = [
    [
      "throws",
      () => {
        throw new Error("no key");
      },
      /no key/,
    ],
    [
      "throws a class",
      () => {
        throw TypeError; // eslint-disable-line @typescript-eslint/only-throw-error -- the function is the program's
      },
      /: failed with a function/,
    ],
    ["gives what is no key", () => 5, /pskCallback/],
    [
      "gives a key that is too long",
      () => Buffer.alloc(513, "key"),
      /512 bytes; received a Buffer of 513 bytes/,
    ],
    ["gives a key without bytes", () => ({ psk: Buffer.alloc(0) }), /received a Buffer of 0 bytes/],
    ["is asynchronous", () => Promise.reject(new Error("no")), /pskCallback/],
    ["knows none", () => null, /there is no key for the peer's identity or hint/],
  ];
  test.each(faults)("whose callback %s do not let in", async (_, callback, message) => {
    const listener = await secure({ ...PSK, pskCallback: callback as () => null });
    expect(await endOf(client(listener, asking))).toMatch(/ALERT_UNKNOWN_PSK_IDENTITY$/);
    expect((await onlyRefusal(listener)).message).toMatch(message);
  });
});

describe("setTls", () => {
  test("gives the clients to come another certificate, and connections go on", async () => {
    const listener = await secure();
    const { client: peer, server } = await pairOver(listener);
    listener.setTls(OTHER_EXAMPLE);
    expect(await shownTo(listener, "localhost")).toBe("CN=other.example");
    await talk(peer, server);
    expect(server.tls?.protocol).toBe("TLSv1.3");
    listener.setTls(LOCALHOST);
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "lets sessions of %s resume, unless ticket keys are given",
    async (maxVersion) => {
      const listener = await secure({ maxVersion });
      const first = client(listener);
      const session = once(first, "session");
      keep(await listener.accept());
      const [ticket] = (await session) as [Buffer];
      listener.setTls(OTHER_EXAMPLE);
      const again = await pairOver(listener, { session: ticket });
      expect(again.server.tls?.sessionReused).toBe(true);
      expect(again.client.isSessionReused()).toBe(true);
      listener.setTls({ ...OTHER_EXAMPLE, ticketKeys: Buffer.alloc(48, 1) });
      const { server } = await pairOver(listener, { session: ticket, rejectUnauthorized: false });
      expect(server.tls?.sessionReused).toBe(false);
    },
  );

  test("leaves as it is what is not given", async () => {
    const listener = await secure({
      requestCert: true,
      ca: AUTHORITY,
      minVersion: "TLSv1.3",
      ALPNProtocols: ["a"],
    });
    listener.setTls(OTHER_EXAMPLE);
    await closed(client(listener, { ...UNTRUSTED_CLIENT, rejectUnauthorized: false }));
    expect((await onlyRefusal(listener)).code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    const old = client(listener, { ...CLIENT, maxVersion: "TLSv1.2" });
    expect(await endOf(old)).toMatch(/ALERT_PROTOCOL_VERSION$/);
    listener.setTls({ ca: [OTHER_AUTHORITY], minVersion: undefined });
    const { server } = await pairOver(listener, {
      ...UNTRUSTED_CLIENT,
      rejectUnauthorized: false,
      ALPNProtocols: ["a"],
    });
    expect(server.tls).toMatchObject({ authorized: true, alpnProtocol: "a" });
  });

  test("refuses a key that does not fit, and the old one stays", async () => {
    const listener = await secure();
    const error = (() => {
      try {
        listener.setTls(KEY_OF_ANOTHER);
        return undefined;
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ operation: "tls", code: "ERR_OSSL_X509_KEY_VALUES_MISMATCH" });
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
    listener.setTls({ minVersion: "TLSv1.3" });
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
  });

  const lasting: TlsOptions[] = [
    { requestCert: true },
    { rejectUnauthorized: false },
    { ALPNProtocols: ["b"] },
    { ALPNCallback: () => undefined },
    { SNICallback: () => undefined },
    { pskCallback: () => null },
  ];
  test.each(lasting.map((options): [string, TlsOptions] => [Object.keys(options).join(), options]))(
    "refuses another %s, which no secure context has",
    async (name, options) => {
      const listener = await secure({ ALPNProtocols: ["a"] });
      expect(() => listener.setTls({ ...OTHER_EXAMPLE, ...options })).toThrow(TypeError);
      expect(() => listener.setTls({ ...OTHER_EXAMPLE, ...options })).toThrow(
        `"options.${name}" must be left out, or as it was given to listen`,
      );
      expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
      listener.setTls({ ...OTHER_EXAMPLE, ALPNProtocols: ["a"] });
      expect(await shownTo(listener, "localhost")).toBe("CN=other.example");
    },
  );

  test.each<[string, TlsOptions, string]>([
    ["certificate", { passphrase: "alone" }, '"options" must be an object with key and cert'],
    [
      "version of TLS",
      { minVersion: "TLSv1.3" },
      '"options.minVersion" must be at most the maxVersion, TLSv1.2',
    ],
  ])("refuses what would leave no %s, and the old context stays", async (_, options, words) => {
    const listener = await secure({ maxVersion: "TLSv1.2" });
    expect(() => listener.setTls(options)).toThrow(TypeError);
    expect(() => listener.setTls(options)).toThrow(words);
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
    listener.setTls({ ciphers: "ECDHE" });
    expect(await shownTo(listener, "localhost")).toBe("CN=localhost");
  });

  test("is for listeners with TLS", async () => {
    const listener = await loopback();
    expect(() => listener.setTls(LOCALHOST)).toThrow(TypeError);
    expect(listener.tlsServer).toBeUndefined();
  });
});

describe("tlsServer", () => {
  test("tells the keys of its clients, and their sessions", async () => {
    const listener = await secure({ maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET });
    const lines: string[] = [];
    listener.tlsServer?.on("keylog", (line: Buffer) => lines.push(String(line)));
    const ids: Buffer[] = [];
    listener.tlsServer?.on("newSession", (id: Buffer, _data: Buffer, done: () => void) => {
      ids.push(id);
      done();
    });
    const { client: peer, server } = await pairOver(listener);
    await talk(peer, server);
    expect(lines.join("")).toMatch(/^CLIENT_RANDOM /);
    expect(ids).toHaveLength(1);
  });

  test("shares ticket keys with another listener, which then resumes its sessions", async () => {
    const ticketKeys = Buffer.alloc(48, 7);
    const [one, other] = [await secure({ ticketKeys }), await secure({ ticketKeys })];
    expect(one.tlsServer?.getTicketKeys()).toEqual(ticketKeys);
    const first = client(one);
    const session = once(first, "session");
    keep(await one.accept());
    const [ticket] = (await session) as [Buffer];
    const { server } = await pairOver(other, { session: ticket });
    expect(server.tls?.sessionReused).toBe(true);
  });
});

describe("closing the listener", () => {
  test("resets the clients in their handshake, counts none of them, and leaves nothing", async () => {
    const listener = await secure({ SNICallback: () => undefined });
    const silent = await netClient(listener.port);
    const half = await netClient(listener.port);
    half.write((await helloOf()).subarray(0, 50));
    const waiting = client(listener);
    await once(waiting, "connect");
    await turn();
    const ends = [endOf(silent), endOf(half), endOf(waiting)];
    expect(await isPending(Promise.race(ends))).toBe(true);
    await listener.close();
    await listener.closed;
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET", "ECONNRESET"]);
    expect(listener.stats).toEqual({
      accepted: 0,
      open: 0,
      dropped: 0,
      refused: { blocked: 0, perAddress: 0, maxConnections: 0, handshake: 0 },
    });
    await nothingLeft();
    expect(refusals).toEqual([]);
  });

  test("in the middle of a client's secure event resets that client, and those that wait", async () => {
    const listener = await secure();
    const first = await secureClient(listener);
    await until(() => listener.pending === 1);
    let closing: Promise<void> | undefined;
    listener.tlsServer?.once("secureConnection", () => {
      closing = listener.close();
    });
    const second = client(listener);
    // A reset that comes together with data, here the session tickets, is an end for a client on Node 20 and 22.
    const ends = [endOf(first), closed(second)];
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", undefined]);
    await closing;
    await nothingLeft();
    expect(listener.stats).toMatchObject({ accepted: 0, open: 0, refused: { handshake: 0 } });
  });

  // A fault would end the test run: Node frees what OpenSSL is still using.
  const callbacks: [string, TlsOptions][] = [
    ["SNICallback", { SNICallback: (_, done) => done(null) }],
    ["SNICallback, which fails then", { SNICallback: (_, done) => done(new Error("no")) }],
    ["SNICallback, which throws then", { SNICallback: raise }],
    ["ALPNCallback", { ALPNCallback: ({ protocols }) => protocols[0] }],
    ["ALPNCallback, which refuses then", { ALPNCallback: () => undefined }],
    ["ALPNCallback, which throws then", { ALPNCallback: raise }],
  ];
  function raise(): never {
    throw new Error("no");
  }
  test.each(callbacks)("from within %s resets that client and leaves nothing", async (_, options) => {
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const [[name, callback]] = Object.entries(options) as [[string, (...parameters: unknown[]) => unknown]];
      const closing = (...parameters: unknown[]): unknown => {
        void listener.close();
        return callback(...parameters);
      };
      const listener = await secure({ maxVersion, [name]: closing });
      const end = endOf(await netClient(listener.port));
      const clients = Array.from({ length: 5 }, () => client(listener, { ALPNProtocols: ["a"] }));
      await Promise.all(clients.map(closed));
      await listener.closed;
      expect(await end).toBe("ECONNRESET");
      expect(listener.stats).toMatchObject({ accepted: 0, open: 0, dropped: 0 });
      await nothingLeft();
    }
  });

  test.each(["keylog", "newSession", "secureConnection"])(
    "from within the event '%s' resets the clients that no call has accepted",
    async (event) => {
      const listener = await secure({ maxVersion: "TLSv1.2", secureOptions: constants.SSL_OP_NO_TICKET });
      const first = await secureClient(listener);
      await until(() => listener.pending === 1);
      const end = endOf(first);
      listener.tlsServer?.on(event, (...parameters: unknown[]) => {
        void listener.close();
        const done = parameters.at(-1);
        if (event === "newSession" && typeof done === "function") (done as () => void)();
      });
      await closed(client(listener));
      expect(await end).toBe("ECONNRESET");
      await listener.closed;
      await nothingLeft();
    },
  );

  test("leaves connections open, unless it is closed by closeOn", async () => {
    const controller = new AbortController();
    const listener = await secure();
    const ending = await secure({}, { closeOn: controller.signal });
    const { client: peer, server } = await pairOver(listener);
    const other = await pairOver(ending);
    const silent = await netClient(ending.port);
    await listener.close();
    await talk(peer, server);
    const ends = [endOf(other.client), endOf(silent)];
    controller.abort();
    await ending.closed;
    expect(await Promise.all(ends)).toEqual(["ECONNRESET", "ECONNRESET"]);
    expect(await netError(other.server.read())).toMatchObject({ code: "ERR_CLOSED" });
  });
});

describe("room", () => {
  test("clients in their handshake count for the backlog", async () => {
    const listener = await secure({}, { backlog: 2 });
    await netClient(listener.port);
    await secureClient(listener);
    await until(() => listener.pending === 1);
    const third = client(listener);
    expect(await endOf(third)).toBe("ECONNRESET");
    expect(listener.stats).toMatchObject({ dropped: 1, refused: { handshake: 0 } });
    keep(await listener.accept());
    await pairOver(listener);
  });

  test("a client is served at once beside 1 000 silent ones", async () => {
    const listener = await secure({}, { backlog: 2_000 });
    const silent = await Promise.all(Array.from({ length: 1_000 }, () => netClient(listener.port)));
    const { client: peer, server } = await pairOver(listener);
    await talk(peer, server);
    expect(listener.stats).toMatchObject({ accepted: 1, dropped: 0, refused: { handshake: 0 } });
    for (const socket of silent.splice(500)) socket.resetAndDestroy();
    await until(() => listener.stats.refused.handshake === 500);
    const again = await pairOver(listener);
    await talk(again.client, again.server);
    await listener.close();
    expect(listener.stats).toMatchObject({ accepted: 2, dropped: 0, refused: { handshake: 500 } });
  });
});

test("a client that renegotiates again and again fails its connection, and no other", async () => {
  const listener = await secure({ maxVersion: "TLSv1.2" });
  const { client: peer, server } = await pairOver(listener);
  const other = await pairOver(listener);
  const reading = netError(server.read());
  const again = (): void => {
    peer.renegotiate({}, (error) => {
      if (error === null) again();
    });
  };
  again();
  expect(await reading).toMatchObject({ operation: "read", code: "ERR_TLS_SESSION_ATTACK" });
  await talk(other.client, other.server);
});

test("a program that destroys a client's socket in its secure event harms no other", async () => {
  const listener = await secure();
  const before = await pairOver(listener);
  await talk(before.client, before.server);
  listener.tlsServer?.prependOnceListener("secureConnection", (socket) => socket.destroy());
  await closed(client(listener));
  const after = await pairOver(listener);
  await talk(after.client, after.server);
});

test.each([
  ["", []],
  [", where TLS sockets do not tell what is beneath", ["knowsBeneathTls"]],
] as const)("500 clients that are refused leave nothing behind%s", async (_, off) => {
  switchOff(...off);
  const listener = await secure({}, { backlog: 1_000 });
  const acts: ((socket: Socket) => unknown)[] = [
    (socket) => socket.write("GET / HTTP/1.1\r\n\r\n"),
    (socket) => socket.end(),
    (socket) => socket.resetAndDestroy(),
    (socket) => socket.end(Buffer.alloc(100, 0x16)),
  ];
  for (let i = 0; i < 500; i += 50) {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => netClient(listener.port)));
    sockets.forEach((socket, index) => {
      socket.resume();
      acts[index % acts.length]?.(socket);
    });
    await until(() => listener.stats.refused.handshake === i + 50);
  }
  expect(refusals).toHaveLength(500);
  expect(listener.stats).toMatchObject({ accepted: 0, open: 0, dropped: 0 });
  expect(
    await new Promise((resolve) => listener.server.getConnections((_error, count) => resolve(count))),
  ).toBe(0);
  const { client: peer, server } = await pairOver(listener);
  await talk(peer, server);
});

describe("startTls of a server", () => {
  test("says what is wrong with a client's certificate", async () => {
    const listener = await loopback();
    const peer = client(listener, { ...UNTRUSTED_CLIENT, maxVersion: "TLSv1.2" });
    const connection = keep(await listener.accept());
    const options = { ...LOCALHOST, isServer: true, requestCert: true, ca: AUTHORITY };
    const error = await netError(connection.startTls(options));
    expect(error).toMatchObject({ operation: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    await closed(peer);
  });

  const answers: [string, NonNullable<TlsOptions["SNICallback"]>][] = [
    ["answers", (_, done) => done(null)],
    ["fails", (_, done) => done(new Error("no"))],
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
  ];
  test.each(answers)("may be given up from within its SNICallback, which then %s", async (_, answer) => {
    const listener = await loopback();
    for (let i = 0; i < 20; i++) {
      const peer = client(listener);
      const connection = keep(await listener.accept());
      const controller = new AbortController();
      const starting = connection.startTls({
        ...{ ...LOCALHOST, isServer: true, signal: controller.signal },
        SNICallback: (name, done) => {
          if (i % 2 === 0) controller.abort(new Error("given up"));
          else connection.reset();
          answer(name, done);
        },
      });
      const error = await failure(starting);
      expect(error).toMatchObject(i % 2 === 0 ? { message: "given up" } : { code: "ERR_CLOSED" });
      await closed(peer);
    }
  });
});

describe("where TLS sockets do not tell what is beneath", () => {
  beforeEach(() => switchOff("knowsBeneathTls"));

  test("clients are accepted all the same, and refused for the same reasons", async () => {
    const listener = await secure({ requestCert: true, ca: AUTHORITY, ALPNProtocols: ["a"] });
    const pairs = await Promise.all(Array.from({ length: 5 }, async () => secureClient(listener, CLIENT)));
    for (let i = 0; i < pairs.length; i++) {
      const server = keep(await listener.accept());
      const peer = pairs.find(({ localPort }) => localPort === server.remotePort);
      await talk(peer as TLSSocket, server);
      expect(server.tls?.peerCertificate?.subject).toBe("CN=client");
    }
    expect(await endOf(client(listener, { ...CLIENT, ALPNProtocols: ["b"] }))).toMatch(
      /ALERT_NO_APPLICATION_PROTOCOL$/,
    );
    await until(() => refusals.length === 1);
    expect(refusals[0]?.error.code).toBe("ERR_SSL_NO_APPLICATION_PROTOCOL");
    await closed(client(listener, UNTRUSTED_CLIENT));
    await until(() => refusals.length === 2);
    expect(listener.stats).toMatchObject({ accepted: 5, refused: { handshake: 2 } });
    expect(listener.pending).toBe(0);
    const silent = await netClient(listener.port);
    const end = endOf(silent);
    await listener.close();
    expect(await end).toBe("ECONNRESET");
  });
});
