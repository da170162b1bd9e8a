import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, stillPending, text, until } from "./expectations.js";

/** The records of a loop as text, up to its end. */
async function textsOf(loop: AsyncIterable<Buffer>): Promise<string[]> {
  const texts: string[] = [];
  for await (const record of loop) texts.push(record.toString());
  return texts;
}

async function sendBytewise(from: Connection, to: Connection, sent: string): Promise<void> {
  for (const [index, letter] of sent.split("").entries()) {
    await from.write(letter);
    await until(() => to.bytesRead === index + 1);
  }
}

/** Iterating over records: `split`. */
export const records: readonly ContractCase[] = [
  onPair("split gives the records before each delimiter, and ends with the stream", async ({ a, b }) => {
    await b.write("one--two----a-b--");
    await b.closeWrite();
    assert.deepEqual(await textsOf(a.split("--")), ["one", "two", "", "a-b"]);
    assert.equal(await a.read(), null);
    await a.write("our side is open");
    assert.equal(text(await b.read()), "our side is open");
  }),

  onPair("split gives the same records when they come byte by byte", async ({ a, b }) => {
    const sending = sendBytewise(b, a, "one\rtwo\r\n\r\rthree\n\r\nrest").then(() => b.closeWrite());
    const loop = a.split(["\r\n", Buffer.from("\n")], { last: true });
    assert.deepEqual(await textsOf(loop), ["one\rtwo", "\r\rthree", "", "rest"]);
    await sending;
  }),

  onPair("split: a last record without its delimiter is an error, and stays unread", async ({ a, b }) => {
    await b.write("one;two");
    await b.closeWrite();
    const loop = a.split(";");
    assert.equal(text((await loop.next()).value as Buffer), "one");
    const { message, operation } = await fails(loop.next(), "ERR_UNEXPECTED_EOF");
    assert.equal(operation, "read");
    assert.match(message, /after 3 bytes without the delimiter/u);
    assert.equal(text(await a.read()), "two");
    assert.equal((await loop.next()).done, true);
  }),

  onPair(
    "split with last: a last record may lack its delimiter, and has the same limit",
    async ({ a, b }) => {
      await b.write("one\r\ntwo\r");
      await b.closeWrite();
      const loop = a.split("\r\n", { last: true, limit: 3 });
      assert.equal(text((await loop.next()).value as Buffer), "one");
      await fails(loop.next(), "ERR_LIMIT");
      assert.deepEqual(await textsOf(a.split("\r\n", { last: true, limit: 4 })), ["two\r"]);
    },
  ),

  onPair("split: a reset is no end of the stream, also with last", async ({ a, b, resets }) => {
    if (!resets) return;
    const loop = a.split(";", { last: true });
    const next = loop.next();
    await b.write("one;half");
    assert.equal(text((await next).value as Buffer), "one");
    const failing = fails(loop.next(), "ECONNRESET");
    await until(() => a.readableLength === 4);
    b.reset();
    await failing;
    assert.equal(text(await a.readExactly(4)), "half");
  }),

  onPair("split: a record over the limit stays unread, for other reads", async ({ a, b }) => {
    await b.write("abc;abcd;end;");
    const loop = a.split(";", { limit: 3 });
    assert.equal(text((await loop.next()).value as Buffer), "abc");
    for (let again = 0; again < 2; again++) await fails(loop.next(), "ERR_LIMIT");
    assert.equal(text(await a.readUntil(";")), "abcd");
    assert.equal(text((await loop.next()).value as Buffer), "end");
  }),

  onPair("split goes on behind what other reads have taken between two records", async ({ a, b }) => {
    await b.write("5;12345a||2;xyb|");
    const loop = a.split([";", "||"]);
    const next = async () => text((await loop.next()).value as Buffer);
    assert.equal(await next(), "5");
    assert.equal(text(await a.readExactly(5)), "12345");
    assert.equal(await next(), "a");
    assert.equal(await next(), "2");
    const waiting = loop.next();
    await stillPending(waiting);
    await loop.return?.();
    assert.equal((await waiting).done, true);
    assert.equal(text(await a.read()), "xyb|");
  }),

  onPair("split: the delimiter's memory is the caller's", async ({ a, b }) => {
    const delimiters = [Buffer.from("--")];
    const loop = a.split(delimiters);
    delimiters[0]?.fill("x");
    delimiters.length = 0;
    await b.write("xx--rest");
    assert.equal(text((await loop.next()).value as Buffer), "xx");
  }),
];
