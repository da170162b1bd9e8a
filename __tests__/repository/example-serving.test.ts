import { readFileSync } from "node:fs";
import { connect, framed, jsonLines, type Connection, type NetError } from "../../src/index.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms } from "../support/program.js";
import { example, EXAMPLES, portOf, sayingsOf } from "./example.js";

afterEach(async () => {
  await closeAll();
  await endPrograms();
});

async function client(port: number): Promise<Connection> {
  return keep(await connect("localhost", port, { readTimeout: 10_000 }));
}

test.each(["chat-room", "graceful-server", "line-server"])("%s has less than 40 lines", (name) => {
  const text = readFileSync(new URL(`${name}.ts`, EXAMPLES), "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThan(40);
});

test("json-chat has at most 40 lines of code", () => {
  const lines = readFileSync(new URL("json-chat.ts", EXAMPLES), "utf8").split("\n");
  expect(lines.filter((line) => /^(?! \*|\/\*\*|$)/.test(line)).length).toBeLessThanOrEqual(40);
});

describe("the chat room", () => {
  /** A member, when the others know of them. */
  async function member(port: number, name: string): Promise<Connection> {
    const connection = await client(port);
    expect(await connection.readLine()).toBe("What is your name?");
    await connection.writeLine(name);
    return connection;
  }

  test("passes on what a member says, and tells who comes and leaves", async () => {
    const room = example("chat-room", 0);
    const port = await portOf(room);
    const ann = await member(port, "Ann");
    // Nothing tells Ann that she is in the room.
    const bob = await client(port);
    await bob.readLine();
    await bob.writeLine("Bob");
    let heard: string | null = "";
    for (let i = 0; i < 100 && heard !== "* Bob has come"; i++) heard = await ann.readLine();
    await bob.writeLine("hello");
    expect(await ann.readLine()).toBe("Bob: hello");
    await ann.writeLine("hello, Bob");
    expect(await bob.readLine()).toBe("Ann: hello, Bob");
    bob.reset();
    expect(await ann.readLine()).toBe("* Bob has left");
    room.kill("SIGINT");
    expect(await ann.readLine()).toBe("* the room closes");
    expect(await sayingsOf(room)).toBe(`listening on port ${port}\nclosed\n`);
    await expect(ann.read()).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  test("puts out a member who reads too slowly, and goes on", async () => {
    const room = example("chat-room", 0);
    const port = await portOf(room);
    const slow = await member(port, "Slow");
    const loud = await member(port, "Loud");
    let heard: string | null = "";
    while (!heard?.endsWith("has come")) heard = await slow.readLine();
    const line = "x".repeat(990);
    const talk = new AbortController();
    const talking = (async () => {
      while (!talk.signal.aborted) await loud.write(Array.from({ length: 100 }, () => `${line}\n`));
    })();
    for await (const said of loud.lines({ timeout: 10_000 })) if (said === "* Slow has left") break;
    talk.abort();
    await talking;
    room.kill("SIGINT");
    await room.ended;
  });
});

describe("the chat in JSON", () => {
  interface Said {
    from: string;
    text: string;
  }
  const messages = async (port: number) => framed(await client(port), jsonLines<Said>());

  test("passes on what a member says to all others, and goes on without those who leave", async () => {
    const room = example("json-chat", "serve", 0);
    const port = await portOf(room);
    const [ann, rude] = [await messages(port), await messages(port)];
    const bob = example("json-chat", "join", "Bob", `localhost:${port}`);
    // Nothing tells Ann that the others are in the room.
    const calling = setInterval(() => void ann.send({ from: "Ann", text: "is anybody there?" }), 10);
    await bob.says(/Ann: is anybody there\?\n/);
    expect(await rude.receive()).toEqual({ from: "Ann", text: "is anybody there?" });
    clearInterval(calling);
    await rude.connection.write("{no JSON\n");
    await expect(rude.connection.readAll()).rejects.toMatchObject({ code: "ECONNRESET" });

    bob.feed("hello\nand bye\n");
    expect(await ann.receive()).toEqual({ from: "Bob", text: "hello" });
    expect(await ann.receive()).toEqual({ from: "Bob", text: "and bye" });
    expect(await sayingsOf(bob)).toMatch(/^(?:Ann: is anybody there\?\n)+$/);

    room.kill("SIGINT");
    await expect(ann.receive()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await sayingsOf(room)).toBe(`listening on port ${port}\n`);
  });

  test("puts out a member who reads too slowly", async () => {
    const room = example("json-chat", "serve", 0);
    const port = await portOf(room);
    const [slow, loud] = [await messages(port), await messages(port)];
    const said = { from: "Loud", text: "x".repeat(4_000) };
    let end: unknown;
    while (end === undefined) {
      await Promise.all(Array.from({ length: 64 }, () => loud.send(said)));
      // A blank line is no message. It is how one who does not read learns of a reset.
      await slow.connection.write("\n").catch((error: unknown) => (end = error));
    }
    expect((end as NetError).code).toMatch(/^(?:ECONNRESET|EPIPE)$/);
    room.kill("SIGINT");
    await room.ended;
  });

  test("says how it is used", async () => {
    const { stderr } = await example("json-chat").ended;
    expect(stderr).toMatch(/^usage: npx tsx examples\/json-chat\.ts serve \[port\] \| join NAME/);
  });
});

describe("the graceful server", () => {
  test("answers what it has begun when it is told to end, and closes idle connections", async () => {
    const server = example("graceful-server", 0);
    const port = await portOf(server);
    const [idle, busy] = [await client(port), await client(port)];
    await idle.writeLine("1");
    expect(await idle.readLine()).toBe("done: 1");
    // Once the first is answered, the second has begun: it came with the first.
    await busy.write("2\n300\n300\n");
    expect(await busy.readLine()).toBe("done: 2");
    server.kill("SIGTERM");
    expect(await idle.read()).toBe(null);
    await idle.close();
    expect(await busy.readLine()).toBe("done: 300");
    expect(await busy.read()).toBe(null);
    await busy.close();
    expect(await sayingsOf(server)).toBe(`listening on port ${port}\nclosed after 2 connections\n`);
  });

  test.each([
    ["after its grace", 0.1, 1],
    ["when it is told twice", 60, 2],
  ])("ends %s, whatever it has begun", async (_, grace, times) => {
    const server = example("graceful-server", 0, grace);
    const port = await portOf(server);
    const [idle, busy] = [await client(port), await client(port)];
    await busy.write("2\n60000\n");
    expect(await busy.readLine()).toBe("done: 2");
    server.kill("SIGTERM");
    // The server ends what is idle when it has got the signal.
    expect(await idle.read()).toBe(null);
    await idle.close();
    if (times === 2) server.kill("SIGTERM");
    await expect(busy.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await sayingsOf(server)).toBe(`listening on port ${port}\nclosed after 2 connections\n`);
  });
});

describe("the line server", () => {
  test("serves fast clients while slow ones wait, and cuts those off in their time", async () => {
    const server = example("line-server", 0, 300);
    const port = await portOf(server);
    const silent = await client(port);
    const deaf = keep(await connect("localhost", port, { readAhead: 0 }));
    await silent.write("GET half a li");
    const big = `SET key ${"x".repeat(900)}\n`;
    await deaf.write([big, "ALL\n".repeat(50_000)], { timeout: 5_000 }).catch(() => undefined);
    const fast = await client(port);
    await fast.writeLine("SET greeting hello there");
    expect(await fast.readLine()).toBe("OK");
    await fast.writeLine("GET greeting");
    expect([await fast.readLine(), await fast.readLine()]).toEqual(["hello there", "OK"]);
    await server.says(/cut off: ETIMEDOUT\n[^]*cut off: ETIMEDOUT\n/);
    await expect(silent.read()).rejects.toMatchObject({ code: "ECONNRESET" });
    server.kill("SIGINT");
    expect(await sayingsOf(server)).toMatch(/closed\n$/);
  });

  test("cuts off a client whose line is too long", async () => {
    const server = example("line-server", 0);
    const port = await portOf(server);
    const endless = await client(port);
    await endless.write("x".repeat(10_000));
    await server.says(/cut off: ERR_LIMIT\n/);
    server.kill("SIGINT");
    expect(await sayingsOf(server)).toMatch(/closed\n$/);
  });
});
