/** What the program does with TLS, PROXY headers and signals, beside programs of others. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { portOf, tcp6, tcp6With } from "../support/command-line.js";
import { startHaproxy } from "../support/haproxy.js";
import { describeWith, HAPROXY, OPENSSL } from "../support/machine.js";
import { opensslClient, startReversingServer } from "../support/openssl.js";
import { closeAll, socketPath } from "../support/peers.js";
import { endPrograms } from "../support/program.js";

let files: CertificateFiles;

beforeAll(async () => {
  files = await certificateFiles();
});

afterEach(endPrograms);
afterEach(closeAll);

afterAll(() => files[Symbol.asyncDispose]());

/** A server that accepts, and says nothing. */
async function silentServer(): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on("error", () => undefined).resume());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port };
}

describe("Ctrl-C in probe", () => {
  test.each([
    { args: [], shows: /^127\.0\.0\.1 .* connected\nTLS .* given up\n$/m, says: "tcp6: interrupted\n" },
    { args: ["--json"], shows: /^\{"ok":false,.*"outcome":"connected"/, says: "" },
  ])("shows what has happened so far: probe --tls $args", async ({ args, shows, says }) => {
    const { server, port } = await silentServer();
    const probe = tcp6("probe", "127.0.0.1", port, "--tls", ...args);
    const [socket] = (await once(server, "connection")) as [NodeJS.ReadableStream];
    // The first bytes of the handshake: by then it has heard that it is connected.
    await once(socket, "data");
    probe.kill("SIGINT");
    const { status, stdout, stderr } = await probe.ended;
    expect({ status, stderr }).toEqual({ status: 130, stderr: says });
    expect(stdout.toString()).toMatch(shows);
    server.close();
  });
});

describe("signals", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("the second %s ends what serves at once", async (signal) => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo", "--grace", "none", "--json", "-v");
    const [, port] = await server.says(/"port":(\d+)/);
    const client = connect(Number(port), "127.0.0.1");
    client.on("error", () => undefined);
    await server.says(/"accepted"/);
    server.kill(signal);
    await server.says(/"stopping"/);
    // It still serves the client that it has.
    client.write("hello");
    expect(String((await once(client, "data"))[0])).toBe("hello");
    server.kill(signal);
    expect(await server.ended).toMatchObject({ status: null, signal });
    client.destroy();
  });

  test("after the grace it ends by itself, with status 0", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo", "--grace", "50ms", "--json", "-v");
    const [, port] = await server.says(/"port":(\d+)/);
    const client = connect(Number(port), "127.0.0.1");
    const closed = new Promise((resolve) => client.on("error", () => undefined).once("close", resolve));
    await server.says(/"accepted"/);
    server.kill("SIGINT");
    expect((await server.ended).status).toBe(0);
    await closed;
  });
});

test("the path that it listens at speaks to no terminal", async () => {
  const server = tcp6("listen", `${socketPath()}\x1b[1m`, "--echo");
  await server.says(/^listening on \/.*\\u001b\[1m$/m);
  server.kill("SIGTERM");
  expect((await server.ended).status).toBe(0);
});

test("FORCE_COLOR gives colour where there is no terminal, and NO_COLOR takes it away", async () => {
  const server = tcp6("listen", "127.0.0.1:0", "--echo");
  const port = await portOf(server);
  const probe = async (env: Record<string, string>): Promise<string> =>
    (await tcp6With(env, "probe", "127.0.0.1", port).ended).stdout.toString();
  expect(await probe({})).not.toContain("\x1b");
  expect(await probe({ FORCE_COLOR: "1" })).toContain("\x1b[32m");
  expect(await probe({ FORCE_COLOR: "1", NO_COLOR: "1" })).not.toContain("\x1b");
});

describeWith(OPENSSL, "relay and TLS", () => {
  test("--tls is TLS with OpenSSL as a client, before a target without", async () => {
    const target = tcp6("listen", "127.0.0.1:0", "--echo");
    const at = `127.0.0.1:${await portOf(target)}`;
    const relay = tcp6("relay", "127.0.0.1:0", at, "--tls", files.cert, files.key);
    const client = opensslClient(await portOf(relay), files, "-quiet", "-no_ign_eof");
    client.type("hello\n");
    await client.says(/^hello$/m);
    client.feed("");
    expect((await client.ended).status).toBe(0);
  });

  test("--target-tls is TLS with OpenSSL as the target, for clients without", async () => {
    const { port } = await startReversingServer(files);
    const trust = ["--target-tls", "--ca", files.authority, "-4"];
    const relay = tcp6("relay", "127.0.0.1:0", `localhost:${port}`, ...trust);
    const client = connect(await portOf(relay), "127.0.0.1").end("abc\n");
    expect(await text(client)).toBe("cba\n");
  });

  test("a target whose certificate is not trusted gets no byte: it is told, and the client is reset", async () => {
    const { port } = await startReversingServer(files);
    const trust = ["--target-tls", "--ca", files.otherAuthority, "-4"];
    const relay = tcp6("relay", "127.0.0.1:0", `localhost:${port}`, ...trust);
    const client = connect(await portOf(relay), "127.0.0.1");
    const [error] = (await once(client, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNRESET");
    await relay.says(/tcp6: .*certificate/);
  });
});

describeWith(HAPROXY, "relay and HAProxy", () => {
  test.each(["v1", "v2"])("--proxy-header %s tells it who the client is", async (version) => {
    const { server, port: nowhere } = await silentServer();
    await using haproxy = await startHaproxy({ plain: nowhere, tls: nowhere, checked: nowhere });
    const at = `127.0.0.1:${String(haproxy.ports.accept)}`;
    const relay = tcp6("relay", "127.0.0.1:0", at, "--proxy-header", version);
    const port = await portOf(relay);
    const client = connect(port, "127.0.0.1");
    client.write("GET / HTTP/1.0\r\n\r\n");
    await once(client, "connect");
    const own = client.localPort;
    expect(await text(client)).toMatch(
      new RegExp(`\r\n\r\n127\\.0\\.0\\.1 ${String(own)} 127\\.0\\.0\\.1 ${port} .*proxied=1`),
    );
    server.close();
  });
});
