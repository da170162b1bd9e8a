import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { WriteLineOptions, WriteOptions } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { rejection, sameBytes, stillPending, text } from "./expectations.js";
import { clog } from "./payloads.js";

const LATIN1 = { encoding: "latin1" } as const;
/** Each character that latin1 has. */
const EVERY = Buffer.from(Uint8Array.from({ length: 256 }, (_, code) => code));
const EVERY_AS_TEXT = String.fromCharCode(...EVERY);

/** That a call rejects since an argument has a wrong value, and does not repeat it. */
async function refusesValue(call: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await rejection(call);
  assert.ok(error instanceof TypeError, String(error));
  assert.equal((error as NodeJS.ErrnoException).code, "ERR_INVALID_ARG_VALUE");
  assert.match(error.message, message);
  assert.doesNotMatch(error.message, /secret/u);
}

/** How text becomes bytes when it is written, and what ends a line that is written. */
export const writtenText: readonly ContractCase[] = [
  ...([undefined, 64, 4_096] as const).flatMap((bufferSize) => {
    const options = bufferSize === undefined ? {} : { bufferSize };
    const how = bufferSize === undefined ? "sent" : `gathered up to ${String(bufferSize)} bytes`;
    return [
      onPair(
        `text that is ${how} as latin1 is one byte for each character`,
        async ({ a, b }) => {
          await a.write(EVERY_AS_TEXT, LATIN1);
          sameBytes(await b.readExactly(256), EVERY);
          void a.write(EVERY_AS_TEXT, LATIN1);
          void a.write("é", LATIN1);
          void a.write("é");
          void a.write("é", { encoding: "utf8" });
          void a.write("", LATIN1);
          void a.writeLine("é", LATIN1);
          void a.writeLine("é", { ...LATIN1, terminator: "\xa7", timeout: 5_000 });
          sameBytes(
            await b.readExactly(265),
            Buffer.concat([EVERY, Buffer.from("\xe9\xc3\xa9\xc3\xa9\xe9\n\xe9\xa7", "latin1")]),
          );
        },
        options,
      ),

      onPair(
        `the texts of a list that is ${how} as latin1 are encoded, and its bytes are as they are`,
        async ({ a, b }) => {
          const bytes = Buffer.from("é");
          const memory = Uint8Array.of(0xff, 0xfe).buffer;
          const list = ["é", bytes, "", "ÿ", new DataView(memory), memory];
          const expected = Buffer.from("\xe9\xc3\xa9\xff\xff\xfe\xff\xfe", "latin1");
          await a.write(list, LATIN1);
          sameBytes(await b.readExactly(8), expected);
          void a.write(list, LATIN1);
          void a.write(list);
          sameBytes(
            await b.readExactly(18),
            Buffer.concat([
              expected,
              Buffer.from("éé"),
              Buffer.from("ÿ"),
              Buffer.from(memory),
              Buffer.from(memory),
            ]),
          );
        },
        options,
      ),

      onPair(
        `text with a character that latin1 does not have is refused before it is ${how}`,
        async ({ a, b }) => {
          await refusesValue(
            a.write("secret €", LATIN1),
            /^"data" must be text with no character above U\+00FF, .* received a string of 8 characters$/u,
          );
          await refusesValue(a.write(["fine", "secret \u{1f600}"], LATIN1), /^"data\[\]" must be text/u);
          await refusesValue(a.writeLine("secret Ā", LATIN1), /^"line" must be text/u);
          assert.deepEqual([a.writableLength, a.bytesWritten], [0, 0]);
          await a.write("after");
          assert.equal(text(await b.readExactly(5)), "after");
        },
        options,
      ),
    ];
  }),

  onPair("latin1 is what a reader of latin1 gets back", async ({ a, b }) => {
    const line = EVERY_AS_TEXT.replace(/[\n\r]/gu, "");
    void a.writeLine(line, { ...LATIN1, terminator: "\r\n" });
    void a.write([line, "\r"], LATIN1);
    assert.equal(await b.readLine({ ...LATIN1, terminator: "crlf" }), line);
    assert.equal(await b.readLine({ ...LATIN1, terminator: "cr" }), line);
  }),

  onPair("much text in latin1 waits its turn on a connection that is clogged", async ({ a, b }) => {
    const many = "é".repeat(100_000);
    const clogging = a.write(clog());
    await stillPending(clogging);
    void a.write(many, LATIN1);
    void a.write(many);
    const written = a.writeLine("end", { terminator: "." });
    await b.readExactly(clog().length);
    const bytes = await b.readExactly(300_004);
    await Promise.all([clogging, written]);
    sameBytes(bytes.subarray(0, 100_000), Buffer.alloc(100_000, 0xe9));
    sameBytes(bytes.subarray(100_000), Buffer.from(`${many}end.`));
  }),

  onPair("writeLine ends a line with the text that it is given", async ({ a, b }) => {
    await a.writeLine("default", {});
    await a.writeLine("default", { terminator: undefined });
    for (const terminator of ["\n", "\r\n", "\r", "\0", "\x03\x04", "§", "line"])
      await a.writeLine("line", { terminator });
    await a.writeLine("", { terminator: "\r\n" });
    const expected = "default\ndefault\nline\nline\r\nline\rline\0line\x03\x04line§lineline\r\n";
    assert.equal(text(await b.readExactly(Buffer.byteLength(expected))), expected);
  }),

  onPair("a line that has its terminator in it is sent as it is", async ({ a, b }) => {
    await a.writeLine("one\r\ntwo\r\n", { terminator: "\r\n" });
    for (const line of ["one", "two", ""]) assert.equal(await b.readLine({ terminator: "crlf" }), line);
  }),

  onPair("writeLine refuses what ends no line, and says what to give", async ({ a }) => {
    for (const terminator of ["", "lf", "crlf", "cr", "any"]) {
      await refusesValue(
        a.writeLine("secret", { terminator }),
        /^"terminator" must be the text that ends the line, such as "\\n" or "\\r\\n"; received /u,
      );
    }
    for (const terminator of [null, 10, Buffer.from("\n")]) {
      const error = await rejection(a.writeLine("secret", { terminator } as unknown as WriteLineOptions));
      assert.ok(error instanceof TypeError, String(error));
      assert.match(error.message, /^"terminator" must be a string; received /u);
    }
    assert.deepEqual([a.writableLength, a.bytesWritten], [0, 0]);
  }),

  onPair("other encodings are refused, by any write", async ({ a }) => {
    for (const encoding of ["utf-8", "ascii", "hex", "", null, 8]) {
      const options = { encoding } as unknown as WriteOptions;
      await refusesValue(a.write("secret", options), /^"encoding" must be "utf8" or "latin1"; received /u);
      await refusesValue(
        a.write(Buffer.from("secret"), options),
        /^"encoding" must be "utf8" or "latin1"; /u,
      );
      await refusesValue(
        a.writeLine("secret", options),
        /^"encoding" must be "utf8" or "latin1"; received /u,
      );
    }
    assert.deepEqual([a.writableLength, a.bytesWritten], [0, 0]);
  }),
];
