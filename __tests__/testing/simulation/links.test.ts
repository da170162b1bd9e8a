import timersPromises from "node:timers/promises";
import { connect, listen } from "../../../src/index.js";
import { simulate, type LinkOptions, type Network } from "../../../src/testing/index.js";

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
