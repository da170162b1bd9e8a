import { readdirSync } from "node:fs";
import { connect, listen, type Connection } from "../../src/index.js";
import { endPrograms } from "../support/program.js";
import { unusedPort } from "../support/unused-port.js";
import { example, EXAMPLES, portOf, sayingsOf } from "./example.js";

afterEach(endPrograms);

test("every example is run here", () => {
  const names = readdirSync(EXAMPLES).sort();
  expect(names).toEqual([
    "cancellable-request.ts",
    "chat-room.ts", // in example-serving.test.ts, as graceful-server.ts and line-server.ts
    "echo-server.ts",
    "fleet", // in peers/fleet.test.ts
    "graceful-server.ts",
    "gzip-file.ts", // in streams.test.ts, and so on
    "gzip-web.ts",
    "hello-client.ts",
    "hello-server.ts",
    "http-agent.ts",
    "http-over-duplex.ts",
    "json-chat.ts", // in example-serving.test.ts, too
    "json-protocol.ts",
    "line-server.ts",
    "metrics.ts", // in example-metrics.test.ts
    "modbus-client.ts", // in peers/modbus.test.ts
    "probe.ts", // in probe.test.ts
    "redis-client.ts", // in example-redis.test.ts, and peers/redis-requests.test.ts
    "starttls-smtp.ts", // in example-tls.test.ts, as tls-alpn.ts and tls-echo.ts
    "tcp-proxy.ts",
    "tls-alpn.ts",
    "tls-echo.ts",
    "tour.ts",
  ]);
});

describe("hello", () => {
  test("the client and the server read from each other, and end", async () => {
    const server = example("hello-server", 0);
    const port = await portOf(server);
    const client = example("hello-client", port);
    expect(await sayingsOf(client)).toBe("Hello!\n");
    expect(await sayingsOf(server)).toBe(`listening on port ${port}\nGood Bye!\n`);
  });

  test("the client says why it could not connect", async () => {
    const port = await unusedPort();
    const { status, stderr } = await example("hello-client", port).ended;
    expect(stderr).toContain(`connect localhost:${String(port)}: `);
    expect(stderr).toContain("connection refused (ECONNREFUSED)");
    expect(status).toBe(1);
  });
});

describe("the echo server", () => {
  test("serves clients at the same time, and ends when it is interrupted", async () => {
    const server = example("echo-server", 0);
    const port = await portOf(server);
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect("localhost", port)));
    // The first client is connected first and done last.
    for (const [i, client] of [...clients.entries()].reverse()) {
      await client.writeLine(`client ${i}`);
      expect(await client.readLine()).toBe(`client ${i}`);
    }
    const [first] = clients as [Connection];
    const much = Buffer.alloc(5_000_000, "much of it ");
    const written = first.write(much).then(() => first.closeWrite());
    const echoed = await first.readAll();
    await written;
    expect(echoed.equals(much)).toBe(true);
    await Promise.all(clients.map((client) => client.close()));
    server.kill("SIGINT");
    expect(await sayingsOf(server)).toBe(`listening on port ${port}\nclosed\n`);
  });

  test("survives a client that resets its connection", async () => {
    const server = example("echo-server", 0);
    const port = await portOf(server);
    const rude = await connect("localhost", port);
    await rude.writeLine("bye");
    expect(await rude.readLine()).toBe("bye");
    rude.reset();
    await server.says(/ECONNRESET/);
    await using polite = await connect("localhost", port);
    await polite.writeLine("hello");
    expect(await polite.readLine()).toBe("hello");
  });
});

describe("the cancellable request", () => {
  test("prints the answer", async () => {
    await using listener = await listen(0);
    const client = example("cancellable-request", `localhost:${String(listener.port)}`, "2 + 2");
    await using connection = await listener.accept();
    expect(await connection.readLine()).toBe("2 + 2");
    await connection.writeLine("4");
    expect(await connection.read()).toBeNull();
    await connection.close();
    expect(await sayingsOf(client)).toBe("answer: 4\n");
  });

  test("gives up after its time, and resets the connection", async () => {
    await using listener = await listen(0);
    const client = example("cancellable-request", `localhost:${String(listener.port)}`, "2 + 2", 1_000);
    const connection = await listener.accept();
    expect(await connection.readLine()).toBe("2 + 2");
    await expect(connection.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    const { status, stdout, stderr } = await client.ended;
    expect(stdout.toString()).toMatch(/^too late: read .*: timed out \(ETIMEDOUT\)\n$/);
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  });

  test("is cancelled by an interrupt", async () => {
    await using listener = await listen(0);
    const client = example("cancellable-request", `localhost:${String(listener.port)}`, "2 + 2", 60_000);
    const connection = await listener.accept();
    expect(await connection.readLine()).toBe("2 + 2");
    client.kill("SIGINT");
    await expect(connection.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    const { status, stdout, stderr } = await client.ended;
    expect(stdout.toString()).toBe("cancelled\n");
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
  });
});

describe("the tour", () => {
  test("shows each of its five steps, and ends by itself", async () => {
    const said = await sayingsOf(example("tour"));
    expect(said).toContain("client heard: Hello!\n");
    expect(said).toContain("server heard: Good Bye!\n");
    expect(said).toMatch(
      /NetTimeoutError: read \S+ -> \S+: timed out after 100 ms \(ETIMEDOUT\)\n {3}client heard: Here I am\.\n/,
    );
    expect(said).toContain("Error: no more clients today\n");
    expect(said).toMatch(/connect localhost:\d+: .*connection refused \(ECONNREFUSED\)\n/);
    expect(said).toContain("code ECONNREFUSED, transient: true\n");
    expect(said).toMatch(/\d+ bytes came and expanded to 208890\n/);
    expect(said).toMatch(/\nDone\.\n$/);
  });
});
