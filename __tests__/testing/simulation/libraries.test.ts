/** Node's streams, and packages about time and cancellation, over simulated connections that are cut, lossy and lost. */
import { all, delay, race, retry } from "abort-controller-x";
import pTimeout from "p-timeout";
import { randomBytes } from "node:crypto";
import { setTimeout as namedSleep } from "node:timers/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { CompressionStream, DecompressionStream } from "node:stream/web";
import { createGunzip, createGzip } from "node:zlib";
import {
  connect,
  connectDuplex,
  connectTo,
  listen,
  NetError,
  relay,
  resolve,
  serve,
} from "../../../src/index.js";
import type { Connection, Listener } from "../../../src/index.js";
import { simulate, type Host } from "../../../src/testing/index.js";
import { onBadNetwork, partition, sleep } from "../../support/bad-network.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";
import { errorOf, failure } from "../../support/outcomes.js";

const HOSTS = ["client", "server"] as const;
const FOREVER = { readTimeout: Infinity, writeTimeout: Infinity };
const LINES = Array.from({ length: 10_000 }, (_, at) => `line ${String(at)}\n`);
const TEXT = LINES.join("");
const CHUNKS = Array.from({ length: 20 }, (_, at) => LINES.slice(at * 500, (at + 1) * 500).join(""));

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}

/** Listens on a host before anything else happens. */
function listenOn(host: Host, options = {}): Promise<Listener> {
  return host.run(() => listen(7, { ...FOREVER, ...options }));
}

describe("Node's streams", () => {
  test("pipelines with gzip carry everything through a partition, from Readable.from to an async iterator", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const listener = await listenOn(server);
      const received = server.run(async () => {
        await using connection = await listener.accept();
        let text = "";
        await pipeline(connection.duplex, createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) text += chunk.toString("latin1");
        });
        return text;
      });
      const sent = client.run(async () => {
        await using connection = await connect("server", 7);
        await pipeline(Readable.from(CHUNKS), createGzip(), connection.duplex);
      });
      await Promise.all([sent, partition(network, client, server, 5_000, 80)]);
      expect((await received) === TEXT).toBe(true);
      await listener.close();
    });
  });

  test("a pipeline fails at both ends when the other host is lost, and half of it is no whole", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      network.link(client, server, { bandwidth: 20_000 });
      const listener = await listenOn(server);
      // To be kept by no compression.
      const bytes = randomBytes(200_000);
      const received = client.run(async () => {
        const connection = await connect("server", 7, { ...FOREVER, keepAlive: { delay: 10_000 } });
        await pipeline(connection.duplex, createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
          for await (const chunk of chunks) expect(chunk.length).toBeGreaterThan(0);
        });
      });
      const connection = await listener.accept();
      const sent = server.run(() => pipeline(Readable.from([bytes]), createGzip(), connection.duplex));
      await sleep(2_000);
      network.partition(client, server);
      const errors = await Promise.all([errorOf(received), errorOf(sent)]);
      expect(errors.map(({ code }) => code)).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
      network.heal(client, server);
      await listener.close();
    });
  });

  test("web streams with compression carry everything, and fail when the other host starts again", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const listener = await listenOn(server);
      const received = server.run(async () => {
        await using connection = await listener.accept();
        const { readable } = connection;
        return await new Response(readable.pipeThrough(new DecompressionStream("gzip")) as never).text();
      });
      const sent = client.run(async () => {
        await using connection = await connect("server", 7);
        const source = ReadableStream.from(CHUNKS).pipeThrough(new TextEncoderStream());
        await source.pipeThrough(new CompressionStream("gzip")).pipeTo(connection.writable);
      });
      await Promise.all([sent, partition(network, client, server, 5_000, 80)]);
      expect((await received) === TEXT).toBe(true);

      const { readable, writable } = await client.run(() => connect("server", 7));
      await writable.getWriter().write(Buffer.from("hello"));
      server.crash();
      server.restart();
      const error = await failure(readable.getReader().read());
      expect(error).toMatchObject({ code: "ECONNRESET" });
      await listener.close();
    });
  });
});

describe("relay between three hosts", () => {
  test.each(["client", "server"])("the %s ends its side first, and the other side goes on", async (first) => {
    await onBadNetwork(["client", "middle", "server"], async (network, { client, middle, server }) => {
      const listeners = [await listenOn(server), await listenOn(middle)] as const;
      const relayed = middle.run(async () =>
        relay(await listeners[1].accept(), await connect("server", 7, FOREVER)),
      );
      const near = await client.run(() => connect("middle", 7, FOREVER));
      const far = await listeners[0].accept();
      const [one, other] = first === "client" ? [near, far] : [far, near];
      const cuts = [
        partition(network, client, middle, 4_000, 30),
        partition(network, middle, server, 4_000, 2_000),
      ];
      await one.write("a question");
      await one.closeWrite();
      expect(String(await other.readAll())).toBe("a question");
      await other.write(TEXT);
      await other.closeWrite();
      expect(String(await one.readAll()) === TEXT).toBe(true);
      const sizes = ["a question".length, TEXT.length];
      expect(await relayed).toEqual(first === "client" ? sizes : sizes.reverse());
      await Promise.all([
        ...cuts,
        near.close(),
        far.close(),
        ...listeners.map((listener) => listener.close()),
      ]);
    });
  });

  test("when the host in the middle is lost, both sides are told once they ask", async () => {
    await onBadNetwork(["client", "middle", "server"], async (_network, { client, middle, server }) => {
      const listeners = [await listenOn(server), await listenOn(middle)] as const;
      const relayed = middle.run(async () =>
        relay(await listeners[1].accept(), await connect("server", 7, FOREVER)),
      );
      const near = await client.run(() => connect("middle", 7, FOREVER));
      const far = await listeners[0].accept();
      await near.writeLine("hello");
      expect(await far.readLine()).toBe("hello");
      middle.crash();
      middle.restart();
      expect(await failure(relayed)).toMatchObject({ code: "ERR_HOST_CRASHED" });
      await Promise.all([near.writeLine("?"), far.writeLine("?")]);
      const errors = await Promise.all([failure(near.readLine()), failure(far.readLine())]);
      expect(errors).toEqual([0, 1].map(() => expect.objectContaining({ code: "ECONNRESET" }) as unknown));
      await listeners[0].close();
    });
  });
});

describe("packages about time and cancellation", () => {
  test("retry goes on through a partition and a crash until there is a server again", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const { signal } = new AbortController();
      const failures: unknown[] = [];
      const connecting = client.run(() =>
        retry(signal, (each) => connect("server", 7, { timeout: 5_000, signal: each }), {
          ...{ baseMs: 1_000, maxDelayMs: 10_000, maxAttempts: Infinity },
          onError: (error) => void failures.push(error),
        }),
      );
      await sleep(10_000);
      server.crash();
      await sleep(30_000);
      server.restart();
      network.partition(client, server);
      const listener = await listenOn(server);
      await sleep(30_000);
      network.heal(client, server);
      const connection = await connecting;
      expect(new Set(failures.map((error) => (error as NetError).code))).toEqual(
        new Set(["ECONNREFUSED", "ETIMEDOUT"]),
      );
      connection.reset();
      await listener.close();
    });
  });

  test("race and all end the calls that have lost, and leave nothing", async () => {
    await onBadNetwork(["client", "silent", "server"], async (network, { client, silent, server }) => {
      const listener = await listenOn(server);
      network.partition(client, silent);
      const { signal } = new AbortController();
      const start = network.now;
      const winner = await client.run(() =>
        race(signal, (each) => [
          connect("silent", 7, { signal: each, timeout: Infinity }),
          connect("server", 7, { signal: each, ...FOREVER }),
        ]),
      );
      expect(server.addresses).toContain(winner.remoteAddress);
      expect(network.now - start).toBeLessThan(30_000);
      const mistake = new Error("on purpose");
      const both = all(signal, (each) => [
        client.run(() => winner.readLine({ signal: each, timeout: Infinity })),
        delay(each, 60_000).then(() => Promise.reject(mistake)),
      ]);
      expect(await failure(both)).toBe(mistake);
      // The read was aborted, and has taken nothing.
      const accepted = await listener.accept();
      await accepted.writeLine("still here");
      expect(await winner.readLine()).toBe("still here");
      await Promise.all([winner.close(), accepted.close(), listener.close()]);
    });
  });

  test("AbortSignal.timeout and AbortSignal.any end connects and reads at their time", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const listener = await listenOn(server);
      const cancel = new AbortController();
      const connection = await client.run(() => connect("server", 7, FOREVER));
      const start = network.now;
      const signal = AbortSignal.any([cancel.signal, AbortSignal.timeout(40_000)]);
      expect(await failure(client.run(() => connection.readLine({ signal })))).toMatchObject({
        code: "ETIMEDOUT",
      });
      expect(network.now - start).toBe(40_000);
      network.partition(client, server);
      const connecting = client.run(() =>
        connect("server", 7, {
          signal: AbortSignal.any([cancel.signal, AbortSignal.timeout(40_000)]),
          timeout: Infinity,
        }),
      );
      const reason = new Error("cancelled");
      void namedSleep(10_000).then(() => cancel.abort(reason));
      expect(await failure(connecting)).toBe(reason);
      expect(network.now - start).toBe(50_000);
      const late = pTimeout(
        client.run(() => connection.read()),
        { milliseconds: 5_000, message: "too slow" },
      );
      expect(await errorOf(late)).toMatchObject({ name: "TimeoutError", message: "too slow" });
      expect(network.now - start).toBe(55_000);
      network.heal(client, server);
      connection.reset();
      await listener.close();
    });
  });
});

describe("other ways to connect", () => {
  test("resolve finds the addresses of a host, and connectTo goes past those that are lost", async () => {
    await simulate({ seed: 1 }, async (network) => {
      const client = network.host("client");
      const [one, two] = ["one", "two"].map((name, at) =>
        network.host(name, { addresses: [`10.1.1.${String(at)}`] }),
      ) as [Host, Host];
      const listener = await listenOn(two);
      network.partition(client, one);
      const connection = await client.run(async () => {
        const addresses = [...(await resolve("one", 7)), ...(await resolve("two", 7))];
        expect(addresses.map(({ address, port }) => `${address}:${String(port)}`)).toEqual([
          "10.1.1.0:7",
          "10.1.1.1:7",
        ]);
        expect(await failure(resolve("three", 7))).toMatchObject({ code: "ENOTFOUND" });
        return await connectTo(addresses, { attemptDelay: 100 });
      });
      expect(connection.remoteAddress).toBe("10.1.1.1");
      expect(network.now).toBeLessThan(200);
      const parts = [{ host: "two", port: 7 }, "two:7", "10.1.1.1:7"] as const;
      for (const endpoint of parts) {
        await using again = await client.run(() =>
          typeof endpoint === "string" ? connect(endpoint) : connect(endpoint),
        );
        expect(again.remotePort).toBe(7);
      }
      connection.reset();
      await listener.close();
    });
  });

  test("connectDuplex carries everything through a partition, and fails with what was tried", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const stop = new AbortController();
      const done = server.run(async () => serve(await listen(7), echo, { signal: stop.signal, grace: 0 }));
      await sleep(1);
      const cut = partition(network, client, server, 5_000, 10);
      const text = await client.run(async () => {
        const duplex = connectDuplex({ host: "server", port: 7 });
        const [all] = await Promise.all([
          new Response(duplex as never).text(),
          pipeline(Readable.from(CHUNKS), duplex),
        ]);
        return all;
      });
      expect(text === TEXT).toBe(true);
      await cut;
      network.partition(client, server);
      const duplex = await client.run(() => connectDuplex({ host: "server", port: 7 }, { timeout: 5_000 }));
      expect(await failure(pipeline(Readable.from(["hello"]), duplex))).toMatchObject({
        code: "ETIMEDOUT",
        operation: "connect",
      });
      network.heal(client, server);
      stop.abort();
      await done;
    });
  });
});

test("what a peer sends is bounded by its reader's pace, also across a network", async () => {
  await simulate({ seed: 1, timeLimit: Infinity }, async (network) => {
    const [client, server] = [network.host("client"), network.host("server")];
    const listener = await listenOn(server);
    const connection = await client.run(() => connect("server", 7, FOREVER));
    const line = "x".repeat(999);
    let written = 0;
    const writing = client.run(async () => {
      for (; written < 2_000; written++) await connection.writeLine(line);
      await connection.closeWrite();
    });
    const accepted = await listener.accept();
    let read = 0;
    let most = 0;
    for await (const one of accepted.lines()) {
      expect(one.length).toBe(line.length);
      read++;
      if (read % 20 === 0) await sleep(50);
      most = Math.max(most, written - read);
    }
    await writing;
    expect(read).toBe(2_000);
    // In the kernels of both hosts, and in the memory of both connections.
    expect(most).toBeLessThan(500);
    await Promise.all([connection.close(), accepted.close(), listener.close()]);
  });
});

describe("TLS", () => {
  const tls = { ca: AUTHORITY, servername: "localhost" };

  test("a handshake and what follows it come through loss and a partition; one that cannot ends in time", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const stop = new AbortController();
      const done = server.run(async () => {
        const listener = await listen(7, { tls: LOCALHOST });
        await serve(listener, echo, { signal: stop.signal, grace: 0, onError: () => undefined });
      });
      await sleep(1);
      const cut = partition(network, client, server, 5_000, 20);
      const connection = await client.run(() => connect("server", 7, { tls, timeout: 60_000 }));
      await cut;
      await connection.writeLine("over TLS");
      expect(await connection.readLine()).toBe("over TLS");
      expect(connection.tls?.protocol).toBe("TLSv1.3");
      const untrusted = client.run(() => connect("server", 7, { tls: { servername: "localhost" } }));
      expect((await errorOf(untrusted)).code).toMatch(/CERT|SIGNATURE/);
      await connection.close();

      network.link(client, server, { latency: 100, jitter: 0, loss: 0 });
      const begun = client.run(() => connect("server", 7, { tls, timeout: 5_000 }));
      await sleep(250); // It is connected, and the handshake is under way.
      network.partition(client, server);
      expect(await failure(begun)).toMatchObject({ code: "ETIMEDOUT" });
      network.heal(client, server);
      stop.abort();
      await done;
    });
  });

  test("startTls goes over to TLS, and is reset with a server that crashes in the handshake", async () => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const listener = await listenOn(server);
      const serving = server.run(async () => {
        const plain = await listener.accept();
        await plain.writeLine((await plain.readLine()) ?? "");
        await using secure = await plain.startTls({ isServer: true, ...LOCALHOST });
        await secure.writeLine((await secure.readLine()) ?? "");
      });
      const plain = await client.run(() => connect("server", 7, FOREVER));
      await plain.writeLine("STARTTLS");
      expect(await plain.readLine()).toBe("STARTTLS");
      const secure = await client.run(() => plain.startTls(tls));
      await secure.writeLine("hello");
      expect(await secure.readLine()).toBe("hello");
      await Promise.all([secure.close(), serving]);

      network.link(client, server, { latency: 100, jitter: 0, loss: 0 });
      const other = await client.run(() => connect("server", 7, FOREVER));
      const starting = client.run(() => other.startTls(tls));
      await sleep(50);
      server.crash();
      server.restart();
      expect(await failure(starting)).toMatchObject({ code: "ECONNRESET" });
      await listener.close();
    });
  });
});
