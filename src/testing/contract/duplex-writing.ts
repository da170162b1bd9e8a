import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, sameBytes, text, turn, until } from "./expectations.js";
import { random } from "../random.js";
import { clog, pattern } from "./payloads.js";

/** What may be asked of the connection while its Duplex still queues what was written to it. */
const calls: Readonly<Record<string, (a: Connection) => Promise<unknown>>> = {
  "close()": (a) => a.close(),
  "closeWrite()": (a) => a.closeWrite(),
  "flush(), then reset()": async (a) => {
    await a.flush();
    // Other streams than the kernel's may lose by a reset what they have taken.
    if (a.fd === undefined) await a.closeWrite();
    else a.reset();
  },
  "detach()": async (a) => {
    const socket = a.detach().on("error", () => undefined);
    socket.end();
    await once(socket, "finish");
  },
};

/** Writes to the Duplex of a connection and to the connection itself, in turns. */
export const duplexWriting: readonly ContractCase[] = [
  ...Object.entries(calls).map(([name, call]) =>
    onPair(`duplex: what it queues goes out before ${name}`, async ({ a, b }) => {
      for (const letter of "abcdef") a.duplex.write(letter);
      const called = call(a);
      const received: Buffer[] = [];
      const all = (async () => {
        for await (const chunk of b) received.push(chunk);
      })().catch(() => undefined);
      await all;
      assert.equal(Buffer.concat(received).toString(), "abcdef");
      await Promise.all([called, b.close()]);
    }),
  ),

  onPair(
    "duplex: what is written to it and to the connection goes in the order of the calls",
    async ({ a, b }) => {
      const numbers = random(7);
      const outcomes: unknown[] = [];
      let expected = "";
      const all = b.readAll();
      for (let n = 0; n < 300; n++) {
        const word = `${n},`;
        expected += word;
        if (numbers(2) === 0) void a.write(word);
        else a.duplex.write(word, (error) => outcomes.push(error));
        if (numbers(20) === 0) await turn();
      }
      a.duplex.end();
      assert.equal(text(await all), expected);
      assert.ok(outcomes.length > 100 && outcomes.every((error) => error == null));
    },
  ),

  onPair("duplex: behind a write that the peer does not take, the order stays", async ({ a, b }) => {
    const order: string[] = [];
    a.duplex.write(clog(), () => order.push("clog"));
    a.duplex.write("1", () => order.push("1"));
    a.duplex.write("2", () => order.push("2"));
    void a.write("3").then(() => order.push("3"));
    a.duplex.write("4", () => order.push("4"));
    await turn();
    assert.deepEqual(order, []);
    assert.equal(a.duplex.bytesWritten, clog().length + 4);
    a.duplex.end("5");
    const received = await b.readAll({ limit: Infinity });
    sameBytes(received.subarray(0, clog().length), clog());
    assert.equal(text(received.subarray(clog().length)), "12345");
    await until(() => order.length === 5);
    assert.deepEqual(
      order.filter((name) => name !== "3"),
      ["clog", "1", "2", "4"],
    );
    assert.equal(a.duplex.bytesWritten, clog().length + 5);
  }),

  onPair(
    "duplex: what it queues goes out before destroy() without an error closes gracefully",
    async ({ a, b }) => {
      for (const letter of "abcdef") a.duplex.write(letter);
      a.duplex.destroy();
      assert.equal(text(await b.readAll()), "abcdef");
      await Promise.all([a.closed, b.close()]);
    },
  ),

  onPair(
    "duplex: what is gathered goes out before destroy() without an error closes gracefully",
    async ({ a, b }) => {
      for (const letter of "abcdef") a.duplex.write(letter);
      void a.write("g");
      a.duplex.destroy();
      assert.equal(text(await b.readAll()), "abcdefg");
      await Promise.all([a.closed, b.close()]);
    },
    { bufferSize: 1_000 },
  ),

  onPair("duplex: all that a loop has written is sent when the loop is left", async ({ a, b }) => {
    await b.write("question");
    for await (const chunk of a.duplex) {
      for (const letter of String(chunk)) a.duplex.write(letter);
      break;
    }
    assert.equal(text(await b.readAll()), "question");
    await Promise.all([a.closed, b.close()]);
  }),

  onPair(
    "duplex: what it queues behind a write that is not taken is cut off by destroy(), not by an end",
    async ({ a, b, resets }) => {
      a.duplex.write(clog());
      a.duplex.write("more");
      await turn();
      a.duplex.destroy();
      await a.closed;
      const received = (await Promise.allSettled([b.readAll({ limit: Infinity })]))[0];
      if (resets) assert.equal(received.status, "rejected");
    },
  ),

  onPair(
    "duplex: what it queues goes out although its reading is refused as a second reader",
    async ({ a, b }) => {
      const reading = a.read();
      a.duplex.resume();
      a.duplex.cork();
      a.duplex.write("queued");
      await fails(once(a.duplex, "close"), "ERR_BUSY");
      assert.equal(text(await b.read()), "queued");
      await b.write("for the first");
      assert.equal(text(await reading), "for the first");
    },
  ),

  onPair("duplex: what is corked stays so, until something follows it", async ({ a, b }) => {
    a.duplex.cork();
    a.duplex.write("one,");
    a.duplex.write("two,");
    await a.write("three");
    assert.equal(text(await b.readExactly(13)), "one,two,three");
    a.duplex.write(",four");
    a.duplex.uncork();
    assert.equal(text(await b.readExactly(5)), ",four");
    assert.equal(a.duplex.bytesWritten, 18);
  }),

  onPair(
    "duplex: what the kernel takes at once leaves room for the next write",
    async ({ a, b, takesAtOnce }) => {
      if (!takesAtOnce) return;
      const sent = pattern(64_000);
      const received = b.readExactly(sent.length);
      for (let from = 0; from < sent.length; from += 8_000) {
        assert.equal(a.duplex.write(sent.subarray(from, from + 8_000)), true);
        assert.equal(a.duplex.writableLength, 0);
      }
      sameBytes(await received, sent);
    },
  ),
];
