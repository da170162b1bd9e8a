import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, request, type IncomingMessage } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Transform } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGunzip, gzipSync } from "node:zlib";
import { connect, lengthPrefixed, relay } from "../../src/index.js";
import { closeAll, endOf, keep, loopback, netClient, unusedPort } from "../support/peers.js";
import { endPrograms } from "../support/program.js";
import { complaintOf, example, portOf, sayingsOf } from "./example.js";

const servers: Server[] = [];
let folder: string;

/** More than fits between two programs, however it is compressed. */
const MUCH = randomBytes(16_000_000);
/** Something that can be compressed, and something that cannot. */
const SOME = Buffer.concat([Buffer.alloc(2_000_000, "much of it "), randomBytes(2_000_000)]);

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tcp6-examples-"));
});

afterEach(async () => {
  await endPrograms();
  for (const server of servers.splice(0)) server.close();
  await closeAll();
  rmSync(folder, { recursive: true });
});

function at(name: string): string {
  return join(folder, name);
}

function written(name: string, content: Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

/** Has a server of Node's own listen, until the test is over. */
async function listening(server: Server): Promise<number> {
  servers.push(server);
  server.on("connection", keep);
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

/** A web server. */
async function webServer(
  handler: (request: IncomingMessage) => Uint8Array | Promise<Uint8Array>,
): Promise<number> {
  return await listening(
    createHttpServer((request, response) => {
      void Promise.resolve(handler(request)).then((body) => response.end(body));
    }),
  );
}

/** A server that reads all that a client sends, through `transform`, before it answers. */
async function patientServer(
  transform: () => Transform,
  answer: (all: Buffer) => string | Uint8Array,
): Promise<number> {
  return await listening(
    createServer({ allowHalfOpen: true }, (socket) => {
      void buffer(socket.pipe(transform())).then((all) => socket.end(answer(all)));
    }),
  );
}

/** What the web server on `port` answers, over a connection of its own. */
async function post(port: number, body: Uint8Array): Promise<Buffer> {
  const sent = request({ host: "127.0.0.1", port, method: "POST", agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return await buffer(response);
}

describe.each(["gzip-file", "gzip-web"])("%s", (name) => {
  test.each([
    ["a file of 4 MB", SOME],
    ["an empty file", Buffer.alloc(0)],
  ])("%s arrives as it was, and both say so", async (_, content) => {
    const receiver = example(name, "receive", at("copy"), 0);
    const port = await portOf(receiver);
    const sender = example(name, "send", written("file", content), `localhost:${port}`);
    const said = await sayingsOf(sender);
    expect(said).toMatch(new RegExp(`^\\d+ bytes received, a file of ${content.length}\n$`));
    expect(parseInt(said)).toBeLessThan(content.length * 0.6 + 100);
    expect(await sayingsOf(receiver)).toBe(`listening on port ${port}\n${said}`);
    expect(readFileSync(at("copy")).equals(content)).toBe(true);
    expect(existsSync(at("copy.part"))).toBe(false);
  });

  test("speaks with sockets and zlib of Node's own", async () => {
    const port = await patientServer(createGunzip, (all) => `${all.length} of it\n`);
    const sender = example(name, "send", written("file", SOME), `127.0.0.1:${port}`);
    const receiver = example(name, "receive", at("copy"), 0);
    const client = await netClient({ host: "localhost", port: await portOf(receiver) });
    client.end(gzipSync(SOME));
    expect((await buffer(client)).toString()).toMatch(/^\d+ bytes received, a file of 4000000\n$/);
    await sayingsOf(receiver);
    expect(readFileSync(at("copy")).equals(SOME)).toBe(true);
    expect(await sayingsOf(sender)).toBe("4000000 of it\n");
  });

  test("says what it cannot do, with status 1", async () => {
    const listener = await loopback();
    const endpoint = `127.0.0.1:${listener.port}`;
    const [noFile, noServer, noPort, nothing] = await Promise.all([
      complaintOf(example(name, "send", at("none"), endpoint)),
      complaintOf(example(name, "send", written("file", SOME), `127.0.0.1:${await unusedPort()}`)),
      complaintOf(example(name, "receive", at("copy"), "127.0.0.1")),
      complaintOf(example(name)),
    ]);
    expect(noFile).toBe(`ENOENT: no such file or directory, open '${at("none")}'`);
    expect(listener.pending).toBe(0);
    expect(noServer).toMatch(/^connect 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)$/);
    expect(noPort).toMatch(/no service named "127\.0\.0\.1"/);
    expect(nothing).toMatch(
      /^usage: npx tsx examples\/gzip-\w+\.ts receive FILE \[port\] \| send FILE \[endpoint\]$/,
    );
  });

  test("a sender that is killed leaves no file", async () => {
    const middle = await loopback();
    const sender = example(name, "send", written("file", MUCH), `127.0.0.1:${middle.port}`);
    const receiver = example(name, "receive", at("copy"), 0);
    const toReceiver = keep(await connect("localhost", await portOf(receiver)));
    const fromSender = keep(await middle.accept());
    await toReceiver.write(await fromSender.readExactly(100_000));
    sender.kill("SIGKILL");
    await sender.ended;
    await relay(fromSender, toReceiver);
    expect(await complaintOf(receiver)).toMatch(/unexpected end of file/);
    expect(existsSync(at("copy"))).toBe(false);
  });

  test("a receiver that is killed fails the sender", async () => {
    const middle = await loopback();
    const sender = example(name, "send", written("file", MUCH), `127.0.0.1:${middle.port}`);
    const receiver = example(name, "receive", at("copy"), 0);
    const toReceiver = keep(await connect("localhost", await portOf(receiver)));
    const fromSender = keep(await middle.accept());
    await toReceiver.write(await fromSender.readExactly(100_000));
    receiver.kill("SIGKILL");
    await receiver.ended;
    await expect(relay(fromSender, toReceiver)).rejects.toMatchObject({ transient: true });
    expect(await complaintOf(sender)).toMatch(/^\w+ 127.*\((?:ECONNRESET|EPIPE)\)$/);
  });

  test("a receiver that cannot write fails the sender", async () => {
    const receiver = example(name, "receive", at("none/copy"), 0);
    const endpoint = `localhost:${await portOf(receiver)}`;
    const sender = example(name, "send", written("file", MUCH), endpoint);
    expect(await complaintOf(receiver)).toMatch(/^ENOENT: no such file or directory, open '.*copy\.part'$/);
    // Node's pipeline destroys its source, the web's pipe cancels it: the first is a reset, the second an end.
    expect(await complaintOf(sender)).toMatch(/ECONNRESET|EPIPE|without saying that it has the file/);
  });

  test("what is no gzip is refused, and a file that is not confirmed is not taken for received", async () => {
    const listener = await loopback();
    const sender = example(name, "send", written("file", SOME), `127.0.0.1:${listener.port}`);
    const receiver = example(name, "receive", at("copy"), 0);
    const client = await netClient({ host: "localhost", port: await portOf(receiver) });
    client.write("no gzip at all");
    expect(await endOf(client)).toBe(name === "gzip-file" ? "ECONNRESET" : "end");
    expect(await complaintOf(receiver)).toMatch(/incorrect header check/);
    const connection = keep(await listener.accept());
    await connection.readAll();
    await connection.close();
    expect(await complaintOf(sender)).toBe("the receiver has ended without saying that it has the file");
  });
});

describe("the TCP proxy", () => {
  test("passes on what web clients and a web server say, and counts it", async () => {
    const backend = await webServer(buffer);
    const proxy = example("tcp-proxy", 0, `127.0.0.1:${backend}`);
    const port = await portOf(proxy);
    const bodies = Array.from({ length: 20 }, (_, i) => SOME.subarray(0, SOME.length >> i));
    const answers = await Promise.all(bodies.map((body) => post(port, body)));
    expect(answers.map((answer, i) => answer.equals(bodies[i] as Buffer))).not.toContain(false);
    await proxy.says(/(?:.* bytes sent, .*\n){20}/);
    proxy.kill("SIGINT");
    const [first, ...lines] = (await sayingsOf(proxy)).trimEnd().split("\n");
    expect(first).toBe(`listening on port ${port}`);
    expect(lines.pop()).toBe("closed");
    const counts = lines.map((line) =>
      /^127\.0\.0\.1 port \d+: (\d+) bytes sent, (\d+) received$/.exec(line),
    );
    const bytes = counts.map((match) => match?.slice(1).map(Number) ?? []).sort(([a = 0], [b = 0]) => b - a);
    for (const [i, { length }] of bodies.entries()) {
      const [sent = 0, received = 0] = bytes[i] ?? [];
      for (const count of [sent, received]) {
        expect(count).toBeGreaterThan(length);
        expect(count).toBeLessThan(length + 300);
      }
    }
  });

  test("passes on the end of one side while the other goes on", async () => {
    const backend = await patientServer(
      () => new PassThrough(),
      (all) => all,
    );
    const proxy = example("tcp-proxy", 0, `127.0.0.1:${backend}`);
    const client = await netClient({ host: "localhost", port: await portOf(proxy) });
    client.end(SOME);
    expect((await buffer(client)).equals(SOME)).toBe(true);
    await proxy.says(/port \d+: 4000000 bytes sent, 4000000 received\n/);
  });

  test("survives a backend that is not there, and one that is killed", async () => {
    const backendPort = await unusedPort();
    const proxy = example("tcp-proxy", 0, `127.0.0.1:${backendPort}`);
    const port = await portOf(proxy);
    expect(await endOf(await netClient({ host: "localhost", port }))).toBe("ECONNRESET");
    await proxy.says(/port \d+: connect 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)\n/);
    const backend = example("echo-server", backendPort);
    await portOf(backend);
    const client = keep(await connect("localhost", port));
    await client.writeLine("hello");
    expect(await client.readLine()).toBe("hello");
    backend.kill("SIGKILL");
    expect(await client.read()).toBeNull();
    await client.close();
    await proxy.says(/port \d+: 6 bytes sent, 6 received\n/);
    proxy.kill("SIGINT");
    expect(await proxy.ended).toMatchObject({ status: 0 });
  });

  test("survives a client that resets its connection, whose backend is reset too", async () => {
    const backend = await loopback();
    const proxy = example("tcp-proxy", 0, `127.0.0.1:${backend.port}`);
    const port = await portOf(proxy);
    for (const word of ["one", "two"]) {
      const client = keep(await connect("localhost", port));
      const server = keep(await backend.accept());
      await client.writeLine(word);
      expect(await server.readLine()).toBe(word);
      client.reset();
      await expect(server.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    }
    await proxy.says(/(?:.*: read .*connection reset by peer \(ECONNRESET\)\n){2}/);
  });

  test("cuts off silent clients, and all clients when it is interrupted", async () => {
    const backend = await loopback();
    const impatient = example("tcp-proxy", 0, `127.0.0.1:${backend.port}`, 100);
    const patient = example("tcp-proxy", 0, `127.0.0.1:${backend.port}`);
    const silent = keep(await connect("localhost", await portOf(impatient)));
    await expect(silent.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    await impatient.says(/port \d+: relay .*: timed out after 100 ms \(ETIMEDOUT\)\n/);
    const client = keep(await connect("localhost", await portOf(patient)));
    await client.writeLine("hello");
    await backend.accept();
    expect(await keep(await backend.accept()).readLine()).toBe("hello");
    patient.kill("SIGINT");
    await expect(client.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    const { status, stdout, stderr } = await patient.ended;
    expect(stdout.toString()).toMatch(/\nclosed\n$/);
    expect(stderr).toMatch(/^127\.0\.0\.1 port \d+: interrupted\n$/);
    expect(status).toBe(0);
  });
});

describe("HTTP over a duplex", () => {
  test("prints the status and how long the body is", async () => {
    const port = await webServer(({ url, headers }) => {
      return url === "/some?of=it" && headers.host === `127.0.0.1:${port}` ? SOME : Buffer.alloc(0);
    });
    const client = example("http-over-duplex", `http://127.0.0.1:${port}/some?of=it`);
    expect(await sayingsOf(client)).toBe("200 OK, 4000000 bytes\n");
  });

  test("says what the connection says of a server that is not there, is silent, or fails", async () => {
    const listener = await loopback();
    const url = `http://127.0.0.1:${listener.port}/`;
    const refused = complaintOf(example("http-over-duplex", `http://127.0.0.1:${await unusedPort()}/`));
    const late = complaintOf(example("http-over-duplex", url, 300));
    const silent = keep(await listener.accept());
    expect(await silent.readLine()).toBe("GET / HTTP/1.1");
    expect(await late).toMatch(/^read 127.*: timed out after 300 ms \(ETIMEDOUT\)$/);
    await expect(silent.readAll()).rejects.toMatchObject({ code: "ECONNRESET" });
    const cut = complaintOf(example("http-over-duplex", url));
    const failing = keep(await listener.accept());
    await failing.readUntil("\r\n\r\n");
    await failing.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    failing.reset();
    expect(await cut).toMatch(/^read 127.*: connection reset by peer \(ECONNRESET\)$/);
    const short = complaintOf(example("http-over-duplex", url));
    const ending = keep(await listener.accept());
    await ending.readUntil("\r\n\r\n");
    await ending.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    await ending.close();
    expect(await short).toBe("aborted");
    expect(await refused).toMatch(/^connect 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)$/);
  });
});

describe("the JSON protocol", () => {
  test("calls are answered, with errors where they are wrong", async () => {
    const server = example("json-protocol", "serve", 0);
    const port = await portOf(server);
    const call = (...args: string[]): ReturnType<typeof example> =>
      example("json-protocol", "call", `localhost:${port}`, ...args);
    const [sum, echo, unknown, wrong, long] = await Promise.all([
      sayingsOf(call("add", "1", "2.5", "-3")),
      sayingsOf(call("echo", '{"a":["b"]}', "null")),
      complaintOf(call("constructor")),
      complaintOf(call("add", "1", '"2"')),
      complaintOf(call("echo", JSON.stringify("x".repeat(70_000)))),
    ]);
    expect(sum).toBe("0.5\n");
    expect(echo).toBe('[{"a":["b"]},null]\n');
    expect(unknown).toBe('no such method: "constructor"');
    expect(wrong).toBe("add takes numbers");
    expect(long).toMatch(/^write .*: a frame of 70\d\d\d bytes is over the limit of 65536 \(ERR_LIMIT\)$/);
    server.kill("SIGINT");
    expect(await sayingsOf(server)).toBe(`listening on port ${port}\n`);
  });

  test("speaks with a socket of Node's own, which sends many calls at once, and some that are none", async () => {
    const server = example("json-protocol", "serve", 0);
    const client = await netClient({ host: "localhost", port: await portOf(server) });
    const frames = (texts: string[]): Buffer =>
      Buffer.concat(texts.flatMap((text) => [Buffer.from([0, 0, 0, text.length]), Buffer.from(text)]));
    const ids = Array.from({ length: 1_000 }, (_, i) => i);
    const calls = ids.map((id) => `{"id":${id},"method":"add","params":[${id},1]}`);
    client.write(frames(calls));
    client.end(frames(["{", '{"id":"x"}', '{"id":"y","method":"add"}', "null"]));
    const answers = await buffer(client);
    const expected = frames(ids.map((id) => `{"id":${id},"result":${id + 1}}`));
    expect(answers.subarray(0, expected.length).equals(expected)).toBe(true);
    const errors = answers.subarray(expected.length).toString();
    expect(errors).toMatch(
      /^[^]{4}{"id":null,"error":".*"}[^]{4}{"id":"x","error":"no such method: undefined"}[^]{4}{"id":"y","error":".*"}[^]{4}{"id":null,"error":".*"}$/,
    );
  });

  test("the server cuts off a client that announces too much, and serves the next", async () => {
    const server = example("json-protocol", "serve", 0);
    const port = await portOf(server);
    const greedy = await netClient({ host: "localhost", port });
    greedy.write(Buffer.from([0, 1, 0, 1, 0]));
    expect(await endOf(greedy)).toBe("end");
    await server.says(/NetError: read .*\(ERR_LIMIT\)\n/);
    await using polite = await connect("localhost", port);
    const frames = lengthPrefixed(polite);
    await frames.send('{"id":1,"method":"echo","params":[]}');
    expect(String(await frames.receive())).toBe('{"id":1,"result":[]}');
  });

  test("the client says what the server has not done", async () => {
    const listener = await loopback();
    const endpoint = `127.0.0.1:${listener.port}`;
    const noServer = complaintOf(example("json-protocol", "call", `127.0.0.1:${await unusedPort()}`, "add"));
    const ended = complaintOf(example("json-protocol", "call", endpoint, "add", "1"));
    const ending = keep(await listener.accept());
    expect(String(await lengthPrefixed(ending).receive())).toBe('{"id":1,"method":"add","params":[1]}');
    await ending.close();
    expect(await ended).toBe("the server has ended without an answer");
    const reset = complaintOf(example("json-protocol", "call", endpoint, "add"));
    const failing = keep(await listener.accept());
    await failing.readExactly(4);
    failing.reset();
    expect(await reset).toMatch(/^read .*: connection reset by peer \(ECONNRESET\)$/);
    expect(await noServer).toMatch(/^connect 127\.0\.0\.1:\d+: connection refused \(ECONNREFUSED\)$/);
  });
});

describe("the HTTP agent", () => {
  test("sends its requests over one connection, while the server keeps it open", async () => {
    const port = await webServer(() => SOME);
    const client = example("http-agent", `http://127.0.0.1:${port}/`, 2);
    expect(await sayingsOf(client)).toBe(
      "200 OK, 4000000 bytes, over a new connection\n200 OK, 4000000 bytes, over the same connection\n",
    );
  });

  test("says why it could not connect", async () => {
    const port = await unusedPort();
    const refused = await complaintOf(example("http-agent", `http://127.0.0.1:${port}/`));
    expect(refused).toBe(`connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
  });
});
