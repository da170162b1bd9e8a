import {
  connect,
  connectDuplex,
  connectTo,
  Connection,
  listen,
  type Listener,
  resolve,
  type LookupFunction,
} from "../../src/index.js";
import { failure, netError } from "../support/outcomes.js";
import { deferredLookup, lookupOf } from "../support/lookups.js";
import { closeAll, keep, loopback, pair, socketPath, unusedPort } from "../support/peers.js";

afterEach(closeAll);

/** What the types do not allow. */
type Loose = (...args: readonly unknown[]) => Promise<Connection>;

/** Checks that a connection leads to its listener: what one end writes the other reads. */
async function expectTalk(client: Connection, server: Connection): Promise<void> {
  keep(client);
  keep(server);
  expect(client).toBeInstanceOf(Connection);
  await client.writeLine("there");
  expect(await server.readLine()).toBe("there");
  await server.writeLine("and back");
  expect(await client.readLine()).toBe("and back");
}

/** Services with ports that any user may listen on, and that the kernel gives to no client. */
const SERVICES = { entextxid: 12_000, accuracer: 12_007, tsaf: 12_753, "powwow-client": 13_223 };

/** A listener at the first free port of these services, and the name of that service. */
async function listenAtService(): Promise<[name: string, listener: Listener]> {
  for (const [name, port] of Object.entries(SERVICES)) {
    try {
      return [name, keep(await listen(port, { host: "127.0.0.1" }))];
    } catch (error) {
      expect(error).toMatchObject({ code: "EADDRINUSE" });
    }
  }
  throw new Error("all of these ports are in use");
}

describe("where to connect", () => {
  test.each<[string, (port: number) => Promise<Connection>]>([
    ["a literal address and a port", (port) => connect("127.0.0.1", port)],
    ["a port in digits", (port) => connect("127.0.0.1", String(port))],
    ["a name", (port) => connect("localhost", port)],
    ['"host:port"', (port) => connect(`127.0.0.1:${port}`)],
    ['"name:port"', (port) => connect(`localhost:${port}`)],
    ['"host:port" with options', (port) => connect(`127.0.0.1:${port}`, { timeout: 10_000 })],
    [
      '"host:port" with options in the last place',
      (port) => (connect as Loose)(`both.test:${port}`, undefined, { lookup: lookupOf("127.0.0.1") }),
    ],
    ["{ host, port }", (port) => connect({ host: "127.0.0.1", port })],
    ["{ host, port } with digits and options", (port) => connect({ host: "localhost", port: `${port}` }, {})],
    ["a URL", (port) => connect(new URL(`redis://127.0.0.1:${port}`))],
    ["a URL of the web", (port) => connect(new URL(`https://127.0.0.1:${port}/path?query#hash`))],
    ["a URL with a name, a user and options", (port) => connect(new URL(`x://u:p@localhost:${port}`), {})],
    ["0.0.0.0, which stands for the loopback", (port) => connect("0.0.0.0", port)],
    ["connectTo of one address", (port) => connectTo([{ address: "127.0.0.1", port, family: 4 }])],
    ["connectTo of what resolve gives", async (port) => connectTo(await resolve("localhost", port))],
  ])("can be %s", async (_, connected) => {
    const listener = await loopback();
    const [client, server] = await Promise.all([connected(listener.port), listener.accept()]);
    expect(client).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: listener.port, family: 4 });
    expect(client).toMatchObject({ localAddress: "127.0.0.1", localPort: server.remotePort });
    await expectTalk(client, server);
  });

  test.each<[string, (port: number) => Promise<Connection>]>([
    ["a literal address", (port) => connect("::1", port)],
    ["a literal address in another notation", (port) => connect("0:0::0001", port)],
    ['"[v6]:port"', (port) => connect(`[::1]:${port}`)],
    ["a URL", (port) => connect(new URL(`redis://[::1]:${port}`))],
    ["a URL of the web", (port) => connect(new URL(`http://[::1]:${port}`))],
    ["{ host, port }", (port) => connect({ host: "::1", port })],
    ["connectTo", (port) => connectTo([{ address: "::1", port, family: 6 }])],
  ])("can be IPv6: %s", async (_, connected) => {
    const listener = keep(await listen(0, { host: "::1" }));
    const [client, server] = await Promise.all([connected(listener.port), listener.accept()]);
    expect(client).toMatchObject({ remoteAddress: "::1", localAddress: "::1", family: 6 });
    await expectTalk(client, server);
  });

  test.each<[string, (path: string) => Promise<Connection>]>([
    ["{ path }", (path) => connect({ path })],
    ["a path", (path) => connect(path)],
    ["a path with options", (path) => connect(path, { timeout: 10_000 })],
  ])("can be a Unix socket: %s", async (_, connected) => {
    const path = socketPath();
    const listener = keep(await listen({ path }));
    const [client, server] = await Promise.all([connected(path), listener.accept()]);
    expect([client.remoteAddress, client.remotePort, client.family]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    await expectTalk(client, server);
  });

  test("can name a service", async () => {
    const [name, listener] = await listenAtService();
    for (const connecting of [connect("127.0.0.1", name), connect(`127.0.0.1:${name}`)]) {
      const [client, server] = await Promise.all([connecting, listener.accept()]);
      expect(client.remotePort).toBe(listener.port);
      await expectTalk(client, server);
    }
  });

  test("that names an unknown service fails with EAI_SERVICE and operation resolve", async () => {
    const error = await netError(connect("127.0.0.1:no-such-service"));
    expect(error).toMatchObject({ code: "EAI_SERVICE", operation: "resolve", host: "127.0.0.1" });
    expect(error.message).toContain('"no-such-service"');
  });

  test("that is a mapped address is reported as the IPv4 address it maps", async () => {
    const listener = await loopback();
    const [client, server] = await Promise.all([
      connect("::ffff:127.0.0.1", listener.port),
      listener.accept(),
    ]);
    expect(client).toMatchObject({ remoteAddress: "127.0.0.1", localAddress: "127.0.0.1", family: 4 });
    await expectTalk(client, server);
  });

  test("that is a mapped address is of family 4, as its connection is", async () => {
    const port = await unusedPort();
    const listener = await loopback({}, port);
    const mapped = { address: "::ffff:127.0.0.1", port, family: 6 as const };
    for (const connecting of [
      connect("::ffff:127.0.0.1", port, { family: 4 }),
      connect("::ffff:7f00:1", port, { localAddress: "127.0.0.1" }),
      connect("127.0.0.1", port, { localAddress: "::ffff:127.0.0.1" }),
      connectTo([mapped], { family: 4, localAddress: "::ffff:127.0.0.1" }),
    ]) {
      expect(keep(await connecting)).toMatchObject({ remoteAddress: "127.0.0.1", family: 4 });
    }
    const host = "::ffff:127.0.0.1";
    const six = await netError(connect(host, port, { family: 6 }));
    expect(six).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host });
    expect(await netError(connectTo([mapped], { family: 6 }))).toMatchObject({
      code: "EADDRNOTAVAIL",
      message: expect.stringContaining("none of the addresses is of the family asked for") as string,
    });
    await listener.close();
    const refused = await netError(connect(host, port));
    expect(refused).toMatchObject({ code: "ECONNREFUSED", host, address: "127.0.0.1", port });
  });
});

describe("a URL", () => {
  /** Where a URL leads, seen by a lookup that ends the call. */
  async function leadsTo(url: string): Promise<string> {
    const lookup: LookupFunction = (_host, _options, answer) => answer(new Error("stop"), []);
    const error = await netError(connect(new URL(url), { lookup }));
    expect(error).toMatchObject({ operation: "resolve" });
    return `${String(error.host)} ${String(error.port)}`;
  }

  test.each([
    ["https://example.org", "example.org 443"],
    ["https://example.org:443/", "example.org 443"],
    ["http://example.org:80", "example.org 80"],
    ["http://example.org:8080", "example.org 8080"],
    ["HTTP://EXAMPLE.org.", "example.org. 80"],
    ["ws://example.org", "example.org 80"],
    ["wss://example.org:443", "example.org 443"],
    ["ftp://example.org", "example.org 21"],
    ["redis://example.org", "example.org 6379"],
    ["redis://example.org/0?db=1#x", "example.org 6379"],
    ["postgres://example.org/db", "example.org 5432"],
    ["postgresql://example.org/db", "example.org 5432"],
    ["mysql://example.org", "example.org 3306"],
    ["tcp://example.org:80", "example.org 80"],
    ["http://b\u00fccher.example", "xn--bcher-kva.example 80"],
    ["redis://b\u00fccher.example", "b\u00fccher.example 6379"],
  ])("%s leads to %s", async (url, where) => {
    expect(await leadsTo(url)).toBe(where);
  });

  test("with an address leads to it: without brackets, and in any notation of the web's", async () => {
    const six = await netError(connect(new URL("redis://[::1]"), { family: 4 }));
    expect(six).toMatchObject({ host: "::1", port: 6379, code: "ENOTFOUND" });
    const four = await netError(connect(new URL("http://0x7f.1"), { family: 6 }));
    expect(four).toMatchObject({ host: "127.0.0.1", port: 80, code: "ENOTFOUND" });
  });

  test("without a port fails with EAI_SERVICE if its protocol names no service", async () => {
    const error = await netError(connect(new URL("tcp://user:hunter2@127.0.0.1/hunter2?hunter2#hunter2")));
    expect(error).toMatchObject({ code: "EAI_SERVICE", operation: "resolve", host: "127.0.0.1" });
    expect(error.message).toContain('resolve 127.0.0.1:tcp: no service named "tcp"');
    expect(JSON.stringify(error)).not.toContain("hunter2");
    const unknown = await netError(connect(new URL("nosuch://127.0.0.1")));
    expect(unknown.message).toBe('resolve 127.0.0.1:nosuch: no service named "nosuch" (EAI_SERVICE)');
  });

  test.each(["tls", "tcp", "ssl"])("of %s: without a port is told that it needs one", async (scheme) => {
    const missing =
      "so it has no port of its own; give the port, as a number or the name of a service (EAI_SERVICE)";
    for (const call of [
      () => connect(new URL(`${scheme}://127.0.0.1`)),
      () => connect("127.0.0.1", scheme),
      () => connectDuplex(new URL(`${scheme}://127.0.0.1`)).connection,
    ]) {
      const error = await netError(Promise.resolve().then(call));
      expect(error).toMatchObject({ code: "EAI_SERVICE", operation: "resolve", host: "127.0.0.1" });
      expect(error.message).toContain(missing);
    }
  });

  const REFUSED: readonly (readonly [url: string, message: RegExp])[] = [
    ["file:///run/hunter2.sock", /must be a URL with a host and a port \(a Unix socket is \{ path \}\); /],
    ["file://hunter2/run/app.sock", /must be a URL with a host and a port \(a Unix socket is \{ path \}\); /],
    ["unix:/run/hunter2.sock", /must be a URL with a host and a port \(a Unix socket is \{ path \}\); /],
    ["unix://hunter2/app.sock", /must be a URL with a host and a port \(a Unix socket is \{ path \}\); /],
    ["redis:///hunter2", /must be a URL with a host and a port /],
    ["localhost:80", /must be a URL with a host and a port /],
    ["user:hunter2@localhost:80", /must be a URL with a host and a port /],
    ["http+unix://%2Frun%2Fhunter2.sock", /^"host" must be a name or a literal address, /],
    ["redis://user%3Ahunter2%40localhost:80", /^"host" must be a name or a literal address, /],
    ["redis://hunter2%00.example:80", /^"host" must be a name or a literal address, /],
    ["redis://hunter2%ff:80", /^"endpoint" must be a URL whose host is UTF-8; /],
  ];

  test.each(REFUSED)("%s is refused, and no error repeats it", async (text, message) => {
    const url = new URL(text);
    for (const call of [connect, listen] as readonly ((at: URL) => Promise<unknown>)[]) {
      const error = await failure(call(url));
      expect(error).toMatchObject({
        name: "TypeError",
        code: "ERR_INVALID_ARG_VALUE",
        message: expect.stringMatching(message) as string,
      });
      expect((error as Error).message).not.toContain("hunter2");
    }
  });

  test("of tls: needs the option tls to be listened on", async () => {
    const message = /^"tls" must be given, with key and cert at least, for a tls: URL; received undefined$/;
    await expect(listen(new URL("tls://hunter2@[::1]:0"))).rejects.toThrow(message);
  });

  test("is itself: a proxy of one, and an object that only calls itself so, are refused", async () => {
    const like = { [Symbol.toStringTag]: "URL" } as unknown as URL;
    for (const url of [like, new Proxy(new URL("redis://user:hunter2@127.0.0.1:9"), {})]) {
      for (const call of [connect, listen] as readonly ((at: URL) => Promise<unknown>)[]) {
        const error = await failure(call(url));
        expect(error).toMatchObject({ name: "TypeError", code: "ERR_INVALID_ARG_TYPE" });
        expect((error as Error).message).toMatch(/^"endpoint" must be a URL, and not an object like one; /);
      }
    }
  });

  test("is no host, no options and no argument of resolve, and the error says where it belongs", async () => {
    const url = new URL("redis://user:hunter2@127.0.0.1:9");
    const noHost = `"host" must be a string (connect and listen take a URL alone); received an object (URL)`;
    const noOptions = (kind: string) =>
      `"options" must be an object of ${kind} (a URL is an endpoint, for connect and listen); received an object (URL)`;
    const loose = (call: unknown) => call as Loose;
    for (const [call, message] of [
      [() => loose(connect)(url, 80), noHost],
      [() => loose(connect)({ host: url, port: 80 }), noHost],
      [() => loose(listen)({ host: url, port: 0 }), noHost],
      [() => loose(listen)(0, { host: url }), noHost],
      [() => loose(resolve)(url, 80), noHost],
      [() => loose(resolve)(url), noHost],
      [() => loose(connect)("127.0.0.1:9", url), noOptions("options")],
      [() => loose(connect)(url, url), noOptions("options")],
      [() => loose(listen)(0, url), noOptions("options")],
      [() => loose(resolve)("127.0.0.1", 9, url), noOptions("options")],
    ] as const) {
      expect(await failure(call())).toMatchObject({ code: "ERR_INVALID_ARG_TYPE", message });
    }
  });
});

describe("family", () => {
  test.each([4, 6] as const)("%d takes the addresses of that family only", async (family) => {
    const listener = keep(await listen(0));
    const port = listener.port;
    const options = { family, lookup: lookupOf("::1", "127.0.0.1") };
    const client = keep(await connect("both.test", port, options));
    expect(client.family).toBe(family);
    const addresses = await resolve("both.test", port, { lookup: lookupOf("::1", "127.0.0.1") });
    expect(keep(await connectTo(addresses, { family })).family).toBe(family);
  });

  test("that the host has no address of fails before any attempt", async () => {
    const listener = await loopback();
    const literal = await netError(connect("127.0.0.1", listener.port, { family: 6 }));
    expect(literal).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "127.0.0.1" });
    const list = [{ address: "127.0.0.1", port: listener.port, family: 4 as const }];
    expect(await netError(connectTo(list, { family: 6 }))).toMatchObject({ operation: "connect" });
    expect(listener.pending).toBe(0);
  });
});

describe("localAddress and localPort", () => {
  test("are where the connection comes from", async () => {
    const listener = await loopback();
    const localPort = await unusedPort();
    const options = { localAddress: "127.0.0.3", localPort };
    const client = keep(await connect("127.0.0.1", listener.port, options));
    const server = keep(await listener.accept());
    expect(client).toMatchObject(options);
    expect(server).toMatchObject({ remoteAddress: "127.0.0.3", remotePort: localPort });
  });

  test("localAddress drops the candidates of the other family", async () => {
    const listener = keep(await listen(0));
    const port = listener.port;
    const lookup = lookupOf("::1", "127.0.0.1");
    const four = keep(await connect("both.test", port, { lookup, localAddress: "127.0.0.1" }));
    expect(four.remoteAddress).toBe("127.0.0.1");
    const six = keep(await connect("both.test", port, { lookup, localAddress: "::1" }));
    expect(six.remoteAddress).toBe("::1");
    const none = await netError(connect("127.0.0.1", port, { localAddress: "::1" }));
    expect(none).toMatchObject({ code: "EADDRNOTAVAIL", operation: "connect", host: "127.0.0.1" });
    expect(none.message).toContain("none of the addresses is IPv6, as localAddress is");
    expect(none.message).toContain(`127.0.0.1:${port}`);
  });

  test("that cannot be bound fail with the code of the system", async () => {
    const listener = await loopback();
    const foreign = await netError(connect("127.0.0.1", listener.port, { localAddress: "192.0.2.77" }));
    expect(foreign).toMatchObject({ code: "EADDRNOTAVAIL", operation: "connect", port: listener.port });
    const taken = await loopback();
    const options = { localAddress: "127.0.0.1", localPort: taken.port };
    expect(await netError(connect("127.0.0.1", listener.port, options))).toMatchObject({
      code: "EADDRINUSE",
      operation: "connect",
    });
  });

  test("localPort can be connected to several peers, once to each", async () => {
    const [one, other] = [await loopback(), await loopback()];
    const localPort = await unusedPort();
    keep(await connect("127.0.0.1", one.port, { localPort }));
    keep(await connect("127.0.0.1", other.port, { localPort }));
    const twice = await netError(connect("127.0.0.1", one.port, { localPort }));
    expect(twice).toMatchObject({ code: "EADDRNOTAVAIL", operation: "connect", port: one.port });
    const chosen = keep(await connect("127.0.0.1", one.port)).localPort;
    const taken = await netError(connect("127.0.0.1", other.port, { localPort: chosen }));
    expect(taken).toMatchObject({ code: "EADDRINUSE", operation: "connect", port: other.port });
  });

  test("localPort makes addresses be tried one after the other", async () => {
    const listener = await loopback();
    const port = await unusedPort();
    const localPort = await unusedPort();
    const addresses = [
      { address: "127.0.0.1", port, family: 4 as const },
      { address: "127.0.0.1", port: listener.port, family: 4 as const },
    ];
    const client = keep(await connectTo(addresses, { localPort, attemptDelay: 10 }));
    expect(client).toMatchObject({ localPort, remotePort: listener.port });
  });
});

describe("lookup", () => {
  test.each<[string, LookupFunction]>([
    ["all addresses", lookupOf("127.0.0.1")],
    ["one address and its family", (_host, _options, answer) => setImmediate(answer, null, "127.0.0.1", 4)],
    ["at once", (_host, _options, answer) => answer(null, "127.0.0.1", 4)],
  ])("may answer with %s", async (_, lookup) => {
    const listener = await loopback();
    const client = keep(await connect("name.test", listener.port, { lookup }));
    expect(client).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: listener.port });
  });

  test("is asked for the host, for all addresses, of the family wanted", async () => {
    const listener = await loopback();
    const { lookup, asked } = deferredLookup();
    const connecting = connect("name.test", listener.port, { lookup, family: 4 });
    const { host, request, answer } = await asked;
    expect(host).toBe("name.test");
    expect(request).toMatchObject({ all: true, family: 4 });
    answer(null, [{ address: "127.0.0.1", family: 4 }]);
    keep(await connecting);
  });

  test("is not asked for a literal address or a path", async () => {
    const lookup = () => {
      throw new Error("looked up");
    };
    const listener = await loopback();
    keep(await connect("127.0.0.1", listener.port, { lookup }));
    const path = socketPath();
    keep(await listen({ path }));
    keep(await connect({ path }, { lookup }));
  });

  test("that fails is an error of operation resolve with the cause", async () => {
    const cause = Object.assign(new Error("queryA ESERVFAIL"), { code: "ESERVFAIL", syscall: "queryA" });
    const lookup: LookupFunction = (_host, _options, answer) => answer(cause, "");
    expect(await netError(connect("name.test", 80, { lookup }))).toMatchObject({
      operation: "resolve",
      code: "ESERVFAIL",
      syscall: "queryA",
      host: "name.test",
      port: 80,
      transient: true,
      cause,
    });
  });

  test("of an unknown name fails with operation resolve", async () => {
    // No name server is asked for a name with an empty label.
    const error = await netError(connect("no..such.host", 80));
    expect(error).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "no..such.host", port: 80 });
    expect(error.message).toBe("resolve no..such.host:80: no such host (ENOTFOUND)");
  });

  test("that leads to a dead address and a live one reaches the live one", async () => {
    const port = await unusedPort();
    keep(await listen(port, { host: "::1" }));
    const client = keep(await connect("both.test", port, { lookup: lookupOf("127.0.0.1", "::1") }));
    expect(client.remoteAddress).toBe("::1");
  });
});

describe("what a connection captures", () => {
  test("noDelay is on, keepAlive is off, unless options say otherwise; either is accepted", async () => {
    const { client } = await pair();
    expect(client.setNoDelay(false)).toBe(client);
    const listener = await loopback({ noDelay: false, keepAlive: 2_000 });
    for (const keepAlive of [true, false, 0, 5_000, Infinity]) {
      const connection = keep(await connect("127.0.0.1", listener.port, { noDelay: false, keepAlive }));
      const accepted = keep(await listener.accept());
      await connection.writeLine("fine");
      expect(await accepted.readLine()).toBe("fine");
    }
  });
});
