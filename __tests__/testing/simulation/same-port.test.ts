/** A client that connects from the same port again: what is left of the connection before is not mixed up with the new one. */
import timersPromises from "node:timers/promises";
import { connect, listen, type Connection } from "../../../src/index.js";
import { simulate } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

const FOREVER = { readTimeout: Infinity, writeTimeout: Infinity };

test("a client that crashed connects from the same port: the server's old connection is reset", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    const listener = await b.run(() => listen(7, FOREVER));
    const client = (): Promise<Connection> => a.run(() => connect("b", 7, { ...FOREVER, localPort: 5_000 }));
    await (await client()).writeLine("before the crash");
    const old = await listener.accept();
    expect(await old.readLine()).toBe("before the crash");
    a.crash();
    a.restart();
    const [again, outcome] = await Promise.all([client(), failure(old.readLine())]);
    expect(outcome).toMatchObject({ code: "ECONNRESET" });
    const accepted = await listener.accept();
    await again.writeLine("after the crash");
    expect(await accepted.readLine()).toBe("after the crash");
    await accepted.writeLine("hello again");
    expect(await again.readLine()).toBe("hello again");
  });
});

test("a client whose connection the server has ended connects from the same port at once", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const [a, b] = [network.host("a"), network.host("b", { addresses: ["10.1.1.1"] })];
    const listener = await b.run(() => listen(7, FOREVER));
    for (const line of ["first", "second", "third"]) {
      const client = await a.run(() => connect("b", 7, { ...FOREVER, localPort: 5_000 }));
      const accepted = await listener.accept();
      await accepted.writeLine(line);
      await accepted.close();
      expect((await client.readAll()).toString()).toBe(`${line}\n`);
      await client.close();
      // The server has heard of the client's end: from now on only the server keeps the ports.
      await timersPromises.setTimeout(100);
    }
  });
});
