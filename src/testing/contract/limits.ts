import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { lengthPrefixed, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, until } from "./expectations.js";
import { pattern } from "./payloads.js";

const KIB = 1024;

/** Sends lines in turn, and asserts that each is read, or refused and left unread. */
async function tryLines(
  { a, b }: { a: Connection; b: Connection },
  limit: number,
  sent: readonly [text: string, good: boolean][],
): Promise<void> {
  for (const [line, good] of sent) {
    for (const read of [() => a.readLine({ limit }), () => nextLine(a, limit)]) {
      const waiting = read();
      void b.write(line);
      if (good) assert.equal(await waiting, line.replace(/\r?\n$/u, ""));
      else {
        await fails(waiting, "ERR_LIMIT");
        assert.equal(text(await a.readExactly(Buffer.byteLength(line))), line);
      }
    }
  }
}

async function nextLine(connection: Connection, limit?: number): Promise<string | undefined> {
  const next = (await connection.lines({ limit }).next()) as IteratorResult<string, undefined>;
  return next.value;
}

/** The limits of the reads that search for something. */
export const limits: readonly ContractCase[] = [
  onPair("a line may be as long as its limit, whatever its terminator, and no longer", (pair) =>
    tryLines(pair, 4, [
      ["abcd\n", true],
      ["abcd\r\n", true],
      ["abcde\n", false],
      ["abcde\r\n", false],
      ["abcd\r\r\n", false],
      ["abc\r\r\n", true],
    ]),
  ),

  onPair("a limit of 0 lets empty lines pass", (pair) =>
    tryLines(pair, 0, [
      ["\n", true],
      ["\r\n", true],
      ["a\n", false],
    ]),
  ),

  onPair("the limit of a line counts bytes, not characters", (pair) =>
    tryLines(pair, 6, [
      ["ééé\n", true],
      ["éééa\r\n", false],
      ["€€\r\n", true],
      ["€€€\n", false],
    ]),
  ),

  onPair("a line as long as its limit passes also when packets split its terminator", async ({ a, b }) => {
    for (const parts of [
      ["abcd", "\n"],
      ["abcd", "\r\n"],
      ["abcd\r", "\n"],
      ["abcd", "\r", "\n"],
    ]) {
      const waiting = a.readLine({ limit: 4 });
      for (const part of parts) {
        const arrived = a.bytesRead + part.length;
        await b.write(part);
        await until(() => a.bytesRead === arrived);
      }
      assert.equal(await waiting, "abcd");
    }
  }),

  onPair(
    "a line that cannot keep its limit is refused before it ends, and can be read with a higher one",
    async (pair) => {
      const { a, b } = pair;
      const waiting = a.readLine({ limit: 4 });
      void b.write("abcde");
      await fails(waiting, "ERR_LIMIT");
      await b.write("\r");
      await until(() => a.readableLength === 6);
      await fails(a.readLine({ limit: 4 }), "ERR_LIMIT");
      await fails(a.lines({ limit: 4 }).next(), "ERR_LIMIT");
      await b.write("\n");
      assert.equal(await a.readLine({ limit: 5 }), "abcde");
    },
  ),

  onPair("a last line that ends with a carriage return may be as long as its limit", async ({ a, b }) => {
    await b.write("abcd\r");
    await b.closeWrite();
    await until(() => a.readableLength === 5);
    await fails(a.readLine({ limit: 3 }), "ERR_LIMIT");
    assert.equal(await a.readLine({ limit: 4 }), "abcd");
  }),

  onPair("a last line without a terminator has to keep the limit too", async ({ a, b }) => {
    await b.write("abcd");
    await b.closeWrite();
    await until(() => a.readableLength === 4);
    await fails(a.readLine({ limit: 3 }), "ERR_LIMIT");
    assert.equal(await a.readLine({ limit: 4 }), "abcd");
    assert.equal(await a.readLine({ limit: 3 }), null);
  }),

  onPair("lines and delimiters have a limit of 64 KiB by default", async ({ a, b }) => {
    const most = "x".repeat(64 * KIB);
    for (const end of ["\n", "\r\n"]) {
      void b.write(most + end);
      assert.equal(await a.readLine(), most);
      void b.write(most + end);
      assert.equal(await nextLine(a), most);
    }
    void b.write(`${most}||`);
    assert.equal(text(await a.readUntil("||")), most);
    void b.write(`${most}y\n`);
    await fails(a.readLine(), "ERR_LIMIT");
    await fails(a.lines().next(), "ERR_LIMIT");
    await fails(a.readUntil("\n"), "ERR_LIMIT");
    await fails(a.readUntilAny(["\n", "|"]), "ERR_LIMIT");
    await fails(a.split("\n").next(), "ERR_LIMIT");
    assert.equal(await a.readLine({ limit: Infinity }), `${most}y`);
  }),

  onPair("a line can be of any length when the limit is Infinity", async ({ a, b }) => {
    const line = "0123456789abcde\r".repeat(64 * KIB);
    void b.writeLine(line);
    void b.write(`${line}||`);
    assert.equal(await a.readLine({ limit: Infinity }), line.slice(0, -1));
    assert.equal(text(await a.readUntil("||", { limit: Infinity })), line);
  }),

  onPair("readUntil takes as many bytes as its limit, the delimiter not counted", async ({ a, b }) => {
    await b.write("abcd--");
    assert.equal(text(await a.readUntil("--", { limit: 4 })), "abcd");
    await b.write("abcde--");
    const refused = await fails(a.readUntil("--", { limit: 4 }), "ERR_LIMIT");
    assert.match(refused.message, /limit of 4 bytes/u);
    assert.equal(text(await a.readUntil("--", { limit: 5 })), "abcde");
  }),

  onPair("readUntilAny waits as long as one of its delimiters may keep the limit", async ({ a, b }) => {
    const waiting = a.readUntilAny(["--", "\r\n"], { limit: 4 });
    await b.write("abcd\r");
    await until(() => a.bytesRead === 5);
    await b.write("\n");
    assert.deepEqual(await waiting, { bytes: Buffer.from("abcd"), delimiter: "\r\n" });
    const hopeless = a.readUntilAny(["--", "\r\n"], { limit: 4 });
    void b.write("abcd\rf--");
    await fails(hopeless, "ERR_LIMIT");
    assert.equal(text(await a.readUntil(["\r\n", "--"], { limit: 6 })), "abcd\rf");
  }),

  onPair("readUntil waits as long as the limit may still be kept", async ({ a, b }) => {
    const waiting = a.readUntil("--", { limit: 4 });
    await b.write("abcd-");
    await until(() => a.bytesRead === 5);
    await b.write("-");
    assert.equal(text(await waiting), "abcd");
    const hopeless = a.readUntil("--", { limit: 4 });
    void b.write("abcdef");
    await fails(hopeless, "ERR_LIMIT");
    assert.equal(text(await a.read()), "abcdef");
  }),

  onPair("a delimiter that can no longer come within the limit is not waited for", async ({ a, b }) => {
    const hopeless = fails(a.readUntil("\r\n\r\n", { limit: 8 }), "ERR_LIMIT");
    await b.write("123456789");
    await hopeless;
    const split = a.readUntil("\r\n\r\n", { limit: 9 });
    await b.write("\r\n\r");
    await until(() => a.bytesRead === 12);
    await stillPending(split);
    await b.write("x");
    await fails(split, "ERR_LIMIT");
    assert.equal(text(await a.readExactly(13)), "123456789\r\n\rx");
    const unfinished = fails(a.readUntil("--", { limit: 2 }), "ERR_UNEXPECTED_EOF");
    await b.write("ab-");
    await b.closeWrite();
    await unfinished;
  }),

  onPair(
    "readAll takes as many bytes as its limit, and refuses more before the stream ends",
    async ({ a, b }) => {
      const waiting = a.readAll({ limit: 4 });
      void b.write("12345");
      await fails(waiting, "ERR_LIMIT");
      await b.closeWrite();
      await fails(a.readAll({ limit: 4 }), "ERR_LIMIT");
      assert.equal(text(await a.readAll({ limit: 5 })), "12345");
    },
  ),

  onPair(
    "more bytes than a buffer can have are refused at once, and nothing is consumed",
    async ({ a, b }) => {
      await b.write(Buffer.from("0001000000000000", "hex"));
      for (const size of [Number.MAX_SAFE_INTEGER, 2 ** 50]) {
        const { message } = await fails(a.readExactly(size), "ERR_LIMIT");
        assert.match(message, new RegExp(`${String(size)} bytes, more than the limit of \\d+ bytes`, "u"));
        await fails(a.peek(size), "ERR_LIMIT");
      }
      const frames = lengthPrefixed(a, { bytes: 8, limit: Infinity });
      await fails(frames.receive(), "ERR_LIMIT");
      await fails(frames[Symbol.asyncIterator]().next(), "ERR_LIMIT");
      assert.equal((await a.readExactly(8)).readUInt16BE(), 1);
    },
  ),

  onPair("readAll has a limit of 16 MiB by default", async ({ a, b }) => {
    const sent = pattern(16 * KIB * KIB + 1);
    void b.write(sent);
    void b.closeWrite();
    await fails(a.readAll(), "ERR_LIMIT");
    sameBytes(await a.readExactly(1), sent.subarray(0, 1));
    sameBytes(await a.readAll(), sent.subarray(1));
  }),
];
