import timersPromises from "node:timers/promises";
import { connect, listen, serve, type Connection } from "../../../src/index.js";
import { simulate, type Host, type LinkOptions, type Network } from "../../../src/testing/index.js";

const FOREVER = { readTimeout: Infinity, writeTimeout: Infinity };

/** Sends `size` bytes over a link that is changed once the connection is there. Returns how many ms that takes. */
async function transferTime(network: Network, size: number, link: LinkOptions): Promise<number> {
  const [a, b] = [network.host("a"), network.host("b")];
  const received = b.run(async () => {
    await using accepted = await (await listen(7, FOREVER)).accept();
    return (await accepted.readAll()).length;
  });
  await timersPromises.setTimeout(1);
  const connection = await a.run(() => connect("b", 7, FOREVER));
  network.link(a, b, link);
  const start = network.now;
  await connection.write(Buffer.alloc(size));
  await connection.closeWrite();
  expect(await received).toBe(size);
  return network.now - start;
}

test("bytes pass a slow link at its bandwidth: nothing is sent again that waits for its turn", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const ms = await transferTime(network, 200_000, { bandwidth: 10_000 });
    expect(ms).toBeGreaterThanOrEqual(20_000);
    expect(ms).toBeLessThan(21_000);
  });
});

test("what was written before a close arrives, though a partition holds for longer than a kernel waits for an end", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b")];
    const listener = await b.run(() => listen(7));
    const connection = await a.run(() => connect("b", 7, FOREVER));
    const accepted = await listener.accept();
    network.partition(a, b);
    await accepted.writeLine("the last word");
    await accepted.close();
    await timersPromises.setTimeout(300_000);
    network.heal(a, b);
    expect(await connection.readLine()).toBe("the last word");
    expect(await connection.readLine()).toBeNull();
    await Promise.all([connection.close(), listener.close()]);
  });
});

const CROWDS = [
  [200, 125_000],
  [30, 20_000],
  [3, 2_000],
] as const;

test.each(CROWDS)(
  "%i clients send 64 KiB each over %i bytes per second: none is reset",
  async (count, bandwidth) => {
    await simulate({ seed: 3, bandwidth }, async (network) => {
      const [a, b] = [network.host("a"), network.host("b")];
      await b.run(async () => {
        void serve(await listen(7, FOREVER), async (connection) => {
          expect((await connection.readAll()).length).toBe(65_536);
          await connection.writeLine("ok");
        });
      });
      const upload = async (): Promise<string | null> => {
        await using connection = await connect("b", 7, FOREVER);
        await connection.write(Buffer.alloc(65_536));
        await connection.closeWrite();
        return await connection.readLine();
      };
      const answers = await a.run(() => Promise.all(Array.from({ length: count }, upload)));
      expect(answers).toEqual(answers.map(() => "ok"));
    });
  },
);

type Pair = readonly [near: Connection, far: Connection];

/** Connects `a` with `b`, twice, over a link that then carries `bandwidth` bytes per second. */
async function pairsOverSlowLink(network: Network, bandwidth: number): Promise<[Pair, Pair, Host]> {
  const [a, b] = [network.host("a"), network.host("b")];
  const listener = await b.run(() => listen(7, FOREVER));
  const options = { ...FOREVER, keepAlive: { delay: 10_000 } };
  const pair = async (): Promise<Pair> => [
    await a.run(() => connect("b", 7, options)),
    await listener.accept(),
  ];
  const [one, other] = [await pair(), await pair()];
  network.link(a, b, { bandwidth });
  return [one, other, a];
}

test("the kernel's limits for a silent peer do not count the time in the queue of a slow link", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [[near, far], [idle, idlePeer], a] = await pairsOverSlowLink(network, 400);
    const received = far.readAll();
    await near.write(Buffer.alloc(65_536));
    await near.closeWrite();
    // Longer than Linux waits for the answer to a SYN (127 s), and than keep-alive does for one to its questions (20 s).
    const connection = await a.run(() => connect("b", 7, FOREVER));
    expect(network.now).toBeGreaterThan(160_000);
    expect((await received).length).toBe(65_536);
    await idle.writeLine("still here");
    expect(await idlePeer.readLine()).toBe("still here");
    connection.reset();
    expect(network.log.join("\n")).not.toContain("gives up");
  });
});

test("the kernel waits for the end of a peer that is in the queue of a slow link", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [[near, far], [busy, sender]] = await pairsOverSlowLink(network, 900);
    const received = busy.readAll();
    await near.close();
    expect(await far.read()).toBeNull();
    await timersPromises.setTimeout(1_000);
    await sender.write(Buffer.alloc(65_536));
    await sender.closeWrite();
    // Its FIN arrives 73 s later, and Linux waits for it for 60 s.
    await far.close();
    expect((await received).length).toBe(65_536);
    await timersPromises.setTimeout(1_000);
    expect(network.log.join("\n")).not.toContain("reset");
  });
});

const CHANGES = [
  ["faster", { bandwidth: 100_000 }, 1_000 + 600],
  ["without a bound", { bandwidth: Infinity }, 1_000],
  ["slower", { bandwidth: 500 }, 1_000 + 120_000],
] as const;

test.each(CHANGES)(
  "what waits for its turn on a link that becomes %s leaves as the link is now",
  async (_how, link, due) => {
    await simulate({ seed: 1, latency: 0 }, async (network) => {
      const [[near, far]] = await pairsOverSlowLink(network, 1_000);
      const [start, sent] = [network.now, Buffer.from(Array.from({ length: 61_000 }, (_, at) => at % 251))];
      const received = far.readExactly(sent.length);
      for (let at = 0; at < sent.length; at += 10_000) await near.write(sent.subarray(at, at + 10_000));
      await timersPromises.setTimeout(1_000);
      network.link("a", "b", link);
      expect((await received).equals(sent)).toBe(true);
      expect(network.now - start).toBeGreaterThanOrEqual(due);
      expect(network.now - start).toBeLessThan(due * 1.1);
    });
  },
);

test("a new connection over a link that is fast again does not wait behind what was queued", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [[near], , a] = await pairsOverSlowLink(network, 100);
    await near.write(Buffer.alloc(60_000));
    await timersPromises.setTimeout(1_000);
    network.link("a", "b", { bandwidth: Infinity });
    await a.run(() => connect("b", 7, { timeout: 100 }));
  });
});

test("a host that is started again does not send what was queued before its crash", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [[near, far], , a] = await pairsOverSlowLink(network, 1_000);
    await near.write(Buffer.alloc(60_000));
    await timersPromises.setTimeout(1_000);
    a.crash();
    a.restart();
    await a.run(() => connect("b", 7, { timeout: 1_000 }));
    await timersPromises.setTimeout(100_000);
    await far.write("?");
    await expect(far.readAll()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(network.log.join("\n")).not.toContain("bytes have arrived from 10.0.0.1");
  });
});
