import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection, LineTerminator } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, stillPending, text, until } from "./expectations.js";

const TERMINATORS = ["lf", "crlf", "cr", "any"] as const;

/** A stream, its lines, and the code of the error that is in place of the next one; of none at the end of the stream. */
type Example = readonly [sent: string, lines: readonly string[], code?: string];

const EXAMPLES: Readonly<Record<LineTerminator, readonly Example[]>> = {
  lf: [
    ["unix\ndos\r\nmac\rmac\nlast", ["unix", "dos", "mac\rmac", "last"]],
    ["last\r", ["last"]],
  ],
  crlf: [
    ["one\r\n\r\nthree\r\n", ["one", "", "three"]],
    ["one\r\nlast", ["one"], "ERR_UNEXPECTED_EOF"],
    ["one\r\nlast\r", ["one"], "ERR_UNEXPECTED_EOF"],
    ["one\r\n\r", ["one"], "ERR_UNEXPECTED_EOF"],
    ["one\r\ntwo\nthree\r\n", ["one"], "ERR_INVALID_LINE"],
    ["one\r\n\n", ["one"], "ERR_INVALID_LINE"],
    ["one\r\ntwo\rthree\r\n", ["one"], "ERR_INVALID_LINE"],
    ["one\r\ntwo\r\r\n", ["one"], "ERR_INVALID_LINE"],
    ["one\r\n\n\r", ["one"], "ERR_INVALID_LINE"],
  ],
  cr: [
    ["one\r\rthree\nthree\r\n", ["one", "", "three\nthree", "\n"]],
    ["one\rlast", ["one", "last"]],
  ],
  any: [
    ["unix\ndos\r\nmac\r\r\n\n\r\rlast", ["unix", "dos", "mac", "", "", "", "", "last"]],
    ["one\n\r\ntwo\r\n\r\n", ["one", "", "two", ""]],
    ["last\r", ["last"]],
    ["last\r\n", ["last"]],
  ],
};

/** Every kind of read of one byte, in each of the dialects. */
const READS: readonly (readonly [name: string, read: (end: Connection) => Promise<unknown>])[] = [
  ["read", (end) => end.read()],
  ["readExactly", (end) => end.readExactly(1)],
  ["readUntil", (end) => end.readUntil("|")],
  ["readUntilAny", async (end) => (await end.readUntilAny(["|", "!"]))?.bytes],
  ["peek", async (end) => (await end.peek(1), await end.read())],
  ["split", async (end) => (await end.split("|").next()).value as unknown],
  ["readLine", (end) => end.readLine()],
  ["strict readLine", (end) => end.readLine({ terminator: "crlf" })],
  ["chunks", async (end) => (await end.chunks().next()).value as unknown],
  ["recycled chunks", async (end) => (await end.chunks({ recycle: true }).next()).value as unknown],
  ["lines", async (end) => (await end.lines({ terminator: "any" }).next()).value as unknown],
  ["readable", async (end) => (await end.readable.getReader().read()).value],
  [
    "readInto",
    async (end) => {
      const target = new Uint8Array(9);
      return target.subarray(0, (await end.readInto(target)) ?? 0);
    },
  ],
  [
    "duplex",
    (end) =>
      new Promise((resolve, reject) => end.duplex.once("error", reject).once("data", resolve).resume()),
  ],
];

/** What each of {@link READS} is answered with, so that all of them give `x`. */
const ANSWERS: Readonly<Record<string, string>> = {
  readUntil: "x|",
  readUntilAny: "x!",
  split: "x|",
  readLine: "x\n",
  "strict readLine": "x\r\n",
  lines: "x\r",
};

function shown(value: unknown): string {
  return typeof value === "string" ? value : Buffer.from(value as Uint8Array).toString();
}

/** Sends text, and waits until it has arrived. */
async function arrives({ a, b }: { a: Connection; b: Connection }, sent: string): Promise<void> {
  const arrived = a.bytesRead + sent.length;
  await b.write(sent);
  await until(() => a.bytesRead === arrived);
}

/** What ends a line, as the caller wants it. */
export const lineTerminators: readonly ContractCase[] = [
  ...TERMINATORS.flatMap((terminator) =>
    EXAMPLES[terminator].flatMap(([sent, expected, code]) =>
      (["readLine", "lines"] as const).map((way) =>
        onPair(
          `${way} with terminator "${terminator}" reads ${JSON.stringify(sent)} as ${String(expected.length)} lines` +
            (code === undefined ? "" : `, then ${code}`),
          async ({ a, b }) => {
            await b.write(sent);
            await b.closeWrite();
            const loop = a.lines({ terminator });
            const next = async () =>
              way === "readLine"
                ? await a.readLine({ terminator })
                : (((await loop.next()) as IteratorResult<string, undefined>).value ?? null);
            for (const line of expected) assert.equal(await next(), line);
            if (code === undefined) assert.equal(await next(), null);
            else {
              await fails(next(), code);
              const used = Buffer.byteLength(expected.map((line) => `${line}\r\n`).join(""));
              assert.equal(text(await a.readAll()), sent.slice(used));
            }
          },
        ),
      ),
    ),
  ),

  onPair("lines are the same when each byte comes by itself", async (pair) => {
    const { a } = pair;
    for (const terminator of TERMINATORS) {
      const got: (string | null)[] = [];
      const expected =
        terminator === "cr" ? ["a", "b\n", "\n"] : terminator === "any" ? ["a", "", "b", ""] : ["a", ""];
      const sent = { lf: "a\r\n\n", crlf: "a\r\n\r\n", cr: "a\rb\n\r\n\r", any: "a\r\n\rb\n\r\n" }[
        terminator
      ];
      const reading = (async () => {
        while (got.length < expected.length) got.push(await a.readLine({ terminator }));
      })();
      for (const byte of sent) await arrives(pair, byte);
      await reading;
      assert.deepEqual(got, expected);
      assert.equal(a.readableLength, 0);
    }
  }),

  onPair(
    "a line that ends with a carriage return is given at once where any terminator will do",
    async (pair) => {
      const { a } = pair;
      for (const read of [
        () => a.readLine({ terminator: "any" }),
        async () => (await a.lines({ terminator: "any" }).next()).value as unknown,
      ]) {
        const waiting = read();
        await arrives(pair, "scanned\r");
        assert.equal(await waiting, "scanned");
      }
    },
  ),

  ...READS.flatMap(([name, read]) => [
    onPair(`a line feed that comes later is dropped before ${name} gets it`, async (pair) => {
      const { a } = pair;
      await arrives(pair, "line\r");
      assert.equal(await a.readLine({ terminator: "any" }), "line");
      await arrives(pair, "\n");
      assert.equal(a.readableLength, 0);
      const reading = read(a);
      await arrives(pair, ANSWERS[name] ?? "x");
      assert.equal(shown(await reading), "x");
    }),

    onPair(
      `a line feed that comes while ${name} waits does not end the wait, and is dropped`,
      async (pair) => {
        const { a } = pair;
        await arrives(pair, "line\r");
        assert.equal((await a.lines({ terminator: "any" }).next()).value, "line");
        const reading = read(a);
        await arrives(pair, "\n");
        await stillPending(reading);
        await arrives(pair, ANSWERS[name] ?? "x");
        assert.equal(shown(await reading), "x");
      },
    ),

    onPair(`a line feed that comes with more while ${name} waits is dropped`, async (pair) => {
      const { a } = pair;
      await arrives(pair, "line\r");
      assert.equal(await a.readLine({ terminator: "any" }), "line");
      const reading = read(a);
      await arrives(pair, `\n${ANSWERS[name] ?? "x"}`);
      const value = await reading;
      assert.equal(shown(value), "x");
      if (value instanceof Uint8Array && !name.startsWith("read") && name !== "recycled chunks") {
        assert.ok(!Buffer.from(value.buffer).includes("\n"), "the memory of the result has other bytes");
      }
    }),
  ]),

  onPair("only one line feed is dropped, and only if it comes next", async (pair) => {
    const { a } = pair;
    await arrives(pair, "line\r");
    assert.equal(await a.readLine({ terminator: "any" }), "line");
    await arrives(pair, "\n\n");
    assert.equal(text(await a.read()), "\n");
    await arrives(pair, "line\r");
    assert.equal(await a.readLine({ terminator: "any" }), "line");
    await arrives(pair, "x\n");
    assert.equal(text(await a.read()), "x\n");
  }),

  onPair("bytes that are put back are not taken for the line feed that is yet to come", async (pair) => {
    const { a } = pair;
    for (const unread of ["\nx\n", "x\r", "x\r\n", "\r", "x\ry\r"]) {
      await arrives(pair, "line\r");
      assert.equal(await a.readLine({ terminator: "any" }), "line");
      a.unread(Buffer.from(unread));
      await arrives(pair, "\n|");
      assert.equal(text(await a.readUntil("|")), unread);
    }
  }),

  onPair("lines that were put back do not change which line feeds are dropped", async (pair) => {
    const { a } = pair;
    for (const late of [false, true]) {
      for (const feeds of ["", "\n", "\n\n", "\n\n\n"]) {
        await arrives(pair, late ? "line\r" : `line\r${feeds}|`);
        assert.equal(await a.readLine({ terminator: "any" }), "line");
        a.unread(Buffer.from("again\r"));
        assert.equal(await a.readLine({ terminator: "any" }), "again");
        if (late) for (const byte of `${feeds}|`) await arrives(pair, byte);
        assert.equal(text(await a.readUntil("|")), feeds.slice(2));
      }
    }
  }),

  onPair("a line feed that comes late is no line before the end of the stream", async (pair) => {
    const { a, b } = pair;
    await arrives(pair, "line\r");
    const loop = a.lines({ terminator: "any" });
    assert.deepEqual(await loop.next(), { value: "line", done: false });
    await arrives(pair, "\n");
    await b.closeWrite();
    assert.deepEqual(await loop.next(), { value: undefined, done: true });
    assert.equal(await a.readLine({ terminator: "any" }), null);
  }),

  onPair(
    "a line that is refused can be read in another way, or with another terminator",
    async ({ a, b }) => {
      await b.write("MAIL\nRCPT\r\nDATA\r\n");
      const { message } = await fails(a.readLine({ terminator: "crlf" }), "ERR_INVALID_LINE");
      assert.match(message, /the line has a line feed without a carriage return before it/u);
      await fails(a.lines({ terminator: "crlf" }).next(), "ERR_INVALID_LINE");
      assert.equal(await a.readLine(), "MAIL");
      assert.equal(await a.readLine({ terminator: "crlf" }), "RCPT");
      assert.equal(await a.readLine({ terminator: "crlf" }), "DATA");
    },
  ),

  onPair("each terminator may come behind as many bytes as the limit, and no more", async ({ a, b }) => {
    for (const [terminator, end] of [
      ["lf", "\r\n"],
      ["crlf", "\r\n"],
      ["cr", "\r"],
      ["any", "\r\n"],
      ["any", "\n"],
    ] as const) {
      const ways = [
        (limit: number) => a.readLine({ terminator, limit }),
        async (limit: number) => (await a.lines({ terminator, limit }).next()).value as unknown,
      ];
      for (const read of ways) {
        await b.write(`abcd${end}${end}ab`);
        await fails(read(3), "ERR_LIMIT");
        assert.equal(await read(4), "abcd");
        assert.equal(await read(0), "");
        const hopeless = read(2);
        await stillPending(hopeless);
        await b.write("c");
        await fails(hopeless, "ERR_LIMIT");
        assert.equal(text(await a.readExactly(3)), "abc");
      }
    }
  }),

  onPair("what is over the limit is told before what is wrong behind it", async ({ a, b }) => {
    await b.write("abc\n");
    await fails(a.readLine({ terminator: "crlf", limit: 2 }), "ERR_LIMIT");
    await fails(a.readLine({ terminator: "crlf", limit: 3 }), "ERR_INVALID_LINE");
  }),

  onPair(
    "a line feed that is dropped alone does not stop the reading for the read that waits",
    async ({ a, b }) => {
      await b.write("a\r");
      assert.equal(await a.readLine({ terminator: "any" }), "a");
      const waiting = a.readLine({ terminator: "any" });
      await b.write("\n");
      await until(() => a.bytesRead === 3);
      await b.write("b\n");
      assert.equal(await waiting, "b");
    },
    { readAhead: 0 },
  ),

  onPair("64 KiB of nothing but carriage returns are as many empty lines", async ({ a, b }) => {
    const count = 64 * 1024;
    const writing = b.write("\r".repeat(count)).then(() => b.closeWrite());
    let lines = 0;
    for await (const line of a.lines({ terminator: "any", limit: 0 })) {
      assert.equal(line, "");
      lines++;
    }
    await writing;
    assert.equal(lines, count);
  }),
];
