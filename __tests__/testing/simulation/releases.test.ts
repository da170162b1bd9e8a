/**
 * The same seed gives the same log on every release of Node.js: all of them are held against one digest.
 *
 * The digest changes with the story below, and with whatever the library or the simulation does in another order than
 * before. Then the message of the failure has the new one. It has to be the same on all releases that CI runs.
 */
import { createHash } from "node:crypto";
import timersPromises from "node:timers/promises";
import {
  connect,
  framed,
  jsonLines,
  listen,
  relay,
  requests,
  serve,
  type Connection,
  type Requests,
} from "../../../src/index.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";

/** Failures are on purpose here; clients write down what has failed. */
function onError(): void {
  // The other end tells.
}

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}

/** Answers requests out of their order, some of them after a while. */
async function answer(connection: Connection): Promise<void> {
  const messages = framed(connection, jsonLines<{ id: number }>());
  for await (const { id } of messages) {
    const ms = Math.floor(Math.random() * 400);
    setTimeout(() => void messages.send({ id }).catch(onError), ms);
  }
}

function clientOf(connection: Connection): Requests<{ id: number }, { id: number }> {
  const match = { request: ({ id }: { id: number }) => id, reply: ({ id }: { id: number }) => id };
  return requests(framed(connection, jsonLines<{ id: number }>()), { match });
}

/** What a promise settles with, as a word. */
async function wordFor(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    (value) => (value === null ? "end" : "done"),
    (error: unknown) => (error as { code?: string; name: string }).code ?? (error as Error).name,
  );
}

/** Hosts that dial, lose packets, relay, crash, stall and wait for each other. Resolves to what they have seen, line by line. */
async function story(network: Network): Promise<string> {
  const lines: string[] = [];
  const [client, middle] = [network.host("client"), network.host("middle")];
  const server = network.host("server", { addresses: ["2001:db8::1", "2001:db8::2", "203.0.113.1"] });
  const dark = network.host("dark", { addresses: ["2001:db8::d"] });
  network.link(client, middle, { loss: 0.05, jitter: 20 });
  network.link(middle, server, { loss: 0.02, bandwidth: 1_000_000 });
  network.partition(client, dark);
  const program = async (host: Host, name: string, act: () => Promise<unknown>): Promise<void> => {
    const word = await wordFor(host.run(act));
    lines.push(`${String(network.now)} ${name}: ${word}`);
  };
  const start = async (): Promise<void> => {
    await server.run(async () => {
      void serve(await listen(7), echo, { onError });
      void serve(await listen(8), answer, { onError });
    });
  };
  await start();
  await middle.run(async () => {
    const front = async (inbound: Connection): Promise<void> => {
      await relay(inbound, await connect("server", 7));
    };
    void serve(await listen(7), front, { onError });
  });
  const lookup = async (): Promise<string[]> =>
    await Promise.resolve(["2001:db8::d", "192.0.2.9", "203.0.113.1", "2001:db8::2"]);
  const programs = [
    ...[1, 2, 3].map((number) =>
      program(client, `transfer ${String(number)}`, async () => {
        await timersPromises.setTimeout(number * 100);
        await using connection = await connect("middle", 7, { readTimeout: 20_000 });
        const sent = Buffer.alloc(Math.floor(Math.random() * 300_000), number);
        const write = async (): Promise<void> => {
          await connection.write(sent);
          await connection.closeWrite();
        };
        const [received] = await Promise.all([connection.readAll(), write()]);
        lines.push(`${String(received.length)} of ${String(sent.length)} bytes have come back`);
      }),
    ),
    program(client, "race", async () => {
      await using connection = await connect("any.example", 7, { lookup });
      lines.push(`${String(connection.remoteAddress)} has won`);
      await connection.writeLine("hello");
      return await connection.readLine();
    }),
    ...[1, 2, 3, 4].map((caller) =>
      program(client, `caller ${String(caller)}`, async () => {
        await using callers = clientOf(await connect("server", 8));
        const calls = [1, 2, 3, 4, 5, 6].map((id) => {
          const signal = AbortSignal.timeout(150 * id);
          return wordFor(callers.request({ id }, id % 2 === 0 ? { signal } : { timeout: 300 }));
        });
        lines.push((await Promise.all(calls)).join(" "));
      }),
    ),
    program(client, "silence", () => connect("dark", 7, { timeout: 2_500 })),
    program(client, "heartbeat", async () => {
      await using connection = await connect("server", 7, { readTimeout: 3_000 });
      for await (const tick of timersPromises.setInterval(700, "tick")) {
        await connection.writeLine(tick);
        await connection.readLine();
      }
    }),
  ];
  await timersPromises.setTimeout(400);
  network.partition(client, middle);
  await timersPromises.setTimeout(2_600);
  network.heal(client, middle);
  middle.stall(1_500);
  await timersPromises.setTimeout(5_000);
  server.crash();
  await timersPromises.setTimeout(1_000);
  server.restart();
  await start();
  await Promise.all(programs);
  return [...network.log, ...lines].join("\n");
}

test("the log of a seed is the same on every release of Node.js", async () => {
  const hash = createHash("sha256");
  for (const seed of [1, 2, 3]) hash.update(await simulate({ seed, latency: [1, 30] }, story));
  expect(hash.digest("hex")).toBe("be769cbd7e008be770bf2993cb0207ba504e6774d3f6c5fb44373c491fe0e229");
});
