import { readFileSync } from "node:fs";
import { redis, RedisError, resp, type Reply } from "../../examples/redis-client.js";
import { connect, listen, serve, type Listener } from "tcp6";
import { endPrograms } from "../support/program.js";
import { example, EXAMPLES, sayingsOf } from "./example.js";

afterEach(endPrograms);

/** As much of a server as the client needs: it answers `ECHO`, and a subscription, with one message behind it. */
async function serveSmall(listener: Listener): Promise<void> {
  await serve(listener, async (connection) => {
    for await (const head of connection.lines()) {
      const words: string[] = [];
      for (let left = Number(head.slice(1)); left > 0; left--) {
        await connection.readLine();
        words.push((await connection.readLine()) ?? "");
      }
      const [name, word = ""] = words;
      if (name === "ECHO") await connection.write(`$${Buffer.byteLength(word)}\r\n${word}\r\n`);
      else if (name === "SUBSCRIBE")
        await connection.write(`>3\r\n+subscribe\r\n+${word}\r\n:1\r\n>3\r\n+message\r\n+${word}\r\n+hi\r\n`);
      else await connection.write("-ERR unknown command\r\n");
    }
  });
}

describe("the Redis client", () => {
  test("has 40 lines of code", () => {
    const source = readFileSync(new URL("redis-client.ts", EXAMPLES), "utf8");
    const client = source.slice(source.indexOf("export type Command"), source.indexOf("if (process.argv"));
    expect(client.split("\n").filter((line) => !/^\s*(?:\/\/|\/?\*|$)/.test(line))).toHaveLength(40);
  });

  test("prints the replies to its commands, and errors among them", async () => {
    await using listener = await listen(0);
    const serving = serveSmall(listener);
    const words = ["ECHO", "Zürich", ",", "FLY", ",", "ECHO", "b"];
    const client = example("redis-client", `localhost:${String(listener.port)}`, ...words);
    expect(await sayingsOf(client)).toBe("Zürich\nERR unknown command\nb\n");
    await listener.close();
    await serving;
  });

  test("hands on what comes unasked, and answers go on", async () => {
    await using listener = await listen(0);
    const serving = serveSmall(listener);
    const pushes: Reply[] = [];
    const client = redis(await connect("localhost", listener.port), (push) => pushes.push(push));
    const replies = await Promise.all([
      client.request(["ECHO", "a"]),
      client.request(["SUBSCRIBE", "news"]),
      client.request(["ECHO", "b"]),
    ]);
    expect(replies).toMatchObject(["a", ["subscribe", "news", 1], "b"]);
    expect(pushes).toMatchObject([["message", "news", "hi"]]);
    await client.close();
    await listener.close();
    await serving;
  });

  const WHOLE: readonly [string, string, unknown][] = [
    ["a line", "+OK\r\n", "OK"],
    ["a number", ":-12\r\n", -12],
    ["an error", "-ERR no\r\n", new RedisError("ERR no")],
    ["a string with CRLF in it", "$6\r\na\r\nbü\r\n", "a\r\nbü"],
    ["an empty string", "$0\r\n\r\n", ""],
    ["no string", "$-1\r\n", null],
    ["no list", "*-1\r\n", null],
    ["null", "_\r\n", null],
    ["infinity", ",-inf\r\n", -Infinity],
    ["a boolean", "#t\r\n", true],
    ["a big number", "(123456789012345678901\r\n", 123456789012345678901n],
    ["a long error", "!4\r\nOhno\r\n", new RedisError("Ohno")],
    ["a string with a format", "=5\r\ntxt:a\r\n", "a"],
    ["lists in lists", "*3\r\n*2\r\n:1\r\n$-1\r\n*0\r\n-ERR x\r\n", [[1, null], [], new RedisError("ERR x")]],
    ["a map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", ["a", 1, "b", [null]]],
    ["a set", "~1\r\n$1\r\na\r\n", ["a"]],
  ];

  test.each(WHOLE)("reads %s, and asks for no more than that, byte by byte", (_, text, value) => {
    const bytes = Buffer.from(text);
    for (let length = 0; length < bytes.length; length++) {
      const need = resp.decode(bytes.subarray(0, length)) as number;
      expect(need).toBeGreaterThan(length);
      expect(need).toBeLessThanOrEqual(bytes.length);
    }
    const more = Buffer.concat([bytes, Buffer.from("+more\r\n")]);
    expect(resp.decode(more)).toEqual({ message: value, size: bytes.length });
  });

  test("names the size of a string by its first line", () => {
    expect(resp.decode(Buffer.from("*2\r\n$1000000\r\n"))).toBe(14 + 1_000_002 + 3);
  });

  test.each(["HTTP/1.1 400\r\n", "$-5\r\n", "*x\r\n"])("refuses %j", (text) => {
    expect(() => resp.decode(Buffer.from(text))).toThrow("this is not the protocol of Redis");
  });
});
