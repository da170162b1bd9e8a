import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Connection } from "../../index.js";
import { contractCase, onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, text, turn } from "./expectations.js";
import { random } from "../random.js";
import { pattern, pieces } from "./payloads.js";

const CONNECTIONS = 50;

/** A case about fifty pairs at once: `check` is run for each of them at the same time. */
function onManyPairs(
  name: string,
  check: (a: Connection, b: Connection, n: number) => Promise<void>,
): ContractCase {
  return contractCase(name, async (makePair) => {
    const pairs = await Promise.all(Array.from({ length: CONNECTIONS }, () => makePair()));
    await Promise.all(pairs.map(({ a, b }, n) => check(a, b, n)));
  });
}

/** Sends bytes in pieces of all sizes, some of them together. */
async function send(connection: Connection, bytes: Buffer, seed: number): Promise<void> {
  const numbers = random(seed + 1);
  for (const piece of pieces(bytes, 90_000, seed + 1)) {
    if (numbers(3) === 0) void connection.write(piece);
    else await connection.write(piece);
    if (numbers(4) === 0) await turn();
  }
  await connection.closeWrite();
}

/** Every byte arrives once, in order, at the right end. */
export const integrity: readonly ContractCase[] = [
  onPair("a request and its answer, a thousand times", async ({ a, b }) => {
    const answering = (async () => {
      for (let line = await b.readLine(); line !== null; line = await b.readLine())
        await b.writeLine(`re: ${line}`);
    })();
    for (let n = 0; n < 1_000; n++) {
      await a.writeLine(String(n));
      assert.equal(await a.readLine(), `re: ${String(n)}`);
    }
    await a.closeWrite();
    await answering;
  }),

  onPair("random sizes both ways at once", async ({ a, b }) => {
    const [fromA, fromB] = [pattern(3_000_000, 2), pattern(2_000_000, 3)];
    const [, , atA, atB] = await Promise.all([
      send(a, fromA, 5),
      send(b, fromB, 6),
      a.readAll(),
      b.readAll(),
    ]);
    sameBytes(atA, fromB);
    sameBytes(atB, fromA);
  }),

  onPair("reads of all kinds, mixed, give every byte once", async ({ a, b }) => {
    const sent = pattern(2_000_000, 4);
    const numbers = random(41);
    const sending = send(a, sent, 7);
    const target = Buffer.alloc(30_000);
    const got: Buffer[] = [];
    for (let total = 0; total < sent.length;) {
      const left = sent.length - total;
      const kind = numbers(4);
      let bytes: Buffer | null = null;
      if (kind === 0) bytes = await b.read();
      else if (kind === 1) bytes = await b.readExactly(Math.min(left, numbers(200_000)));
      else if (kind === 2) bytes = Buffer.from(target.subarray(0, (await b.readInto(target)) ?? 0));
      else {
        const at = sent.indexOf(0x21, total);
        if (at === -1) continue;
        const before = await b.readUntil("!");
        bytes = Buffer.concat([before ?? Buffer.alloc(0), Buffer.from("!")]);
      }
      got.push(bytes ?? Buffer.alloc(0));
      total += bytes?.length ?? 0;
    }
    await sending;
    assert.equal(await b.read(), null);
    sameBytes(Buffer.concat(got), sent);
  }),

  onManyPairs("fifty connections at once keep every chunk they were given", async (a, b, n) => {
    const sent = pattern(700_000, n + 1);
    const kept: Buffer[] = [];
    const sending = send(a, sent, n);
    for await (const chunk of b) {
      kept.push(chunk);
      if (kept.length % (1 + (n % 5)) === 0) await turn();
    }
    await sending;
    sameBytes(Buffer.concat(kept), sent);
  }),

  onManyPairs(
    "fifty connections at once, read now into memory of their own, now exactly, now recycled",
    async (a, b, n) => {
      const sent = pattern(400_000, n + 100);
      const sending = send(a, sent, n);
      const target = Buffer.alloc(sent.length);
      const kept: Buffer[] = [];
      let at = 0;
      if (n % 3 === 0) {
        for (;;) {
          const size = await b.readInto(target.subarray(at));
          if (size === null || size === 0) break;
          at += size;
        }
        kept.push(target);
      } else if (n % 3 === 1) {
        for (; at < sent.length; at += 1_000) kept.push(await b.readExactly(1_000));
      } else {
        for await (const chunk of b.chunks({ recycle: true })) kept.push(Buffer.from(chunk));
      }
      await sending;
      sameBytes(Buffer.concat(kept), sent);
    },
  ),

  onManyPairs("fifty conversations at once, each with its own peer", async (a, b, n) => {
    const answering = (async () => {
      for await (const line of b.lines()) await b.writeLine(`${String(n)}: ${line}`);
    })();
    for (let round = 0; round < 30; round++) {
      const question = "?".repeat(round * 50);
      await a.writeLine(question);
      assert.equal(await a.readLine(), `${String(n)}: ${question}`);
    }
    await a.closeWrite();
    await answering;
  }),

  onPair("readers that race are served one at a time, and no byte is given twice", async ({ a, b }) => {
    const total = 300;
    let refusals = 0;
    const got: number[] = [];
    const reader = async () => {
      while (got.length < total) {
        try {
          const [byte] = await b.readExactly(1);
          got.push(byte ?? -1);
        } catch (error) {
          if (b.bytesRead === total && got.length + b.readableLength >= total) await turn();
          await fails(Promise.reject(error), "ERR_BUSY", "ERR_UNEXPECTED_EOF");
          refusals++;
          await turn();
        }
      }
    };
    const readers = [reader(), reader(), reader()];
    for (let n = 0; n < total; n++) {
      await a.write(Buffer.of(n % 256));
      if (n % 4 === 0) await turn();
    }
    await a.closeWrite();
    await Promise.all(readers);
    assert.deepEqual(
      got,
      Array.from({ length: total }, (_, n) => n % 256),
    );
    assert.ok(refusals > 0);
  }),

  onPair("all methods at once, in any order, neither hang nor throw", async ({ a, b }) => {
    const echoing = (async () => {
      for await (const chunk of b) await b.write(chunk);
      await b.close();
    })();
    const calls: (() => unknown)[] = [
      () => a.read({ timeout: 5 }),
      () => a.readLine({ timeout: 1 }),
      () => a.write("x\n"),
      () => a.write(pattern(5_000), { timeout: 3 }),
      () => a.flush({ timeout: 5 }),
      () => a.setNoDelay(false).setNoDelay(),
      () => a.setKeepAlive(true, 5_000).setKeepAlive(false).setKeepAlive({ delay: 5_000 }),
      () => a.unref().ref(),
      () => [a.localAddress, a.localPort, a.remoteAddress, a.remotePort, a.family, a.fd],
      () => [a.bytesRead, a.bytesWritten, a.readableLength, a.writableLength, a.socket],
    ];
    const workers = calls.map(async (call) => {
      for (let times = 0; times < 50; times++) {
        try {
          await call();
        } catch (error) {
          await fails(Promise.reject(error), "ERR_BUSY", "ETIMEDOUT");
        }
        await turn();
      }
    });
    await Promise.all(workers);
    const ends = [a.closeWrite(), a.flush(), a.close(), a.closed];
    a.closeRead();
    await Promise.all(ends);
    await echoing;
  }),

  onPair("all waiting operations of both ends settle when both ends are closed", async ({ a, b }) => {
    const waiting = [a.read(), b.readLine()];
    for (const promise of waiting) await stillPending(promise);
    const closing = [a.close(), b.close()];
    for (const promise of waiting) {
      assert.equal(((await rejection(promise)) as { code?: string }).code, "ERR_CLOSED");
    }
    await Promise.all(closing);
  }),

  onPair("connections can be made, used and dropped by the hundred", async ({ a, b }) => {
    for (let n = 0; n < 100; n++) {
      const message = `message ${String(n)} ${"x".repeat(n * 10)}`;
      void a.write([message, "\0"]);
      assert.equal(text(await b.readUntil("\0")), message);
    }
  }),
];
