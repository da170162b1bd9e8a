import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { lengthPrefixed } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, stillPending, text, turn, until } from "./expectations.js";
import { pattern } from "./payloads.js";

/** Asserts that bytes cannot be put back, for the reason that `code` says. */
async function isRefused(unread: () => void, code: string): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/require-await -- it throws
  const error = await fails((async () => unread())(), code);
  assert.equal(error.operation, "read");
}

/** Looking at bytes that stay unread, and putting bytes back: `peek` and `unread`. */
export const unread: readonly ContractCase[] = [
  onPair("peek gives the next bytes and leaves them unread", async ({ a, b }) => {
    await b.write("peeked");
    const seen = await a.peek(4);
    assert.equal(text(seen), "peek");
    // The memory is the caller's.
    seen.fill(0);
    structuredClone(seen.buffer, { transfer: [seen.buffer] });
    await until(() => a.readableLength === 6);
    assert.equal(text(await a.peek(1)), "p");
    assert.equal((await a.peek(0)).length, 0);
    assert.deepEqual([a.bytesRead, a.readableLength], [6, 6]);
    assert.equal(text(await a.readExactly(6)), "peeked");
    assert.equal((await a.peek(0)).length, 0);
  }),

  onPair("peek waits until as many bytes are there, as a read does", async ({ a, b }) => {
    const peeking = a.peek(8);
    for (const part of ["1", "23", "4567"]) {
      await b.write(part);
      await stillPending(peeking);
    }
    await fails(a.read(), "ERR_BUSY");
    await b.write("890");
    assert.equal(text(await peeking), "12345678");
    assert.equal(text(await a.readExactly(10)), "1234567890");
  }),

  onPair("peek takes a look at more bytes than are read ahead", async ({ a, b }) => {
    const sent = pattern(300_000);
    void b.write(sent);
    sameBytes(await a.peek(200_000), sent.subarray(0, 200_000));
    sameBytes(await a.peek(300_000), sent);
    sameBytes(await a.readExactly(300_000), sent);
    await b.write("the reading goes on");
    assert.equal(text(await a.readExactly(19)), "the reading goes on");
  }),

  onPair("peek gives fewer bytes at the end of the stream, and none behind the last", async ({ a, b }) => {
    const peeking = a.peek(10);
    await b.write("last");
    await b.closeWrite();
    assert.equal(text(await peeking), "last");
    assert.equal(text(await a.peek(10)), "last");
    assert.equal(text(await a.read()), "last");
    for (let again = 0; again < 2; again++) assert.equal((await a.peek(10)).length, 0);
    assert.equal(await a.read(), null);
  }),

  onPair("peek does not take a reset for the end of the stream", async ({ a, b, resets }) => {
    if (!resets) return;
    const peeking = fails(a.peek(10), "ECONNRESET");
    await b.write("last");
    await until(() => a.readableLength === 4);
    b.reset();
    await peeking;
    assert.equal(text(await a.peek(4)), "last");
    await fails(a.peek(5), "ECONNRESET");
    assert.equal(text(await a.read()), "last");
  }),

  onPair("what is put back is read first, and is not counted again", async ({ a, b }) => {
    await b.write("HEAD body");
    const head = await a.readExactly(4);
    a.unread(head);
    // A copy was put back.
    head.fill("x");
    await until(() => a.bytesRead === 9);
    assert.deepEqual([a.bytesRead, a.readableLength], [9, 9]);
    assert.equal(text(await a.readExactly(6)), "HEAD b");
    a.unread(["2", new Uint8Array([0x31]).buffer, "0 "]);
    a.unread("");
    a.unread("é");
    assert.equal(text(await a.readExactly(9)), "é210 ody");
    assert.equal(a.readableLength, 0);
  }),

  onPair("what is put back may be more than is read ahead, and is the reader's own", async ({ a, b }) => {
    const sent = pattern(300_000, 4);
    void b.write(sent);
    const first = await a.readExactly(250_000);
    a.unread(first.subarray(1_000));
    a.unread(first.subarray(0, 1_000));
    const all: Buffer[] = [];
    for (let left = sent.length; left > 0; left -= all.at(-1)?.length ?? 0) {
      const chunk = (await a.read()) ?? assert.fail("the stream ended");
      all.push(Buffer.from(chunk));
      structuredClone(chunk.buffer, { transfer: [chunk.buffer] });
    }
    sameBytes(Buffer.concat(all), sent);
  }),

  onPair("bytes can be put back behind the end of the stream", async ({ a, b }) => {
    await b.write("last");
    await b.closeWrite();
    const all = await a.readAll();
    assert.equal(await a.read(), null);
    a.unread(all);
    assert.equal(text(await a.readExactly(4)), "last");
    assert.equal(await a.read(), null);
    await a.closeWrite();
    await a.closed;
    a.unread("over");
    assert.equal(text(await a.read()), "over");
    assert.equal(await a.read(), null);
  }),

  onPair("bytes can be put back before a failure", async ({ a, b, resets }) => {
    if (!resets) return;
    const failing = fails(a.read(), "ECONNRESET");
    b.reset();
    await failing;
    a.unread("back");
    assert.equal(text(await a.read()), "back");
    await fails(a.read(), "ECONNRESET");
  }),

  onPair("loops go on with what is put back between two pulls", async ({ a, b }) => {
    const sent = "one\ntwo\nthree\nfour\nfive\n".repeat(3);
    await b.write(sent.repeat(2));
    await until(() => a.readableLength === 2 * sent.length);
    const lines = a.lines();
    const records = a.split("\n");
    const chunks = a.chunks({ recycle: true });
    const nextLine = async () => (await lines.next()).value as string;
    assert.deepEqual([await nextLine(), await nextLine()], ["one", "two"]);
    a.unread("TWO\nmore\n");
    assert.deepEqual([await nextLine(), await nextLine(), await nextLine()], ["TWO", "more", "three"]);
    a.unread("!");
    assert.equal(text((await records.next()).value as Buffer), "!four");
    a.unread("a record\nhalf of ");
    assert.equal(text((await records.next()).value as Buffer), "a record");
    assert.equal(await nextLine(), "half of five");
    a.unread("\0\0\0\u0002hi");
    const frame = await lengthPrefixed(a).receive();
    assert.equal(text(frame), "hi");
    a.unread("first");
    const got: string[] = [];
    while (got.join("").length < 5 + 2 * sent.length - 24) {
      got.push(String((await chunks.next()).value));
      if (got.length === 1) a.unread("");
    }
    assert.equal(got.join(""), `first${sent.repeat(2).slice(24)}`);
  }),

  onPair("nothing is put back while a read waits, whose bytes it would be", async ({ a, b }) => {
    for (const wait of [() => a.read(), () => a.peek(4), () => a.split("\n").next()]) {
      const waiting = wait();
      await isRefused(() => a.unread("back"), "ERR_BUSY");
      await stillPending(waiting);
      await b.write("more\n");
      await waiting;
      if (a.readableLength > 0) await a.readUntil("\n");
    }
    a.unread("back");
    assert.equal(text(await a.read()), "back");
  }),

  onPair("nothing is put back while a stream over the connection is read", async ({ a, b }) => {
    const data = once(a.duplex, "data");
    await isRefused(() => a.unread("back"), "ERR_BUSY");
    await b.write("flowing");
    assert.equal(String(((await data) as [Buffer])[0]), "flowing");
    a.duplex.pause().removeAllListeners("data");
    await turn();
    const reader = b.readable.getReader();
    const read = reader.read();
    await turn();
    await isRefused(() => b.unread("back"), "ERR_BUSY");
    await a.write("for the web");
    assert.equal(text(Buffer.from((await read).value ?? [])), "for the web");
  }),

  onPair("the streams over a connection give what was put back first", async ({ a, b }) => {
    const { duplex } = a;
    const readable = once(duplex, "readable");
    await b.write("held");
    await readable;
    duplex.removeAllListeners("readable");
    // What the Duplex holds comes behind it.
    a.unread("back, ");
    let got = "";
    duplex.on("data", (chunk: Buffer) => (got += chunk.toString()));
    await until(() => got === "back, held");
    a.write("web").catch(() => undefined);
    await until(() => b.readableLength === 3);
    b.unread("the ");
    const reader = b.readable.getReader();
    let seen = "";
    while (seen.length < 7) seen += String(Buffer.from((await reader.read()).value ?? []));
    assert.equal(seen, "the web");
  }),

  onPair("a detached stream gives what was put back first, then the rest and the end", async ({ a, b }) => {
    await b.write("HEAD body");
    a.unread(await a.readExactly(5));
    a.unread("new ");
    assert.equal(text(await a.peek(6)), "new HE");
    const socket = a.detach().on("error", () => undefined);
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
    const end = once(socket, "end");
    void b.closeWrite();
    await end;
    assert.equal(got, "new HEAD body");
  }),

  onPair("nothing can be put back where reads get nothing any more", async ({ a, b }) => {
    const shut = a;
    shut.closeRead();
    await isRefused(() => shut.unread("x"), "ERR_CLOSED");
    assert.equal(shut.readableLength, 0);
    assert.equal(await shut.read(), null);
    b.reset();
    await isRefused(() => b.unread("x"), "ERR_CLOSED");
    assert.equal(b.readableLength, 0);
    await Promise.allSettled([a.close(), b.close()]);
    await isRefused(() => a.unread(""), "ERR_CLOSED");
  }),
];
