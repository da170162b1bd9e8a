import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { connect, listen, NetTimeoutError, serve, type Connection, type Handler } from "../../src/index.js";
import { until } from "../support/outcomes.js";
import { closeAll, endOf, keep } from "../support/peers.js";
import { endServices, service } from "../support/service.js";

afterEach(async () => {
  await closeAll();
  await endServices();
});

/** The address of the clients whose handler is bad. */
const FROM = "127.0.0.2";

const echo: Handler = async (connection) => {
  for await (const line of connection.lines()) await connection.writeLine(line);
};

/** A handler that is bad to the clients of one address. */
function badTo(bad: (connection: Connection) => void | Promise<void>): Handler {
  return (connection, context) =>
    connection.remoteAddress === FROM ? bad(connection) : echo(connection, context);
}

function clientsOf(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () =>
    keep(netConnect({ port, host: "127.0.0.1", localAddress: FROM })).on("error", () => undefined),
  );
}

/** Has a client of another address get an answer. */
async function served(port: number): Promise<void> {
  const client = keep(await connect("127.0.0.1", port));
  await client.writeLine("hello");
  expect(await client.readLine()).toBe("hello");
  await client.close();
}

test("300 idle connections and 100 that ask are served at once, and when they have left nothing stays", async () => {
  const { listener, port, errors } = await service(echo, {}, { maxConnections: 400 });
  const clients = clientsOf(port, 400);
  await until(() => listener.stats.accepted === 400);
  const ends = await Promise.all(clientsOf(port, 20).map(endOf));
  expect(new Set(ends)).toEqual(new Set(["ECONNRESET"]));
  await Promise.all(
    clients.slice(0, 100).map(async (client) => {
      for (let asked = 0; asked < 5; asked++) {
        client.write(`${asked}\n`);
        const [answer] = (await once(client, "data")) as [Buffer];
        expect(answer.toString()).toBe(`${asked}\n`);
      }
    }),
  );
  for (const client of clients) client.destroy();
  await until(() => listener.connections === 0);
  await served(port);
  expect(errors).toEqual([]);
  expect(listener.stats).toMatchObject({ accepted: 401, dropped: 0, refused: { maxConnections: 20 } });
});

test("of 300 clients whose handler never returns perAddress bounds the number, and others are served", async () => {
  const never = (): Promise<void> => new Promise(() => undefined);
  const { listener, port, stop, done, errors } = await service(badTo(never), { perAddress: 100, grace: 10 });
  const ends = clientsOf(port, 300).map(endOf);
  await until(() => listener.stats.refused.perAddress === 200);
  expect(listener.connections).toBe(100);
  await served(port);
  stop.abort();
  await done;
  expect(await Promise.all(ends)).toEqual(Array<string>(300).fill("ECONNRESET"));
  expect([listener.connections, errors.length]).toEqual([0, 0]);

  const again = keep(await listen(port, { host: "127.0.0.1" }));
  const servedAgain = serve(again, echo);
  await served(port);
  await again.close();
  await servedAgain;
});

test("with a handler that never returns, concurrency and the backlog bound the clients", async () => {
  const never = (): Promise<void> => new Promise(() => undefined);
  const { listener, port, stop, done } = await service(
    never,
    { concurrency: 50, grace: 0 },
    { backlog: 100 },
  );
  const ends: Promise<string>[] = [];
  // In batches for which the kernel has room: its queue is as long as the backlog.
  while (ends.length < 300) {
    ends.push(...clientsOf(port, 50).map(endOf));
    await until(() => listener.connections + listener.dropped === ends.length);
  }
  expect(listener.stats).toMatchObject({ accepted: 50, open: 50, dropped: 150 });
  expect(listener.pending).toBe(100);
  stop.abort();
  await done;
  expect(await Promise.all(ends)).toEqual(Array<string>(300).fill("ECONNRESET"));
  expect(listener.connections).toBe(0);
});

test("300 handlers that throw at once are reported, their clients are reset, and others are served", async () => {
  const { listener, port, errors } = await service(
    badTo(() => {
      throw new Error("a fault");
    }),
  );
  const ends = clientsOf(port, 300).map(endOf);
  await served(port);
  expect(await Promise.all(ends)).toEqual(Array<string>(300).fill("ECONNRESET"));
  expect(errors.map((error) => (error as Error).message)).toEqual(Array<string>(300).fill("a fault"));
  await until(() => listener.connections === 0);
  await served(port);
});

test("a handler that writes to peers that never read waits, fails when its time is up, and others are served", async () => {
  const chunk = Buffer.alloc(64 * 1_024);
  const write = async (connection: Connection): Promise<void> => {
    for (;;) await connection.write(chunk);
  };
  const { listener, port, errors } = await service(badTo(write), {}, { writeTimeout: 100 });
  const clients = clientsOf(port, 10);
  await until(() => listener.stats.accepted === 10);
  await served(port);
  await until(() => errors.length === 10);
  for (const error of errors) {
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ operation: "write" });
  }
  await until(() => listener.connections === 0);
  await served(port);
  clients.forEach((client) => client.destroy());
});
