/** `serve` and its grace on a network that is cut, slow and lossy. */
import { connect, listen, NetError, serve, type Connection } from "../../../src/index.js";
import type { Handler, ServeOptions } from "../../../src/index.js";
import type { Host } from "../../../src/testing/index.js";
import { onBadNetwork, sleep } from "../../support/bad-network.js";
import { failure } from "../../support/outcomes.js";

interface Served {
  readonly stop: AbortController;
  readonly done: Promise<void>;
  readonly errors: unknown[];
}

function startService(host: Host, handler: Handler, options: ServeOptions = {}): Served {
  const stop = new AbortController();
  const errors: unknown[] = [];
  const onError = (error: unknown): void => void errors.push(error);
  const done = host.run(async () =>
    serve(await listen(7, { readTimeout: Infinity }), handler, { signal: stop.signal, onError, ...options }),
  );
  return { stop, done, errors };
}

async function connectFrom(host: Host): Promise<Connection> {
  await sleep(1);
  return await host.run(() => connect("server", 7, { readTimeout: Infinity }));
}

/** Resolves once a handler has the connection: one that still waits in the queue of the listener would be reset. */
async function greet(connection: Connection): Promise<void> {
  await connection.writeLine("hello");
  expect(await connection.readLine()).toBe("hello");
}

async function echo(connection: Connection): Promise<void> {
  for await (const line of connection.lines()) await connection.writeLine(line);
}

const HOSTS = ["client", "server"] as const;

test("the grace ends behind a partition as it does without one; the client is told once it asks", async () => {
  await onBadNetwork(HOSTS, async (network, { client, server }) => {
    const { stop, done, errors } = startService(server, echo, { grace: 60_000 });
    const connection = await connectFrom(client);
    await greet(connection);
    network.partition(client, server);
    const start = network.now;
    stop.abort();
    await done;
    expect(network.now - start).toBe(60_000);
    expect(errors).toEqual([]);
    network.heal(client, server);
    await connection.writeLine("after");
    expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
  });
});

test("a conversation that ends within the grace loses nothing, though a partition holds for most of it", async () => {
  await onBadNetwork(HOSTS, async (network, { client, server }) => {
    const { stop, done, errors } = startService(server, echo, { grace: 300_000 });
    const connection = await connectFrom(client);
    await greet(connection);
    const lines = Array.from({ length: 50 }, (_, at) => `line ${String(at)}`);
    const received = (async () => {
      const all: string[] = [];
      for await (const line of connection.lines()) all.push(line);
      return all;
    })();
    for (const line of lines.slice(0, 10)) await connection.writeLine(line);
    await sleep(20);
    stop.abort();
    network.partition(client, server);
    for (const line of lines.slice(10)) await connection.writeLine(line);
    await connection.closeWrite();
    await sleep(30_000);
    network.heal(client, server);
    expect(await received).toEqual(lines);
    await done;
    expect(errors).toEqual([]);
  });
});

test.each(["the signal is aborted a second time", "closeOn is aborted"])(
  "%s: the grace is over at once",
  async (how) => {
    await onBadNetwork(HOSTS, async (network, { client, server }) => {
      const [stop, force] = [new AbortController(), new AbortController()];
      const done = server.run(async () => {
        const listener = await listen(7, { readTimeout: Infinity, closeOn: force.signal });
        await serve(listener, echo, { signal: stop.signal, grace: Infinity });
      });
      const connection = await connectFrom(client);
      network.link(client, server, { loss: 0 });
      stop.abort();
      await sleep(600_000);
      const start = network.now;
      if (how.startsWith("closeOn")) force.abort();
      else stop.signal.dispatchEvent(new Event("abort"));
      await done;
      expect(network.now - start).toBeLessThan(2);
      expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
    });
  },
);

test("a handler that ignores its signal is not waited for, and reaches its client no more", async () => {
  await onBadNetwork(HOSTS, async (network, { client, server }) => {
    const later: unknown[] = [];
    const { stop, done, errors } = startService(
      server,
      async (connection, { signal }) => {
        await connection.writeLine((await connection.readLine()) ?? "");
        await sleep(600_000);
        later.push(signal.aborted, await failure(connection.writeLine("too late")));
        throw new Error("of a handler that nothing waits for");
      },
      { grace: 5_000 },
    );
    const connection = await connectFrom(client);
    await greet(connection);
    network.link(client, server, { loss: 0 });
    const start = network.now;
    stop.abort();
    await done;
    expect(network.now - start).toBe(5_000);
    expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
    await sleep(600_000);
    expect(later).toEqual([true, expect.objectContaining({ code: "ERR_CLOSED" })]);
    expect(errors).toEqual([expect.objectContaining({ message: "of a handler that nothing waits for" })]);
  });
});

test("a limit of connections has its room back when clients are lost behind a partition, by keep-alive", async () => {
  await onBadNetwork(["lost", "client", "server"], async (network, { lost, client, server }) => {
    const stop = new AbortController();
    const codes: unknown[] = [];
    const done = server.run(async () => {
      await serve(await listen(7, { readTimeout: Infinity, keepAlive: { delay: 30_000 } }), echo, {
        ...{ signal: stop.signal, grace: 1_000, concurrency: 2 },
        onError: (error) => void codes.push(error instanceof NetError ? error.code : error),
      });
    });
    const gone = [await connectFrom(lost), await connectFrom(lost)];
    for (const connection of gone) await greet(connection);
    lost.crash();
    const connection = await connectFrom(client);
    const start = network.now;
    await connection.writeLine("is there room?");
    expect(await connection.readLine()).toBe("is there room?");
    expect(network.now - start).toBeLessThan(900_000);
    expect(codes).toContain("ETIMEDOUT");
    await connection.close();
    stop.abort();
    await done;
  });
});
