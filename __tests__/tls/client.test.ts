/** The handshakes of clients: how they fail, and what they leave behind. */
import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { getBuiltinModule } from "node:process";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import { inspect } from "node:util";
import { jest } from "@jest/globals";
import {
  connect,
  connectDuplex,
  connectTo,
  type Connection,
  type LookupFunction,
  type NetError,
} from "../../src/index.js";
import * as certificates from "../support/certificates.js";
import { lookupOf } from "../support/lookups.js";
import { failure, netError, timeoutError, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, socketPath, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft } from "../support/resources.js";
import { closeServers, endWith, plainServer, tlsServer } from "../support/tls-servers.js";

const { AUTHORITY, LOCALHOST } = certificates;
const TRUSTING = { ca: AUTHORITY };

afterEach(async () => {
  await closeAll();
  await closeServers();
  await nothingLeft();
});

/** Whether bytes come back. */
async function echoes(connection: Connection): Promise<void> {
  keep(connection);
  await connection.writeLine("hello");
  expect(await connection.readLine()).toBe("hello");
}

describe("a client", () => {
  test.each(["TLSv1.2", "TLSv1.3"] as const)("speaks %s, and says what was agreed on", async (version) => {
    const server = await tlsServer({ ...LOCALHOST, maxVersion: version, ALPNProtocols: ["x", "y"] });
    const connection = await connect("localhost", server.port, {
      tls: { ...TRUSTING, ALPNProtocols: ["y"] },
    });
    await echoes(connection);
    expect(connection.tls).toMatchObject({
      protocol: version,
      alpnProtocol: "y",
      servername: "localhost",
      authorized: true,
      authorizationError: undefined,
      sessionReused: false,
    });
    expect(connection.tls?.cipher.name).toMatch(/AES|CHACHA/);
    expect(connection.tls?.peerCertificate?.subject).toBe("CN=localhost");
    expect(Object.isFrozen(connection.tls)).toBe(true);
    expect(connection.tls).toBe(connection.tls);
    await connection.close();
    expect(connection.tls?.protocol).toBe(version);
    await server.empty();
  });

  test("without TLS has nothing to say of it", async () => {
    const server = await plainServer((socket) => socket.pipe(socket));
    const connection = await connect("localhost", server.port);
    expect(connection.tls).toBeUndefined();
    await echoes(connection);
  });

  test("reads what the server sends at once, and its end", async () => {
    const server = await tlsServer(LOCALHOST, endWith("welcome\n"));
    const connection = keep(await connect("localhost", server.port, { tls: TRUSTING }));
    expect(await connection.readLine()).toBe("welcome");
    expect(await connection.read()).toBeNull();
  });

  test("reads all that a server sends, and its end, if all comes at once with the end of the handshake", async () => {
    const server = await tlsServer({ ...LOCALHOST, maxVersion: "TLSv1.2" }, endWith("welcome\n"));
    const proxy = await plainServer((socket) => {
      const upstream = keep(netConnect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true }));
      upstream.on("error", () => undefined);
      socket.pipe(upstream);
      const held: Buffer[] = [];
      // The server's first flight goes through. What it sends once the client has answered is held until it is complete.
      upstream.once("data", (hello: Buffer) => {
        socket.write(hello);
        socket.once("data", () => upstream.on("data", (more: Buffer) => held.push(more)));
      });
      upstream.on("end", () => socket.end(Buffer.concat(held)));
    });
    const connection = keep(await connect("localhost", proxy.port, { tls: TRUSTING }));
    expect((await connection.readAll()).toString()).toBe("welcome\n");
  });

  test("shows a certificate, and the server's code for none comes with the first read", async () => {
    const server = await tlsServer({ ...LOCALHOST, requestCert: true, ca: AUTHORITY }, (socket) => {
      endWith(socket.getPeerX509Certificate()?.subject ?? "none")(socket);
    });
    const tls = { ...TRUSTING, ...certificates.CLIENT };
    const connection = keep(await connect("localhost", server.port, { tls }));
    expect((await connection.readAll()).toString()).toBe("CN=client");
    expect(connection.tls?.peerCertificate?.subject).toBe("CN=localhost");

    const none = keep(await connect("localhost", server.port, { tls: TRUSTING }));
    const error = await netError(none.read());
    expect(error).toMatchObject({ operation: "read", code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" });
    expect(error.message).toContain("the peer demands a certificate: give tls: { key, cert }");
  });

  test("shows no certificate where TLS 1.2 demands one", async () => {
    const server = await tlsServer({
      ...{ ...LOCALHOST, requestCert: true, ca: AUTHORITY },
      maxVersion: "TLSv1.2",
    });
    const error = await netError(connect("localhost", server.port, { tls: TRUSTING }));
    expect(error.operation).toBe("tls");
    expect(error.code).toMatch(/^ERR_SSL_.*ALERT_HANDSHAKE_FAILURE$/);
    expect(error.message).toContain("or demands a certificate: see tls: { ciphers, ecdhCurve, key, cert }");
  });

  test("may trust anybody", async () => {
    const server = await tlsServer(certificates.SELF_SIGNED);
    const connection = await connect("localhost", server.port, { tls: { rejectUnauthorized: false } });
    await echoes(connection);
    expect(connection.tls).toMatchObject({
      authorized: false,
      authorizationError: "DEPTH_ZERO_SELF_SIGNED_CERT",
    });
    expect(connection.tls?.peerCertificate?.subject).toBe("CN=localhost");
  });

  test("gets to a server through connectDuplex, connectTo and a tls: URL", async () => {
    const server = await tlsServer();
    const duplex = connectDuplex("localhost", server.port, { tls: TRUSTING });
    duplex.write("hello");
    expect(String((await once(duplex, "data")) as [Buffer])).toBe("hello");
    duplex.destroy();
    const addresses = [{ address: "127.0.0.1", port: server.port, family: 4 as const }];
    await echoes(await connectTo(addresses, { tls: { ...TRUSTING, servername: "localhost" } }));
    const url = new URL(`tls://localhost:${String(server.port)}`);
    await echoes(await connect(url, { tls: TRUSTING }));
    const error = await netError(connect(url));
    expect(error.code).toMatch(/^(UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY)$/);
  });

  test("does the handshake with the address that wins the race", async () => {
    const here = { host: "127.0.0.1", port: await unusedPort() };
    const server = await tlsServer(LOCALHOST, undefined, here);
    const connection = await connect("localhost", server.port, {
      tls: TRUSTING,
      lookup: lookupOf("::1", "127.0.0.1"),
      attemptDelay: 10,
    });
    await echoes(connection);
    expect(connection.remoteAddress).toBe("127.0.0.1");
    expect(connection.tls).toMatchObject({ authorized: true, servername: "localhost" });
    expect(server.clients).toBe(1);
  });
});

/** The handshake's failures, from a server's options or from how it behaves. */
describe("a handshake fails", () => {
  interface Case {
    readonly server?: TlsOptions;
    readonly client?: ConnectionOptions;
    readonly code: string;
    readonly words: string;
  }

  const cases: Record<string, Case> = {
    "with a certificate that is signed by itself": {
      server: certificates.SELF_SIGNED,
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
      words:
        "the certificate of the peer is signed by itself and not trusted here: if it is the right one, give it as tls: { ca }",
    },
    "with a certificate that has expired": {
      server: certificates.EXPIRED,
      code: "CERT_HAS_EXPIRED",
      words:
        "the certificate of the peer has expired: the peer has to renew it (or the clock of this machine is wrong)",
    },
    "with a certificate for another name": {
      server: certificates.OTHER_EXAMPLE,
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
      words:
        'the certificate of the peer is not for "localhost": connect by a name that it has, or give that as tls: { servername }',
    },
    "with a certificate of an unknown authority": {
      client: { ca: certificates.OTHER_AUTHORITY },
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      words:
        "the certificate of the peer is signed by an authority that is not trusted here, or the peer does not send the certificates between the two: give the certificate of that authority as tls: { ca }",
    },
    "with nothing in common": {
      server: { ...LOCALHOST, ALPNProtocols: ["h2"] },
      client: { ca: AUTHORITY, ALPNProtocols: ["smtp"] },
      code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
      words: "the peer knows none of the application protocols that were offered: see tls: { ALPNProtocols }",
    },
    "with a checkServerIdentity that throws": {
      client: {
        ca: AUTHORITY,
        checkServerIdentity: () => {
          throw new Error("not the one that was pinned");
        },
      },
      code: "ERR_UNKNOWN",
      words: "not the one that was pinned",
    },
    "with a checkServerIdentity that throws something else": {
      client: {
        ca: AUTHORITY,
        checkServerIdentity: () => {
          // eslint-disable-next-line @typescript-eslint/only-throw-error
          throw "secret";
        },
      },
      code: "ERR_UNKNOWN",
      words: "checkServerIdentity has thrown a string of 6 characters",
    },
    "with a checkServerIdentity that is asynchronous": {
      client: {
        ca: AUTHORITY,
        checkServerIdentity: (() => Promise.reject(new Error("too late"))) as never,
      },
      code: "ERR_UNKNOWN",
      words: "checkServerIdentity has returned an object (Promise), which is neither undefined nor an Error",
    },
    "with a checkServerIdentity that returns an error": {
      client: {
        ca: AUTHORITY,
        checkServerIdentity: () => Object.assign(new Error("not pinned"), { code: "E_PINNED" }),
      },
      code: "E_PINNED",
      words: "not pinned",
    },
  };

  test.each(Object.entries(cases))("%s", async (_, { server: options, client = TRUSTING, code, words }) => {
    const server = await tlsServer(options);
    const { signal } = new AbortController();
    const error = await netError(connect("localhost", server.port, { tls: client, signal }));
    const place = `localhost:${String(server.port)}`;
    expect(error.message).toBe(`tls ${place}: ${words} (${code})`);
    expect(error).toMatchObject({ operation: "tls", code, host: "localhost", port: server.port });
    expect(error.transient).toBe(false);
    expect(error.cause).toBeDefined();
    expect(error.stack).toContain("client.test.ts");
    await server.empty();
    expect(listenersOf(signal)).toBe(0);
  });

  test.each([
    ["HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["SMTP", "220 mail.example ESMTP\r\n"],
  ])("with a server that speaks %s", async (_, greeting) => {
    const server = await plainServer((socket) => socket.end(greeting));
    const error = await netError(connect("localhost", server.port, { tls: TRUSTING }));
    expect(error.message).toBe(
      `tls localhost:${String(server.port)}: the peer does not speak TLS, at least not on this port or not from the start (ERR_SSL_WRONG_VERSION_NUMBER)`,
    );
    await server.empty();
  });

  test.each([
    ["a FIN", (socket: Socket) => void socket.end()],
    ["half a record and a FIN", (socket: Socket) => void socket.end(Buffer.from("160303", "hex"))],
    ["a reset", (socket: Socket) => void socket.resetAndDestroy()],
  ])("with a server that ends it with %s", async (_, end) => {
    const server = await plainServer((socket) => socket.once("data", () => end(socket)));
    const error = await netError(connect("localhost", server.port, { tls: TRUSTING }));
    expect(error.message).toBe(
      `tls localhost:${String(server.port)}: the peer ended the connection during the handshake (ECONNRESET)`,
    );
    expect(error.transient).toBe(true);
    await server.empty();
  });

  test("with a certificate that is refused: a reset, and no FIN, which a half-open server would wait behind", async () => {
    const server = await tlsServer(certificates.SELF_SIGNED);
    const between = await plainServer((client) => {
      const onward = netConnect(server.port, "127.0.0.1").on("error", () => undefined);
      client.on("close", () => onward.destroy());
      client.pipe(onward).pipe(client);
    });
    const end = between.next().then(endOf);
    await netError(connect("localhost", between.port, { tls: true }));
    expect(await end).toBe("ECONNRESET");
    await between.empty();
    await server.empty();
  });

  test("with a silent server, when its time is over: a reset", async () => {
    const server = await plainServer(() => undefined);
    const end = server.next().then(endOf);
    const error = await timeoutError(connect("localhost", server.port, { tls: TRUSTING, timeout: 50 }));
    expect(error).toMatchObject({ operation: "connect", code: "ETIMEDOUT", timeout: 50 });
    expect(await end).toBe("ECONNRESET");
    await server.empty();
  });

  test("with a server that is silent after half of its answer", async () => {
    const server = await plainServer((socket) =>
      socket.once("data", () => socket.write(Buffer.from("16030300", "hex"))),
    );
    await timeoutError(connect("localhost", server.port, { tls: TRUSTING, timeout: 50 }));
    await server.empty();
  });

  test("with a checkServerIdentity of a Unix socket's that is called with no name", async () => {
    const path = socketPath();
    await tlsServer(LOCALHOST, undefined, { path });
    const names: string[] = [];
    const checkServerIdentity = (name: string): undefined => void names.push(name);
    await echoes(await connect({ path }, { tls: { ...TRUSTING, checkServerIdentity } }));
    expect(names).toEqual([""]);
  });
});

describe("a client with a pre-shared key", () => {
  const PSK = { ciphers: "PSK", maxVersion: "TLSv1.2" } as const;
  const psk = Buffer.from("a secret of many");

  async function attempt(pskCallback: (hint: string | null) => unknown): Promise<Connection> {
    const server = await tlsServer({ ...PSK, pskCallback: () => psk });
    return await connect("localhost", server.port, {
      tls: { ...PSK, checkServerIdentity: () => undefined, pskCallback: pskCallback as () => null },
    });
  }

  test("needs no certificate", async () => {
    await echoes(await attempt(() => ({ psk, identity: "me" })));
  });

  test("is told that there is no certificate to check, by a name and by an address", async () => {
    const server = await tlsServer({ ...PSK, pskCallback: () => psk }, undefined, { port: 0, host: "::1" });
    const tls = { ...PSK, pskCallback: () => ({ psk, identity: "me" }) };
    for (const more of [{}, { servername: "localhost" }]) {
      const error = await netError(connect("::1", server.port, { tls: { ...tls, ...more } }));
      expect(error.message).toMatch(
        /has a pre-shared key and no certificate: give tls: \{ checkServerIdentity \}/,
      );
    }
  });

  const faults: [string, (hint: string | null) => unknown, string, RegExp][] = [
    ["throws", () => failNow(new Error("no key")), "ERR_UNKNOWN", /no key/],
    ["throws nothing", () => failNow(undefined), "ERR_UNKNOWN", /undefined/],
    ["is asynchronous", () => Promise.reject(new Error("no")), "ERR_INVALID_ARG_TYPE", /await missing/],
    ["gives text", () => "secret", "ERR_INVALID_ARG_TYPE", /a string of 6 characters/],
    [
      "gives no memory",
      () => ({ psk: "secret", identity: "me" }),
      "ERR_INVALID_ARG_TYPE",
      /psk" must be a Buffer/,
    ],
    ["gives no name", () => ({ psk, identity: 5 }), "ERR_INVALID_ARG_TYPE", /identity" must be a string/],
    [
      "gives a name that is too long",
      () => ({ psk, identity: "me".repeat(200) }),
      "ERR_INVALID_ARG_VALUE",
      /received a string of 400 characters/,
    ],
    [
      "gives a key that is too long",
      () => ({ psk: Buffer.alloc(513, psk), identity: "me" }),
      "ERR_INVALID_ARG_VALUE",
      /received a Buffer of 513 bytes/,
    ],
    ["knows none", () => null, "ERR_SSL_PSK_IDENTITY_NOT_FOUND", /what tls: \{ pskCallback \} returns/],
  ];
  test.each(faults)("whose callback %s is told so, without the key", async (_, callback, code, words) => {
    const error = await netError(attempt(callback));
    expect(error).toMatchObject({ operation: "tls", code });
    expect(error.message).toMatch(words);
    expect(inspect(error)).not.toMatch(/"secret"|73 65 63 72 65 74|meme/);
  });
});

function failNow(reason: unknown): never {
  throw reason;
}

describe("options that cannot be used", () => {
  test("are told before anything is connected to", async () => {
    const server = await tlsServer();
    const cases: [ConnectionOptions, string][] = [
      [certificates.KEY_OF_ANOTHER, "ERR_OSSL_X509_KEY_VALUES_MISMATCH"],
      [{ ciphers: "NONE" }, "ERR_SSL_NO_CIPHER_MATCH"],
      [{ minVersion: "TLSv9" as "TLSv1" }, "ERR_TLS_INVALID_PROTOCOL_VERSION"],
      [{ cert: "no PEM" }, "ERR_OSSL_PEM_NO_START_LINE"],
    ];
    for (const [tls, code] of cases) {
      const error = await netError(connect("localhost", server.port, { tls }));
      expect(error).toMatchObject({ operation: "tls", code, host: "localhost", port: server.port });
    }
    expect(server.clients).toBe(0);
  });
});

describe("a handshake is given up", () => {
  /** A number that looks random, the same in each run. */
  function* randomly(seed: number): Generator<number, never> {
    for (let state = seed; ;) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
      yield state / 0x7fffffff;
    }
  }

  test("at 500 random moments, and nothing is left at either end", async () => {
    const server = await tlsServer();
    const random = randomly(7);
    const outcomes = { aborted: 0, connected: 0 };
    const shared = { ...TRUSTING };
    const one = async (): Promise<void> => {
      const controller = new AbortController();
      const { signal } = controller;
      const reason = new Error("enough");
      const isSynchronous = random.next().value < 0.2;
      const steps = Math.floor(random.next().value * 40);
      const connecting = connect("localhost", server.port, { tls: shared, signal, timeout: 10_000 });
      const outcome = connecting.then(
        (connection) => {
          outcomes.connected++;
          connection.reset();
        },
        (error: unknown) => {
          expect(error).toBe(reason);
          outcomes.aborted++;
        },
      );
      for (let step = 0; step < steps; step++) {
        if (isSynchronous) await Promise.resolve();
        else await new Promise(setImmediate);
      }
      controller.abort(reason);
      await outcome;
      expect(listenersOf(signal)).toBe(0);
    };
    for (let batch = 0; batch < 50; batch++) await Promise.all(Array.from({ length: 10 }, one));
    expect(outcomes.aborted + outcomes.connected).toBe(500);
    expect(outcomes.aborted).toBeGreaterThan(100);
    await server.empty();
  });

  test("in checkServerIdentity, on OpenSSL's stack", async () => {
    const server = await tlsServer();
    const controller = new AbortController();
    const checkServerIdentity = (): undefined => {
      controller.abort(new Error("enough"));
    };
    const connecting = connect("localhost", server.port, {
      tls: { ...TRUSTING, checkServerIdentity },
      signal: controller.signal,
    });
    expect(await failure(connecting)).toBe(controller.signal.reason);
    await server.empty();
  });

  test("before it begins", async () => {
    const server = await tlsServer();
    const connecting = connect("localhost", server.port, { tls: TRUSTING, signal: AbortSignal.abort("no") });
    expect(await failure(connecting)).toBe("no");
    expect(server.clients).toBe(0);
  });

  test("by closeOn, which then resets the connection", async () => {
    const server = await tlsServer();
    const early = new AbortController();
    const silent = await plainServer((socket) => socket.once("data", () => early.abort(new Error("stop"))));
    const connecting = connect("localhost", silent.port, { tls: TRUSTING, closeOn: early.signal });
    expect(await failure(connecting)).toBe(early.signal.reason);
    await silent.empty();

    const late = new AbortController();
    const connection = await connect("localhost", server.port, { tls: TRUSTING, closeOn: late.signal });
    await echoes(connection);
    late.abort();
    await server.empty();
    await connection.closed;
  });
});

test("a handshake that fails is not tried at the next address", async () => {
  const here = { host: "127.0.0.1", port: await unusedPort() };
  const expired = await tlsServer(certificates.EXPIRED, undefined, here);
  const good = await tlsServer(LOCALHOST, undefined, { ...here, host: "127.0.0.2" });
  const lookup = lookupOf("127.0.0.1", "127.0.0.2");
  const error = await netError(connect("localhost", expired.port, { tls: TRUSTING, lookup }));
  expect(error.code).toBe("CERT_HAS_EXPIRED");
  expect(good.clients).toBe(0);
});

test("one deadline bounds the lookup, the race and the handshake", async () => {
  const server = await plainServer(() => undefined);
  const lookup: LookupFunction = (_host, _options, answer) =>
    setTimeout(answer, 40, null, [{ address: "127.0.0.1", family: 4 }]);
  const error = await timeoutError(connect("localhost", server.port, { tls: TRUSTING, lookup, timeout: 80 }));
  expect(error.message).toContain("timed out after 80 ms");
  expect(server.clients).toBe(1);
  await server.empty();
});

test("connectDuplex fails as connect does, and tells what was agreed on", async () => {
  const server = await tlsServer();
  const failing = connectDuplex("localhost", server.port, { tls: { ca: certificates.OTHER_AUTHORITY } });
  const [error] = (await once(failing, "error").catch((error: unknown) => [error])) as [NetError];
  expect(error).toMatchObject({ operation: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
  expect(() => connectDuplex("localhost", server.port, { tls: { ca: 1 as never } })).toThrow(TypeError);
  const url = new URL(`tls://localhost:${String(server.port)}`);
  const duplex = connectDuplex(url, { tls: TRUSTING });
  const connection = keep(await duplex.connection);
  expect(connection.tls).toMatchObject({ authorized: true, servername: "localhost" });
  await server.close();
});

test("a checkServerIdentity may say nothing by null", async () => {
  const server = await tlsServer(certificates.OTHER_EXAMPLE);
  const checkServerIdentity = (() => null) as never;
  await echoes(await connect("localhost", server.port, { tls: { ...TRUSTING, checkServerIdentity } }));
});

test("the failure of a handshake is that of an attempt, after those of other addresses", async () => {
  const here = { host: "127.0.0.1", port: await unusedPort() };
  const server = await tlsServer(certificates.EXPIRED, undefined, here);
  const lookup = lookupOf("::1", "127.0.0.1");
  const error = await netError(connect("localhost", server.port, { tls: TRUSTING, lookup }));
  expect(error).toMatchObject({ operation: "tls", code: "CERT_HAS_EXPIRED", host: "localhost" });
  expect(error.attempts?.map(({ operation, code }) => [operation, code])).toEqual([
    ["connect", "ECONNREFUSED"],
    ["tls", "CERT_HAS_EXPIRED"],
  ]);
});

test("whose handshake fails or is given up leaves no TLS socket open", async () => {
  const made = jest.spyOn(getBuiltinModule("node:tls"), "connect");
  const silent = await plainServer(() => undefined);
  const rude = await plainServer((socket) => socket.once("data", () => socket.resetAndDestroy()));
  const untrusted = await tlsServer(certificates.SELF_SIGNED);
  const early = new AbortController();
  const aborting = {
    ...TRUSTING,
    checkServerIdentity: (): undefined => {
      early.abort(new Error("stop"));
    },
  };
  const trusted = await tlsServer();
  await timeoutError(connect("localhost", silent.port, { tls: TRUSTING, timeout: 50 }));
  await netError(connect("localhost", rude.port, { tls: TRUSTING }));
  await netError(connect("localhost", untrusted.port, { tls: TRUSTING }));
  await failure(connect("localhost", trusted.port, { tls: aborting, signal: early.signal }));
  const sockets = made.mock.results.map(({ value }) => value as Socket);
  made.mockRestore();
  expect(sockets).toHaveLength(4);
  await until(() => sockets.every(({ closed }) => closed));
});
