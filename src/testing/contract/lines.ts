import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { onPair, type ContractCase } from "./contract-case.js";
import { stillPending, text, until } from "./expectations.js";
import { random } from "../random.js";
import { pieces } from "./payloads.js";

/** What a line is, and how reads of lines mix with other reads. */
export const lines: readonly ContractCase[] = [
  onPair("a line ends with a line feed, with or without a carriage return before it", async ({ a, b }) => {
    await b.write("unix\ndos\r\n\n\r\nmac\rmac\n\r\r\n");
    const expected = ["unix", "dos", "", "", "mac\rmac", "\r"];
    for (const line of expected) assert.equal(await a.readLine(), line);
    await b.write("unix\ndos\r\n\n\r\nmac\rmac\n\r\r\n");
    const loop = a.lines();
    for (const line of expected) assert.deepEqual(await loop.next(), { value: line, done: false });
  }),

  onPair("a last line may lack its terminator", async ({ a, b }) => {
    await b.write("first\nlast");
    await b.closeWrite();
    assert.equal(await a.readLine(), "first");
    assert.equal(await a.readLine(), "last");
    assert.equal(await a.readLine(), null);
  }),

  onPair("a loop over lines gives the last line without its terminator, and ends", async ({ a, b }) => {
    await b.write("first\r\n\nlast");
    await b.closeWrite();
    const got: string[] = [];
    for await (const line of a.lines()) got.push(line);
    assert.deepEqual(got, ["first", "", "last"]);
  }),

  onPair("a terminator at the very end starts no further line", async ({ a, b }) => {
    await b.write("only\n");
    await b.closeWrite();
    const got: string[] = [];
    for await (const line of a.lines()) got.push(line);
    assert.deepEqual(got, ["only"]);
  }),

  ...(["utf8", "latin1", "ascii"] as const).flatMap((encoding) =>
    ["x\r", "\r", "x\r\r", "one\r\nx\r", "one\ntwo\nthree\nx\r"].map((sent) =>
      onPair(
        `a carriage return before the end of the stream is no part of the last line: ${encoding}, ${JSON.stringify(sent)}`,
        async ({ a, b }) => {
          await Promise.all([a.write(sent), b.write(sent)]);
          await Promise.all([a.closeWrite(), b.closeWrite()]);
          const expected = sent.slice(0, -1).split(/\r?\n/u);
          const got: string[] = [];
          for await (const line of a.lines({ encoding })) got.push(line);
          assert.deepEqual(got, expected);
          for (const line of expected) assert.equal(await b.readLine({ encoding }), line);
          assert.equal(await b.readLine({ encoding }), null);
        },
      ),
    ),
  ),

  onPair("characters that packets split anywhere are read whole", async ({ a, b }) => {
    const line = "zoë € 𝄞 日本";
    const bytes = Buffer.from(`${line}\n`);
    for (const read of [() => a.readLine(), async () => (await a.lines().next()).value as unknown]) {
      const waiting = read();
      for (const byte of bytes) {
        const arrived = a.bytesRead + 1;
        await b.write(Buffer.of(byte));
        await until(() => a.bytesRead === arrived);
      }
      assert.equal(await waiting, line);
    }
  }),

  onPair("bytes that are no UTF-8 are read as replacement characters", async ({ a, b }) => {
    const bytes = Buffer.from([0x61, 0xff, 0x62, 0xc3, 0x0a, 0xe2, 0x82, 0x0d, 0x0a]);
    await b.write(bytes);
    await b.write(bytes);
    assert.equal(await a.readLine(), "a\ufffdb\ufffd");
    assert.equal(await a.readLine(), "\ufffd");
    const loop = a.lines();
    assert.equal((await loop.next()).value, "a\ufffdb\ufffd");
    assert.equal((await loop.next()).value, "\ufffd");
  }),

  onPair("lines are read as latin1 or ascii when asked to", async ({ a, b }) => {
    await b.write(Buffer.from("caf\xe9 \xff\n".repeat(2), "latin1"));
    assert.equal(await a.readLine({ encoding: "latin1" }), "café ÿ");
    assert.equal((await a.lines({ encoding: "latin1" }).next()).value, "café ÿ");
    await b.write("plain\n");
    assert.equal(await a.readLine({ encoding: "ascii" }), "plain");
  }),

  onPair("thousands of lines are read as they were sent, however packets cut them", async ({ a, b }) => {
    const numbers = random(7);
    const sent = Array.from({ length: 5_000 }, (_, n) => `${String(n)} ${"é𝄞x".repeat(numbers(20))}`);
    const bytes = Buffer.from(sent.map((line, n) => line + (n % 3 === 0 ? "\r\n" : "\n")).join(""));
    const writing = (async () => {
      for (const piece of pieces(bytes, 2_000)) await b.write(piece);
      await b.closeWrite();
    })();
    const got: string[] = [];
    for await (const line of a.lines()) {
      got.push(line);
      if (got.length % 5 === 0) {
        const next = await a.readLine();
        if (next !== null) got.push(next);
      }
    }
    await writing;
    assert.deepEqual(got, sent);
  }),

  onPair("a loop over lines leaves what it was not asked for to other reads", async ({ a, b }) => {
    await b.write("one\ntwo\nthree\nfour\nfive\nrest");
    await until(() => a.readableLength === 28);
    const loop = a.lines();
    assert.equal((await loop.next()).value, "one");
    assert.equal(await a.readLine(), "two");
    assert.equal((await loop.next()).value, "three");
    assert.equal(text(await a.readExactly(3)), "fou");
    assert.equal((await loop.next()).value, "r");
    assert.equal(text(await a.readUntil("e")), "fiv");
    assert.equal((await loop.next()).value, "");
    assert.equal(text(await a.read()), "rest");
  }),

  onPair("two loops over lines take turns without losing any", async ({ a, b }) => {
    await b.write("1\n2\n3\n4\n");
    await until(() => a.readableLength === 8);
    const [odd, even] = [a.lines(), a.lines()];
    const got = [];
    for (let turns = 0; turns < 2; turns++) {
      for (const loop of [odd, even]) got.push((await loop.next()).value);
    }
    assert.deepEqual(got, ["1", "2", "3", "4"]);
  }),

  onPair(
    "break out of a loop over lines leaves the rest unread and the connection open",
    async ({ a, b }) => {
      await b.write("one\ntwo\nthree");
      await until(() => a.readableLength === 13);
      const loop = a.lines();
      for await (const line of loop) {
        assert.equal(line, "one");
        break;
      }
      assert.deepEqual(await loop.next(), { value: undefined, done: true });
      assert.equal(a.readableLength, 9);
      assert.equal(await a.readLine(), "two");
      await a.write("still open\n");
      assert.equal(await b.readLine(), "still open");
    },
  ),

  onPair("a line that is not whole yet is waited for", async ({ a, b }) => {
    const waiting = a.readLine();
    await b.write("half");
    await until(() => a.bytesRead === 4);
    await stillPending(waiting);
    await b.write(" and half\n");
    assert.equal(await waiting, "half and half");
  }),
];
