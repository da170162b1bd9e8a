/** The examples that serve run as they are on hosts of a simulated network; see examples.test.ts. */
import type { Connection } from "../../../src/index.js";
import type { Host } from "../../../src/testing/index.js";
import { onBadNetwork, partition, sleep } from "../../support/bad-network.js";
import { failure } from "../../support/outcomes.js";
import { ask, connectFrom, crash, PORT, startServer } from "../../support/simulated-examples.js";

describe("the echo server", () => {
  test("sends back everything in order through a partition, and serves again after a crash", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      let program = await startServer(server, "echo-server");
      const sent = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
      const healed = partition(network, client, server, 5_000, 100);
      const received = await client.run(async () => {
        await using connection = await connectFrom(client, server);
        const all = connection.readAll();
        await connection.write(sent);
        await connection.closeWrite();
        return await all;
      });
      expect(received.equals(sent)).toBe(true);
      await healed;
      const connection = await connectFrom(client, server);
      expect(await ask(connection, "before")).toBe("before");
      await crash(server, program, connection);
      program = await startServer(server, "echo-server");
      await using again = await connectFrom(client, server);
      expect(await ask(again, "after")).toBe("after");
      program.kill("SIGINT");
      await program.ended;
      expect(program.output).toEqual([`listening on port ${PORT}`, "closed"]);
    });
  });
});

/** A member of the chat room: what it has read, and how that ended. */
class Member {
  readonly lines: string[] = [];
  end: unknown = "none";

  constructor(
    readonly name: string,
    readonly connection: Connection,
  ) {
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const line of this.connection.lines()) this.lines.push(line);
      this.end = null;
    } catch (error) {
      this.end = error;
    }
  }

  async says(count: number): Promise<void> {
    for (let at = 0; at < count; at++) await this.connection.writeLine(`line ${String(at)}`);
  }

  heardOf({ name }: Member): string[] {
    return this.lines.filter((line) => line.startsWith(`${name}: line`));
  }
}

test("each member of the chat room reads what each other one says, in order, through a partition", async () => {
  await onBadNetwork(["ada", "bob", "eve", "server"], async (network, { ada, bob, eve, server }) => {
    let program = await startServer(server, "chat-room");
    const join = async (host: Host): Promise<Member> => {
      const member = new Member(host.name, await connectFrom(host, server));
      await member.connection.writeLine(host.name);
      return member;
    };
    const members = await Promise.all([ada, bob, eve].map(join));
    await sleep(10_000);
    await Promise.all([
      partition(network, bob, server, 8_000, 30),
      ...members.map((member) => member.says(20)),
    ]);
    await sleep(600_000);
    for (const reader of members) {
      for (const speaker of members) {
        const said = Array.from({ length: 20 }, (_, at) => `${speaker.name}: line ${String(at)}`);
        expect(reader.heardOf(speaker)).toEqual(reader === speaker ? [] : said);
      }
    }
    server.crash();
    server.restart();
    for (const { connection } of members) await connection.writeLine("is anybody there?");
    await sleep(60_000);
    expect(members.map(({ end }) => end)).toEqual(
      members.map(() => expect.objectContaining({ code: "ECONNRESET" }) as unknown),
    );

    program = await startServer(server, "chat-room");
    const others = await Promise.all([ada, bob].map(join));
    await sleep(10_000);
    network.link(ada, server, { loss: 0 });
    program.kill("SIGINT");
    await program.ended;
    expect(program.output.at(-1)).toBe("closed");
    await sleep(60_000);
    expect(others[0]?.lines.at(-1)).toBe("* the room closes");
    for (const { connection } of others) connection.reset();
  });
});

test("the line server keeps what it has answered OK to, and cuts off a client behind a partition", async () => {
  await onBadNetwork(["client", "other", "server"], async (network, { client, other, server }) => {
    let program = await startServer(server, "line-server", PORT, 300_000);
    const connection = await connectFrom(client, server);
    const healed = partition(network, client, server, 5_000, 200);
    for (let at = 0; at < 20; at++)
      expect(await ask(connection, `SET key${String(at)} ${String(at)}`)).toBe("OK");
    await healed;
    await using second = await connectFrom(other, server);
    await second.writeLine("ALL");
    for (let at = 0; at < 20; at++) expect(await second.readLine()).toBe(`key${String(at)} ${String(at)}`);
    expect(await second.readLine()).toBe("OK");

    network.partition(client, server);
    await connection.writeLine("GET key1");
    expect(await program.says("cut off")).toBe("cut off: ETIMEDOUT");
    network.heal(client, server);
    expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });

    await using third = await connectFrom(other, server);
    await crash(server, program, third);
    program = await startServer(server, "line-server");
    await using last = await connectFrom(client, server);
    await last.writeLine("GET key1");
    expect([await last.readLine(), await last.readLine()]).toEqual(["", "OK"]);
    program.kill("SIGINT");
    await program.ended;
    expect(program.output.at(-1)).toBe("closed");
  });
});

describe("the graceful server", () => {
  test("answers what it has begun through a partition that is healed within its grace", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const program = await startServer(server, "graceful-server", PORT, 60);
      await using connection = await connectFrom(client, server);
      await connection.writeLine("5000");
      await sleep(3_000);
      program.kill("SIGTERM");
      const healed = partition(network, client, server, 20_000, 0);
      expect(await connection.readLine()).toBe("done: 5000");
      expect(await connection.readLine()).toBeNull();
      await program.ended;
      expect(program.output.at(-1)).toBe("closed after 1 connections");
      await healed;
    });
  });

  test("ends when its grace does, behind a partition that lasts; the client is told when it asks", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      const program = await startServer(server, "graceful-server", PORT, 10);
      await using connection = await connectFrom(client, server);
      await connection.writeLine("60000");
      await sleep(3_000);
      network.partition(client, server);
      const start = network.now;
      program.kill("SIGTERM");
      await program.ended;
      expect(network.now - start).toBe(10_000);
      network.heal(client, server);
      await connection.writeLine("100");
      expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
    });
  });

  test("ends at once when it is told a second time; after a crash it serves again", async () => {
    await onBadNetwork(["client", "server"], async (network, { client, server }) => {
      let program = await startServer(server, "graceful-server");
      const first = await connectFrom(client, server);
      expect(await ask(first, "10")).toBe("done: 10");
      await crash(server, program, first);
      program = await startServer(server, "graceful-server");
      await using connection = await connectFrom(client, server);
      await connection.writeLine("600000");
      await sleep(3_000);
      program.kill("SIGTERM");
      await sleep(1_000);
      const start = network.now;
      program.kill("SIGTERM");
      await program.ended;
      expect(network.now - start).toBeLessThan(2);
      network.link(client, server, { loss: 0 });
      await connection.writeLine("10").catch(() => undefined);
      expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
    });
  });
});

describe("the proxy", () => {
  test("relays both directions with their half-closes through partitions on either side", async () => {
    await onBadNetwork(["client", "proxy", "server"], async (network, { client, proxy, server }) => {
      const echo = await startServer(server, "echo-server");
      const program = await startServer(proxy, "tcp-proxy", PORT, `server:${PORT}`, 60_000);
      // The proxy gives up its own attempt to connect after 10 s: all packets of that could be lost.
      const connectThrough = async (): Promise<Connection> => {
        network.link(proxy, server, { loss: 0 });
        const connection = await connectFrom(client, proxy);
        expect(await ask(connection, "before")).toBe("before");
        network.link(proxy, server, { loss: 0.1 });
        return connection;
      };

      const sent = Buffer.from(Array.from({ length: 100_000 }, (_, at) => at % 251));
      await using first = await connectThrough();
      const healed = [
        partition(network, client, proxy, 5_000, 20),
        partition(network, proxy, server, 5_000, 3_000),
      ];
      const received = await client.run(async () => {
        const all = first.readAll();
        await first.write(sent);
        await first.closeWrite();
        return await all;
      });
      expect(received.equals(sent)).toBe(true);
      expect(await program.says("bytes sent")).toMatch(/100007 bytes sent, 100007 received$/);
      await Promise.all(healed);

      // The backend crashes: its clients are cut off, and the next ones are served once it is up again.
      const connection = await connectThrough();
      network.link(client, proxy, { loss: 0 }); // A reset is sent once, and a client that only reads would not ask for it.
      await crash(server, echo, connection);
      await startServer(server, "echo-server").then(async (again) => {
        await using next = await connectThrough();
        again.kill("SIGINT");
        program.kill("SIGINT");
        expect(await failure(next.readLine())).toMatchObject({ code: "ECONNRESET" });
        await Promise.all([again.ended, program.ended]);
      });
      expect(program.output.at(-1)).toMatch(/interrupted$|closed$/);
    });
  });

  test("cuts off what is silent for too long, because of a partition", async () => {
    await onBadNetwork(["client", "proxy", "server"], async (network, { client, proxy, server }) => {
      const echo = await startServer(server, "echo-server");
      const program = await startServer(proxy, "tcp-proxy", PORT, `server:${PORT}`, 60_000);
      await using connection = await connectFrom(client, proxy);
      expect(await ask(connection, "before")).toBe("before");
      network.partition(proxy, server);
      network.link(client, proxy, { loss: 0 });
      await connection.writeLine("behind it");
      expect(await failure(connection.readLine())).toMatchObject({ code: "ECONNRESET" });
      network.heal(proxy, server);
      expect(program.output.at(-1)).toMatch(/60000 ms/);
      program.kill("SIGINT");
      echo.kill("SIGINT");
      await Promise.all([program.ended, echo.ended]);
    });
  });
});
