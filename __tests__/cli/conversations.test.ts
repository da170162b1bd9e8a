import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { portOf, tcp6, tcp6WithDescriptors } from "../support/command-line.js";
import { describeWith, NETCAT, OPENSSL } from "../support/machine.js";
import { startReversingServer } from "../support/openssl.js";
import { endPrograms, Program } from "../support/program.js";
import { unusedPort } from "../support/unused-port.js";

const servers = new Set<Server>();

afterEach(async () => {
  await endPrograms();
  for (const server of servers) server.close();
  servers.clear();
});

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** The port of a server of Node's. */
async function served(client: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => undefined);
    client(socket);
  });
  servers.add(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

/** What a client says that is given all of its input. */
async function answer(client: Program, input: string | Uint8Array): Promise<Buffer> {
  client.feed(input);
  const { status, stdout, stderr } = await client.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("connect", () => {
  test("many bytes come back from an echo as they were, and the end of stdin ends the one direction only", async () => {
    const port = await served((socket) => void socket.pipe(socket));
    const bytes = randomBytes(3_000_000);
    expect((await answer(tcp6("connect", `127.0.0.1:${port}`), bytes)).equals(bytes)).toBe(true);
  });

  test("stdin is sent to its end after the peer has ended its stream", async () => {
    let received = 0;
    const port = await served((socket) => {
      socket.end("bye\n");
      socket.on("data", (chunk) => (received += chunk.length));
    });
    const client = tcp6("connect", "127.0.0.1", port);
    expect((await answer(client, Buffer.alloc(2_000_000))).toString()).toBe("bye\n");
    expect(received).toBe(2_000_000);
  });

  test("a reset is told, after what the peer had sent, and status 1", async () => {
    const port = await served((socket) => {
      socket.once("data", () => socket.resetAndDestroy());
      socket.write("before");
    });
    const client = tcp6("connect", "127.0.0.1", port);
    await client.says(/before/);
    client.feed("go");
    const { status, stderr } = await client.ended;
    expect(stderr).toMatch(
      /^tcp6: read 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+: connection reset by peer \(ECONNRESET\)\n$/,
    );
    expect(status).toBe(1);
  });

  test("a refused connection is one sentence, or one object", async () => {
    const port = await unusedPort();
    const { status, stderr } = await tcp6("connect", `127.0.0.1:${port}`).ended;
    expect(stderr).toBe(`tcp6: connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)\n`);
    expect(status).toBe(1);
    const told = await tcp6("connect", `127.0.0.1:${port}`, "--json").ended;
    expect(JSON.parse(told.stderr)).toMatchObject({ event: "error", code: "ECONNREFUSED", port });
  });

  test("a silent peer is given up after --timeout", async () => {
    const port = await served(() => undefined);
    const { status, stderr } = await tcp6("connect", `127.0.0.1:${port}`, "--timeout", "50ms").ended;
    expect({ status, stderr }).toEqual({ status: 1, stderr: "tcp6: no byte has moved for 50 ms\n" });
  });

  test("so is a peer whose bytes nobody takes from stdout", async () => {
    const port = await served((socket) => {
      socket.write("first\n");
      socket.once("data", () => socket.write(Buffer.alloc(8_000_000)));
    });
    const client = tcp6("connect", `127.0.0.1:${port}`, "--timeout", "300ms");
    await client.says(/first/);
    client.pauseOutput();
    client.feed("more");
    expect(await client.exited()).toBe(1);
    client.resumeOutput();
    expect((await client.ended).stderr).toBe("tcp6: no byte has moved for 300 ms\n");
  });

  test("a reader of stdout that has left ends it, and is no failure", async () => {
    const port = await served((socket) => {
      const more = setInterval(() => socket.write("more\n"), 1);
      socket.on("close", () => clearInterval(more));
    });
    const main = tcp6("connect", `127.0.0.1:${port}`);
    await main.says(/more/);
    main.closeOutput();
    expect(await main.ended).toMatchObject({ status: 0, stderr: "" });
  });

  test("with --line, lines go out with CR LF and come with LF", async () => {
    const sent: Buffer[] = [];
    const port = await served((socket) => {
      socket.on("data", (chunk) => sent.push(chunk));
      socket.on("end", () => socket.end("220 ready\r\nbye\r\n"));
    });
    const said = await answer(tcp6("connect", `127.0.0.1:${port}`, "--line"), "HELO me\nQUIT");
    expect(said.toString()).toBe("220 ready\nbye\n");
    expect(Buffer.concat(sent).toString()).toBe("HELO me\r\nQUIT\r\n");
  });
});

describe("listen", () => {
  test("the first client is served as connect serves a server, over a Unix socket too", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-cli-"));
    const path = join(directory, "socket");
    try {
      const server = tcp6("listen", path);
      await server.says(/listening on/);
      const client = tcp6("connect", path);
      server.feed("from the server");
      expect((await answer(client, "from the client")).toString()).toBe("from the server");
      expect(await server.ended).toMatchObject({ status: 0, stdout: Buffer.from("from the client") });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("a URL is where to listen, also for relay", async () => {
    const server = tcp6("listen", "redis://127.0.0.1:0", "--echo");
    const relay = tcp6("relay", "tcp://127.0.0.1:0", `redis://127.0.0.1:${await portOf(server)}`);
    const client = tcp6("connect", `redis://127.0.0.1:${await portOf(relay)}`);
    expect((await answer(client, "through both")).toString()).toBe("through both");
  });

  test("a socket that a listen has left behind is taken over, and none that is in use", async () => {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-cli-"));
    const path = join(directory, "socket");
    try {
      const killed = tcp6("listen", path);
      await killed.says(/listening on/);
      killed.kill("SIGINT");
      expect(await killed.ended).toMatchObject({ signal: "SIGINT" });
      await tcp6("listen", path, "--echo").says(/listening on/);
      expect((await answer(tcp6("connect", path), "echo")).toString()).toBe("echo");
      expect(await tcp6("listen", path).ended).toMatchObject({ status: 1 });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("--exec runs a command for each client, which knows the client's address", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--exec", 'tr a-z A-Z; echo " $TCPREMOTEIP"; exit 3', "-v");
    const port = await portOf(server);
    expect((await answer(tcp6("connect", `127.0.0.1:${port}`), "hello")).toString()).toBe(
      "HELLO 127.0.0.1\n",
    );
    await server.says(/sent 16 bytes, received 5 bytes, status 3/);
    server.kill("SIGTERM");
    expect((await server.ended).status).toBe(0);
  });

  test("a command whose client has reset the connection is told to end, with all that it has started", async () => {
    // What it has started says that it is up: a shell that has just forked may lose a signal.
    const command = "trap 'echo told >&2; exit' TERM; sh -c 'echo up; exec sleep 100' & wait";
    const server = tcp6("listen", "127.0.0.1:0", "--exec", command);
    const client = connect(await portOf(server), "127.0.0.1");
    await once(client, "data");
    client.resetAndDestroy();
    await server.says(/told/);
    await server.says(/tcp6: read .* connection reset by peer/);
    server.kill("SIGTERM");
    expect((await server.ended).status).toBe(0);
  });
});

describe("what a command has started, and left behind with its stdout,", () => {
  // It says that it is up once its shell has ended.
  const left =
    "while kill -0 $0 2> /dev/null; do sleep 0.05; done; echo up; for i in $(seq 200); do sleep 0.05; done";
  const command = `sh -c 'trap "echo told >&2; exit" TERM; ${left}' $$ &`;

  test("is told to end when the client resets the connection", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--exec", command);
    const client = connect(await portOf(server), "127.0.0.1");
    await once(client, "data");
    client.resetAndDestroy();
    await server.says(/told/);
    server.kill("SIGTERM");
    expect((await server.ended).status).toBe(0);
  });

  test("is told to end when the listener has waited for its grace", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--exec", command, "--grace", "0");
    const client = connect(await portOf(server), "127.0.0.1").on("error", () => undefined);
    await once(client, "data");
    server.kill("SIGTERM");
    await server.says(/told/);
    expect((await server.ended).status).toBe(0);
  });

  test("is told to end by a second signal", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--exec", command, "--grace", "none", "-v");
    const client = connect(await portOf(server), "127.0.0.1").on("error", () => undefined);
    await once(client, "data");
    server.kill("SIGTERM");
    await server.says(/stopping/);
    server.kill("SIGTERM");
    expect(await server.ended).toMatchObject({
      signal: "SIGTERM",
      stderr: expect.stringMatching(/told/) as string,
    });
  });

  test("goes on where it has closed its stdout", async () => {
    const apart = 'exec > /dev/null; sleep 0.2; echo "went on" >&2';
    const server = tcp6("listen", "127.0.0.1:0", "--exec", `sh -c '${apart}' & echo bye`);
    const client = connect(await portOf(server), "127.0.0.1");
    expect(await text(client)).toBe("bye\n");
    server.kill("SIGTERM");
    await server.says(/went on/);
    expect((await server.ended).status).toBe(0);
  });
});

test("clients whose command cannot be started are reset, and no others", async () => {
  const server = tcp6WithDescriptors(48, "listen", "127.0.0.1:0", "--exec", "echo hello; cat");
  const port = await portOf(server);
  const clients = Array.from({ length: 40 }, () => connect(port, "127.0.0.1"));
  const answers = clients.map((client) => once(client, "data").then(String, codeOf));
  await server.says(/EMFILE/);
  for (const each of await Promise.all(answers)) expect(each).toMatch(/^hello\n$|^ECONNRESET$/);
  for (const client of clients) client.destroy();
  // It serves on.
  expect((await answer(tcp6("connect", `127.0.0.1:${port}`), "again")).toString()).toBe("hello\nagain");
  server.kill("SIGTERM");
  expect((await server.ended).status).toBe(0);
});

describeWith(NETCAT, "beside netcat", () => {
  test("--echo gives each client what it sends, until a signal", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo", "--json");
    const [line] = await server.says(/.*\n/);
    const { addresses } = JSON.parse(line) as { addresses: [{ port: number }] };
    for (const text of ["one", "two"]) {
      const client = new Program(NETCAT.command, ["-N", "127.0.0.1", String(addresses[0].port)]);
      expect((await answer(client, text)).toString()).toBe(text);
    }
    server.kill("SIGINT");
    const { status, stderr } = await server.ended;
    const events = stderr
      .trimEnd()
      .split("\n")
      .map((each) => (JSON.parse(each) as { event: string }).event);
    expect(status).toBe(0);
    expect(events.filter((event) => event === "closed")).toHaveLength(2);
    expect(events.at(-1)).toBe("stopping");
  });

  test("relay passes bytes and ends on, counts them, and tells the target of the client", async () => {
    const target = tcp6("listen", "127.0.0.1:0");
    const relay = tcp6(
      "relay",
      "127.0.0.1:0",
      `localhost:${await portOf(target)}`,
      "--proxy-header",
      "v1",
      "-v",
    );
    const port = await portOf(relay);
    const client = new Program(NETCAT.command, ["-N", "127.0.0.1", String(port)]);
    target.feed("answer");
    expect((await answer(client, "request")).toString()).toBe("answer");
    const { stdout } = await target.ended;
    expect(stdout.toString()).toMatch(
      new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${port}\r\nrequest$`),
    );
    await relay.says(/127\.0\.0\.1:\d+: 7 bytes there, 6 bytes back, [\d.]+ ms/);
    relay.kill("SIGTERM");
    expect((await relay.ended).status).toBe(0);
  });
});

describeWith(OPENSSL, "with TLS", () => {
  let files: CertificateFiles;

  beforeAll(async () => {
    files = await certificateFiles();
  });

  afterAll(() => files[Symbol.asyncDispose]());

  test("connect talks to OpenSSL, and not if its certificate is not trusted", async () => {
    const { port } = await startReversingServer(files);
    const client = tcp6("connect", `localhost:${port}`, "--tls", "--ca", files.authority, "-4");
    expect((await answer(client, "abc\n")).toString()).toBe("cba\n");
    const { status, stderr } = await tcp6("connect", `localhost:${port}`, "--tls", "-4").ended;
    expect(stderr).toMatch(/^tcp6: tls localhost:\d+: the certificate of the peer .*\n$/);
    expect(status).toBe(1);
  });

  test("probe says what listen and it have agreed on", async () => {
    const server = tcp6("listen", "127.0.0.1:0", "--echo", "--tls", files.cert, files.key);
    const port = await portOf(server);
    const tls = ["--tls", "--ca", files.authority];
    const { status, stdout, stderr } = await tcp6("probe", "127.0.0.1", port, ...tls).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.toString()).toMatch(/^TLS +=+\| +[\d.]+ m?s {2}TLSv1\.3$/m);
    expect(stdout.toString()).toMatch(
      /^issuer {7}tcp6 test authority\nvalid until {2}2120-01-01, \d+ more days\ntrusted {6}yes$/m,
    );
    const told = await tcp6("probe", `127.0.0.1:${port}`, ...tls, "--json").ended;
    const facts = JSON.parse(told.stdout.toString()) as unknown;
    expect(facts).toMatchObject({ ok: true, tls: { protocol: "TLSv1.3", authorized: true } });
  });
});

test("probe says why it cannot connect, by its picture and by status 1", async () => {
  const port = await unusedPort();
  const { status, stdout, stderr } = await tcp6("probe", "127.0.0.1", port).ended;
  expect(stdout.toString()).toMatch(/^127\.0\.0\.1 +=*x +[\d.]+ ms {2}ECONNREFUSED$/m);
  expect(stderr).toBe(`tcp6: connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)\n`);
  expect(status).toBe(1);
});
