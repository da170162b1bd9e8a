import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, timesOut, turn, until } from "./expectations.js";
import { pattern } from "./payloads.js";

/** What the kinds of reads give, and what they leave. */
export const reading: readonly ContractCase[] = [
  onPair("bytes written at one end are read at the other, both ways", async ({ a, b }) => {
    await a.write("from a");
    await b.write("from b");
    assert.equal(text(await b.readExactly(6)), "from a");
    assert.equal(text(await a.readExactly(6)), "from b");
  }),

  onPair("a read that waits is given what arrives", async ({ a, b }) => {
    const waiting = a.read();
    await stillPending(waiting);
    await b.write("at last");
    assert.equal(text(await waiting), "at last");
  }),

  onPair("a read takes what has arrived without waiting for more", async ({ a, b }) => {
    await b.write("one");
    await until(() => a.readableLength === 3);
    assert.equal(text(await a.read({ timeout: 0 })), "one");
    assert.equal(a.readableLength, 0);
  }),

  onPair("readableLength counts what can be read, bytesRead what has arrived", async ({ a, b }) => {
    assert.deepEqual([a.readableLength, a.bytesRead], [0, 0]);
    await b.write("12345");
    await until(() => a.readableLength === 5);
    assert.equal(text(await a.readExactly(2)), "12");
    assert.deepEqual([a.readableLength, a.bytesRead], [3, 5]);
  }),

  onPair("a chunk that was read is never overwritten later", async ({ a, b }) => {
    const kept: Buffer[] = [];
    const sent = pattern(3 * 1024 * 1024);
    void b.write(sent);
    while (a.bytesRead < sent.length || a.readableLength > 0) {
      const chunk = await a.read();
      if (chunk !== null) kept.push(chunk);
      if (kept.length % 7 === 0) await turn();
    }
    for (let more = 0; more < 20; more++) {
      await b.write(Buffer.alloc(5_000, more));
      await a.readExactly(5_000);
    }
    sameBytes(Buffer.concat(kept), sent);
  }),

  onPair("a chunk is the reader's: writing to it changes nothing that is read later", async ({ a, b }) => {
    await b.write("first,second,third");
    await until(() => a.readableLength === 18);
    (await a.readUntil(","))?.fill("x");
    (await a.readExactly(3)).fill("x");
    assert.equal(text(await a.readExactly(9)), "ond,third");
  }),

  onPair("readInto fills the beginning of its target and says how much", async ({ a, b }) => {
    const target = Buffer.alloc(8, ".");
    const waiting = a.readInto(target);
    await stillPending(waiting);
    await b.write("abc");
    assert.equal(await waiting, 3);
    assert.equal(target.toString(), "abc.....");
    await b.write("de");
    await until(() => a.readableLength === 2);
    assert.equal(await a.readInto(target), 2);
    assert.equal(target.toString(), "dec.....");
  }),

  onPair("readInto leaves what does not fit for the next read", async ({ a, b }) => {
    const target = new Uint8Array(12).subarray(4, 8);
    const waiting = a.readInto(target);
    await b.write("0123456789");
    assert.equal(await waiting, 4);
    assert.deepEqual([...new Uint8Array(target.buffer)].slice(0, 4), [0, 0, 0, 0]);
    assert.deepEqual([...new Uint8Array(target.buffer)].slice(8), [0, 0, 0, 0]);
    assert.equal(Buffer.from(target).toString(), "0123");
    assert.equal(text(await a.read()), "456789");
  }),

  onPair("readInto an empty target gives 0 at once", async ({ a, b }) => {
    assert.equal(await a.readInto(new Uint8Array(0)), 0);
    await b.write("x");
    await until(() => a.readableLength === 1);
    assert.equal(await a.readInto(new Uint8Array(0)), 0);
    assert.equal(a.readableLength, 1);
  }),

  onPair("readInto leaves its target as it was when it fails", async ({ a, b }) => {
    const target = Buffer.alloc(4, ".");
    await timesOut(a.readInto(target, { timeout: 5 }));
    await b.write("abcd");
    await until(() => a.readableLength === 4);
    assert.equal(target.toString(), "....");
    assert.equal(text(await a.read()), "abcd");
  }),

  onPair("readExactly gathers the bytes of many packets", async ({ a, b }) => {
    const waiting = a.readExactly(6);
    for (let size = 1; size <= 3; size++) {
      await b.write("ab");
      await until(() => a.bytesRead === size * 2);
    }
    assert.equal(text(await waiting), "ababab");
  }),

  onPair("readExactly reads more than is ever read ahead", async ({ a, b }) => {
    const sent = pattern(1024 * 1024 + 1);
    void b.write(sent);
    await until(() => a.readableLength >= 64 * 1024);
    sameBytes(await a.readExactly(sent.length - 1), sent.subarray(0, -1));
    sameBytes(await a.readExactly(1), sent.subarray(-1));
  }),

  onPair("readExactly(0) gives nothing at once, also at the end of the stream", async ({ a, b }) => {
    assert.equal((await a.readExactly(0, { timeout: 0 })).length, 0);
    await b.closeWrite();
    assert.equal(await a.read(), null);
    assert.equal((await a.readExactly(0)).length, 0);
  }),

  onPair("readExactly at the end of the stream rejects and leaves the bytes unread", async ({ a, b }) => {
    const failing = fails(a.readExactly(10), "ERR_UNEXPECTED_EOF");
    await b.write("1234567");
    await b.closeWrite();
    const { message, operation } = await failing;
    assert.match(message, /7 of 10/u);
    assert.equal(operation, "read");
    await fails(a.readExactly(8), "ERR_UNEXPECTED_EOF");
    assert.equal(text(await a.readExactly(7)), "1234567");
    assert.equal(await a.read(), null);
  }),

  onPair("readUntil consumes the delimiter and leaves what follows", async ({ a, b }) => {
    await b.write("one--two--rest");
    assert.equal(text(await a.readUntil("--")), "one");
    assert.equal(text(await a.readUntil(Buffer.from("--"))), "two");
    assert.equal(text(await a.readExactly(4)), "rest");
  }),

  onPair("readUntil: the delimiter's memory is the caller's, also while it waits", async ({ a, b }) => {
    const delimiter = Buffer.from("--");
    const reading = a.readUntil(delimiter);
    delimiter.fill("x");
    await b.write("not xx yet--rest");
    assert.equal(text(await reading), "not xx yet");
  }),

  onPair("readUntil gives an empty buffer when the delimiter comes first", async ({ a, b }) => {
    await b.write(";;");
    assert.equal((await a.readUntil(";"))?.length, 0);
    assert.equal((await a.readUntil(";"))?.length, 0);
  }),

  onPair("readUntil finds a delimiter that packets split at any position", async ({ a, b }) => {
    for (let split = 0; split <= 4; split++) {
      const sent = "head\r\n\r\nbody";
      const before = a.bytesRead;
      const waiting = a.readUntil("\r\n\r\n");
      await b.write(sent.slice(0, 4 + split));
      await until(() => a.bytesRead === before + 4 + split);
      if (split < 4) await stillPending(waiting);
      await b.write(sent.slice(4 + split));
      assert.equal(text(await waiting), "head");
      assert.equal(text(await a.readExactly(4)), "body");
    }
  }),

  onPair("readUntil finds a delimiter after one that only began, byte by byte", async ({ a, b }) => {
    const waiting = a.readUntil("aab");
    for (const [index, letter] of "aaacaaaab!".split("").entries()) {
      await b.write(letter);
      await until(() => a.bytesRead === index + 1);
    }
    assert.equal(text(await waiting), "aaacaa");
    assert.equal(text(await a.read()), "!");
  }),

  onPair("readUntilAny tells which delimiter has come, as it was given", async ({ a, b }) => {
    const stx = Uint8Array.of(2);
    await b.write("Welcome\r\nlogin: me\n\u0002Password: rest");
    const delimiters = ["\n", "\r\n", "login: ", stx, "Password: "];
    const got: unknown[] = [];
    for (let n = 0; n < 5; n++) {
      const { bytes, delimiter } = (await a.readUntilAny(delimiters)) ?? assert.fail("the stream ended");
      got.push(text(bytes), delimiter);
    }
    assert.deepEqual(got, ["Welcome", "\r\n", "", "login: ", "me", "\n", "", stx, "", "Password: "]);
    assert.equal(got[7], stx);
    assert.equal(text(await a.readExactly(4)), "rest");
  }),

  onPair("of several delimiters the one counts that is complete first, byte by byte", async ({ a, b }) => {
    const delimiters = ["login: ", "log", "\r\n", "\n"];
    const waiting = a.readUntil(delimiters);
    for (const [index, letter] of "lo\rlogin: ".split("").entries()) {
      await b.write(letter);
      await until(() => a.bytesRead === index + 1);
    }
    assert.equal(text(await waiting), "lo\r");
    assert.equal(text(await a.readExactly(4)), "in: ");
  }),

  onPair("readUntilAny: the list and its memory are the caller's, also while it waits", async ({ a, b }) => {
    const first = Buffer.from("--");
    const delimiters = [first, Buffer.from("||")];
    const reading = a.readUntilAny(delimiters);
    first.fill("x");
    delimiters.length = 0;
    await b.write("xx--rest");
    assert.equal((await reading)?.delimiter, first);
    assert.equal(text(await a.read()), "rest");
  }),

  onPair("readUntil at the end of the stream rejects while bytes are left", async ({ a, b }) => {
    const unfinished = fails(a.readUntil("\n"), "ERR_UNEXPECTED_EOF");
    await b.write("no end");
    await b.closeWrite();
    await unfinished;
    assert.equal(text(await a.readUntil("e")), "no ");
    assert.equal(text(await a.read()), "nd");
    assert.equal(await a.readUntil("\n"), null);
  }),

  onPair("readAll gives everything up to the end of the stream", async ({ a, b }) => {
    const sent = pattern(300_000);
    const all = a.readAll();
    void b.write(sent);
    await b.closeWrite();
    sameBytes(await all, sent);
    assert.equal((await a.readAll()).length, 0);
  }),

  onPair("the end of the stream is read again and again", async ({ a, b }) => {
    await b.closeWrite();
    for (let again = 0; again < 2; again++) {
      assert.equal(await a.read(), null);
      assert.equal(await a.readInto(new Uint8Array(4)), null);
      assert.equal(await a.readLine(), null);
      assert.equal(await a.readUntil("x"), null);
      assert.equal(await a.readUntilAny(["x", "y"]), null);
      assert.equal((await a.readAll()).length, 0);
      assert.equal((await a.peek(4)).length, 0);
      assert.equal((await a.lines().next()).done, true);
      assert.equal((await a.split("x", { last: true }).next()).done, true);
      assert.equal((await a.chunks().next()).done, true);
      await fails(a.readExactly(1), "ERR_UNEXPECTED_EOF");
    }
  }),

  onPair("a second read is refused while one waits, which is not disturbed", async ({ a, b }) => {
    const first = a.readLine();
    const others = [
      a.read(),
      a.readInto(new Uint8Array(1)),
      a.readExactly(1),
      a.readUntil("x"),
      a.readUntilAny(["x"]),
      a.readLine(),
      a.readAll(),
      a.peek(1),
      a.lines().next(),
      a.split("x").next(),
      a.chunks().next(),
      a.chunks({ recycle: true }).next(),
      a.read({ timeout: 0 }),
    ];
    for (const other of others) assert.equal((await fails(other, "ERR_BUSY")).operation, "read");
    await b.write("line\nrest");
    assert.equal(await first, "line");
    assert.equal(text(await a.readExactly(4)), "rest");
  }),
];
