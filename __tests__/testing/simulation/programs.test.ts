import timersPromises from "node:timers/promises";
import { connect, connectDuplex, listen, relay, serve, type Connection } from "../../../src/index.js";
import { simulate } from "../../../src/testing/index.js";

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}

test("a keep-alive protocol runs for 24 hours: each question is answered, in its turn", async () => {
  await simulate({ seed: 1, timeLimit: Infinity }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    await b.run(async () => void serve(await listen(7), echo));
    const answers = await a.run(async () => {
      await using connection = await connect("b", 7);
      let answers = 0;
      for (; network.now < 86_400_000; answers++) {
        await timersPromises.setTimeout(30_000);
        await connection.writeLine(`PING ${String(answers)}`);
        expect(await connection.readLine()).toBe(`PING ${String(answers)}`);
      }
      return answers;
    });
    // One every 30 s, and the few milliseconds that the answer takes.
    expect(answers).toBe(2_880);
  });
});

test("the same seed gives the same log in 100 runs of clients that race, lose packets and are cut off", async () => {
  const run = (): Promise<string> =>
    simulate({ seed: 11, latency: [1, 40], bandwidth: 500_000 }, async (network) => {
      const [a, b] = [network.host("a"), network.host("b")];
      network.link(a, b, { loss: 0.1, jitter: 5 });
      await b.run(async () => void serve(await listen(7), echo));
      const clients = [1, 2, 3].map(async (number) => {
        await using connection = await a.run(() => connect("b", 7));
        const sent = Buffer.alloc(Math.floor(Math.random() * 20_000), number);
        const all = connection.readAll();
        await connection.write(sent);
        await connection.closeWrite();
        expect((await all).equals(sent)).toBe(true);
      });
      await timersPromises.setTimeout(30);
      network.partition(a, b);
      await timersPromises.setTimeout(1_000);
      network.heal(a, b);
      await Promise.all(clients);
      return network.log.join("\n");
    });
  const logs = new Set<string>();
  for (let count = 0; count < 100; count++) logs.add(await run());
  expect(logs.size).toBe(1);
});

test("PROXY headers, relays and factories of duplexes work", async () => {
  await simulate({}, async (network) => {
    const [a, middle, b] = [network.host("a"), network.host("middle"), network.host("b")];
    const seen: (string | undefined)[] = [];
    await b.run(async () => {
      const listener = await listen(7, { proxyProtocol: "require" });
      void serve(listener, async (connection) => {
        seen.push(connection.remoteAddress);
        await echo(connection);
      });
    });
    await middle.run(async () => {
      const listener = await listen(8);
      void serve(listener, async (client) => {
        const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = client;
        const addresses = { sourceAddress: remoteAddress, sourcePort: remotePort };
        const to = { destinationAddress: localAddress, destinationPort: localPort };
        await relay(client, await connect("b", 7, { proxyHeader: { version: 2, ...addresses, ...to } }));
      });
    });
    const text = await a.run(async () => {
      const duplex = connectDuplex({ host: "middle", port: 8 });
      duplex.end("there and back");
      return await new Response(duplex as never).text();
    });
    expect(text).toBe("there and back");
    expect(seen).toEqual(["10.0.0.1"]);
  });
});
