/** The examples run as they are on hosts of a simulated network: each one that uses only the network, and some that use more. */
import diagnostics from "node:diagnostics_channel";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listen, serve } from "../../../src/index.js";
import { onBadNetwork, partition, sleep } from "../../support/bad-network.js";
import { failure } from "../../support/outcomes.js";
import { PORT, startServer } from "../../support/simulated-examples.js";
import { startExample } from "../../support/simulated-program.js";

const EXAMPLES = new URL("../../../examples/", import.meta.url);

/** Examples that use what a simulated host does not have. */
const NOT_SIMULATED = new Map([
  ["fleet", "child processes"],
  ["metrics.ts", "a server of node:http"],
  ["starttls-smtp.ts", "a certificate by the virtual date, which TLS checks by the real one"],
  ["tls-alpn.ts", "servers of node:http2 and node:https"],
  ["tls-echo.ts", "a certificate by the virtual date, which TLS checks by the real one"],
]);

test("every example that uses only the network is run in a simulation", () => {
  const here = readdirSync(new URL(".", import.meta.url)).map((name) =>
    readFileSync(new URL(name, import.meta.url), "utf8"),
  );
  const names = readdirSync(EXAMPLES);
  const missing = names.filter((name) => {
    const quoted = JSON.stringify(name.replace(/\.ts$/, ""));
    return !here.some(
      (text) => text.includes(quoted) || text.includes(`examples/${name.replace(/\.ts$/, ".js")}`),
    );
  });
  expect(missing.filter((name) => !NOT_SIMULATED.has(name))).toEqual([]);
  expect(names).toEqual(expect.arrayContaining([...NOT_SIMULATED.keys()]));
});

describe("hello", () => {
  test("the client and the server greet each other on one host, also after a crash of it", async () => {
    await onBadNetwork(["host"], async (_network, { host }) => {
      const lost = await startServer(host, "hello-server");
      host.crash();
      expect(await failure(lost.ended)).toMatchObject({ code: "ERR_HOST_CRASHED" });
      host.restart();
      expect(await failure(startExample(host, "hello-client").ended)).toMatchObject({ code: "ECONNREFUSED" });
      const server = await startServer(host, "hello-server");
      const client = startExample(host, "hello-client");
      await Promise.all([server.ended, client.ended]);
      expect(server.output.at(-1)).toBe("Good Bye!");
      expect(client.output).toEqual(["Hello!"]);
    });
  });
});

test("the tour is the same on a simulated host", async () => {
  await onBadNetwork(["host"], async (_network, { host }) => {
    const tour = startExample(host, "tour");
    await tour.ended;
    expect(tour.output).toEqual(expect.arrayContaining(["   client heard: Here I am.", "Done."]));
    expect(tour.output.some((line) => /expanded to 208890$/.test(line))).toBe(true);
  });
});

describe("the cancellable request", () => {
  test("is answered through a partition, and gives up when its time is up", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const echo = await startServer(server, "echo-server");
      const request = startExample(client, "cancellable-request", `server:${PORT}`, "Hi!", 60_000);
      await partition(network, client, server, 3_000, 10);
      await request.ended;
      expect(request.output).toEqual(["answer: Hi!"]);

      network.partition(client, server);
      const start = network.now;
      const late = startExample(client, "cancellable-request", `server:${PORT}`, "Hi!", 5_000);
      await late.ended;
      expect(network.now - start).toBe(5_000);
      expect(late.output).toEqual([expect.stringMatching(/^too late: /)]);
      expect(late.exitCode).toBe(1);

      const interrupted = startExample(client, "cancellable-request", `server:${PORT}`, "Hi!", 60_000);
      await sleep(1_000);
      interrupted.kill("SIGINT");
      await interrupted.ended;
      expect(interrupted.output).toEqual(["cancelled"]);
      network.heal(client, server);
      echo.kill("SIGINT");
      await echo.ended;
    });
  });

  test("says how it has failed when the server crashes, and starts again without its program", async () => {
    await onBadNetwork(["client", "server"], async (_network, { client, server }) => {
      await server.run(() => listen(PORT)); // Takes no client.
      const request = startExample(client, "cancellable-request", `server:${PORT}`, "Hi!", 600_000);
      await sleep(10_000);
      server.crash();
      server.restart();
      const refused = startExample(client, "cancellable-request", `server:${PORT}`, "Hi!", 600_000);
      await refused.ended;
      expect(refused.output).toEqual([expect.stringMatching(/^failed: .*\(ECONNREFUSED\)$/)]);
      await request.ended;
      expect(request.output).toEqual([expect.stringMatching(/^too late: read .*60000 ms/)]);
    });
  });
});

test("the members of the JSON chat read what each other one types, in order, until the server crashes", async () => {
  await onBadNetwork(["ada", "bob", "server"], async (network, { ada, bob, server }) => {
    let program = await startServer(server, "json-chat", "serve");
    const members = [ada, bob].map((host) =>
      startExample(host, "json-chat", "join", host.name, `server:${PORT}`),
    );
    await sleep(10_000);
    const healed = partition(network, bob, server, 8_000, 30);
    for (let at = 0; at < 20; at++) {
      for (const { stdin } of members) stdin.write(`line ${String(at)}\n`);
      await sleep(5);
    }
    await sleep(60_000);
    await healed;
    const [first, second] = members.map(({ output }) => output);
    expect(first).toEqual(Array.from({ length: 20 }, (_, at) => `bob: line ${String(at)}`));
    expect(second).toEqual(Array.from({ length: 20 }, (_, at) => `ada: line ${String(at)}`));
    server.crash();
    server.restart();
    for (const { stdin } of members) stdin.write("is anybody there?\n");
    for (const { ended } of members) expect(await failure(ended)).toMatchObject({ code: "ECONNRESET" });

    program = await startServer(server, "json-chat", "serve");
    const last = startExample(ada, "json-chat", "join", "ada", `server:${PORT}`);
    await sleep(10_000);
    last.stdin.end("good bye\n");
    await last.ended;
    program.kill("SIGINT");
    await program.ended;
  });
});

describe("the JSON protocol", () => {
  test("each call has its own answer, through a partition", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const program = await startServer(server, "json-protocol", "serve");
      const calls = Array.from({ length: 10 }, (_, at) =>
        startExample(client, "json-protocol", "call", `server:${PORT}`, "add", at, 100),
      );
      await partition(network, client, server, 5_000, 30);
      await Promise.all(calls.map(({ ended }) => ended));
      expect(calls.map(({ output }) => output)).toEqual(calls.map((_, at) => [String(at + 100)]));
      const wrong = startExample(client, "json-protocol", "call", `server:${PORT}`, "add", '"a"');
      await wrong.ended;
      expect(wrong.output).toEqual(["add takes numbers"]);
      program.kill("SIGINT");
      await program.ended;
    });
  });

  test("a call to a server that has crashed fails with a code, and the next one is served", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      await startServer(server, "json-protocol", "serve");
      network.link(client, server, { latency: 1_000, loss: 0 });
      const call = startExample(client, "json-protocol", "call", `server:${PORT}`, "add", 1, 2);
      await sleep(3_000); // The request is on its way.
      server.crash();
      server.restart();
      await call.ended;
      expect(call.output).toEqual([expect.stringMatching(/^read .*\(ECONNRESET\)$/)]);
      expect(call.exitCode).toBe(1);
      const refused = startExample(client, "json-protocol", "call", `server:${PORT}`, "add", 1, 2);
      await refused.ended;
      expect(refused.output).toEqual([expect.stringMatching(/\(ECONNREFUSED\)$/)]);
      const again = await startServer(server, "json-protocol", "serve");
      const next = startExample(client, "json-protocol", "call", `server:${PORT}`, "add", 1, 2);
      await next.ended;
      expect(next.output).toEqual(["3"]);
      again.kill("SIGINT");
      await again.ended;
    });
  });
});

describe("the probe", () => {
  /** What the example subscribes to would be told of all connections of this thread from then on. */
  afterEach(() => {
    let found = 0;
    for (const name of ["lookup", "attempt:start", "attempt:fail", "attempt:lose", "attempt:win"]) {
      const channel = diagnostics.channel(`tcp6:${name}`) as diagnostics.Channel & {
        // Not documented: who subscribes does not say so otherwise.
        readonly _subscribers?: readonly diagnostics.ChannelListener[];
      };
      for (const told of [...(channel._subscribers ?? [])]) {
        if (diagnostics.unsubscribe(channel.name, told)) found++;
      }
      expect(channel.hasSubscribers).toBe(false);
    }
    expect(found).toBeGreaterThan(0);
  });

  test("draws how each address ended, behind a partition, too", async () => {
    await onBadNetwork([], async (network) => {
      const client = network.host("client");
      const server = network.host("server", { addresses: ["fd00::7", "10.0.0.7"] });
      const listener = await server.run(() => listen(`10.0.0.7:${PORT}`));
      const program = startExample(client, "probe", "server", PORT);
      await program.ended;
      const chart = program.output.join("\n");
      expect(chart).toMatch(/^lookup +\| +0 to +\d+ ms: 2 found$/m);
      expect(chart).toMatch(/^fd00::7 +=*x .* ms: ECONNREFUSED$/m);
      expect(chart).toMatch(/^10\.0\.0\.7 +=*> .* ms: connected$/m);
      expect(chart).toMatch(/^connected to 10\.0\.0\.7, port 4242$/m);
      network.partition(client, server);
      const late = startExample(client, "probe", "server", PORT, "--timeout", 5_000);
      await late.ended;
      expect(late.output.join("\n")).toMatch(/^10\.0\.0\.7 .* to 5000 ms: given up$/m);
      expect(late.exitCode).toBe(1);
      network.heal(client, server);
      await listener.close();
    });
  });
});

describe("HTTP", () => {
  /** A server of node:http over connections of this library. */
  async function serveHttp(signal: AbortSignal): Promise<void> {
    const server = createServer((request, response) =>
      response.end(`you have asked for ${String(request.url)}`),
    );
    const listener = await listen(PORT);
    await serve(
      listener,
      async ({ duplex, closed }) => {
        server.emit("connection", duplex);
        await closed.catch(() => undefined);
      },
      { signal, grace: 0 },
    );
  }

  test("the agent's requests and those over a duplex are answered through a partition", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const stop = new AbortController();
      const served = server.run(() => serveHttp(stop.signal));
      const url = `http://server:${PORT}/page`;
      for (const [name, ...args] of [
        ["http-over-duplex", 60_000],
        ["http-agent", 3, 60_000],
      ] as const) {
        const program = startExample(client, name, url, ...args);
        await partition(network, client, server, 3_000, 30);
        await program.ended;
        expect(program.output[0]).toMatch(/^200 OK, 24 bytes/);
        expect(program.exitCode).toBeUndefined();
      }
      network.partition(client, server);
      const late = startExample(client, "http-over-duplex", url, 5_000);
      await late.ended;
      expect(late.output).toEqual([expect.stringMatching(/^connect .*5000 ms/)]);
      network.heal(client, server);
      stop.abort();
      await served;
    });
  });
});

describe.each(["gzip-file", "gzip-web"])("%s", (name) => {
  let directory: string;

  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "tcp6-simulated-"))));
  afterEach(() => rmSync(directory, { recursive: true }));

  test("a file arrives as it is, through a partition", async () => {
    const [source, target] = [join(directory, "source"), join(directory, "target")];
    const text = Array.from({ length: 20_000 }, (_, at) => `line ${String(at * at)}\n`).join("");
    writeFileSync(source, text);
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const receiver = await startServer(server, name, "receive", target);
      const sender = startExample(client, name, "send", source, `server:${PORT}`);
      await partition(network, client, server, 5_000, 60);
      // What is lost is sent again later and later: the receiver would not wait for that.
      network.link(client, server, { loss: 0 });
      await Promise.all([receiver.ended, sender.ended]);
      expect(sender.output).toEqual([expect.stringMatching(`bytes received, a file of ${text.length}$`)]);
      expect(readFileSync(target, "utf8")).toBe(text);
      rmSync(target);
    });
  });

  test("half a file is never taken for the whole: the receiver's host crashes", async () => {
    const [source, target] = [join(directory, "source"), join(directory, "target")];
    writeFileSync(source, Array.from({ length: 20_000 }, () => `line ${String(Math.random())}\n`).join(""));
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      network.link(client, server, { bandwidth: 20_000 });
      await startServer(server, name, "receive", target);
      const sender = startExample(client, name, "send", source, `server:${PORT}`);
      await sleep(3_000);
      server.crash();
      server.restart();
      await sender.ended;
      // It may still have been connecting.
      expect(sender.output).toEqual([expect.stringMatching(/ECONNRESET|ECONNREFUSED/)]);
      expect(sender.exitCode).toBe(1);
      expect(existsSync(target)).toBe(false);
    });
  });
});
