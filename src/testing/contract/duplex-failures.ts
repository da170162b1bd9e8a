import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { PassThrough, Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { NetError, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { isReset, rejection, stillPending, text, until } from "./expectations.js";

/** Has five chunks arrive one by one, and then the peer's reset; or its end, where there is no such thing. */
async function fiveAndReset(a: Connection, b: Connection): Promise<void> {
  for (let chunk = 1; chunk <= 5; chunk++) {
    const had = a.bytesRead;
    await b.write(`chunk ${String(chunk)},`);
    await until(() => a.bytesRead === had + 8);
  }
  b.reset();
}

const FIVE = "chunk 1,chunk 2,chunk 3,chunk 4,chunk 5,";

/** What the Duplex of a connection does when that fails while bytes are unread, or another reads. */
export const duplexFailures: readonly ContractCase[] = [
  onPair("duplex: a paused reader gets what had arrived before a failure", async ({ a, b, resets }) => {
    let got = "";
    a.duplex.on("data", (chunk) => (got += String(chunk))).pause();
    await fiveAndReset(a, b);
    if (resets) await rejection(a.closed);
    assert.equal(a.duplex.destroyed, false);
    a.duplex.resume();
    const error = await finished(a.duplex, { writable: false }).catch((reason: unknown) => reason);
    assert.equal(got, FIVE);
    if (resets) assert.ok(isReset(error), String(error));
  }),

  onPair("duplex: a slow pipeline gets what had arrived before a failure", async ({ a, b, resets }) => {
    let got = "";
    const slow = new Writable({
      highWaterMark: 1,
      write: (chunk, _encoding, done) => {
        got += String(chunk);
        setTimeout(done, 20);
      },
    });
    const outcome = pipeline(a.duplex, slow).catch((error: unknown) => error);
    await fiveAndReset(a, b);
    if (!resets) a.duplex.end();
    const error = await outcome;
    assert.equal(got, FIVE);
    if (resets) assert.ok(isReset(error), String(error));
  }),

  onPair("duplex: a slow loop gets what had arrived before a failure", async ({ a, b, resets }) => {
    let got = "";
    const looping = (async () => {
      for await (const chunk of a.duplex) {
        got += String(chunk);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const outcome = looping.catch((error: unknown) => error);
    await fiveAndReset(a, b);
    if (!resets) a.duplex.end();
    const error = await outcome;
    assert.equal(got, FIVE);
    if (resets) assert.ok(isReset(error), String(error));
  }),

  onPair(
    "duplex: a failure does not wait where there was no reader; the connection's reads still give what had arrived",
    async ({ a, b, resets }) => {
      if (!resets) return;
      const failing = rejection(pipeline(new PassThrough(), a.duplex));
      await stillPending(failing);
      await fiveAndReset(a, b);
      const error = await failing;
      assert.ok(isReset(error), String(error));
      assert.equal(text(await a.readExactly(FIVE.length)), FIVE);
    },
  ),

  onPair("duplex: a reader that leaves at once does not block the connection's reads", async ({ a, b }) => {
    const ignore = () => undefined;
    a.duplex.on("data", ignore).off("data", ignore).pause();
    const reading = a.read();
    await stillPending(reading);
    await b.write("for the connection");
    assert.equal(text(await reading), "for the connection");
    assert.equal(a.duplex.destroyed, false);
    await b.write("for its duplex");
    const [chunk] = (await once(a.duplex.resume(), "data")) as [Buffer];
    assert.equal(text(chunk), "for its duplex");
  }),

  onPair(
    "a chunk on its way to a Duplex that fails meanwhile is left to the connection's reads",
    async ({ a, b, hasStream }) => {
      if (!hasStream) return;
      await b.write("unread");
      await until(() => a.readableLength === 6);
      // This is told of the failure first: the Duplex is told next, and is destroyed.
      const asked = a.closed.catch(() => void a.duplex.read());
      const { duplex } = a;
      a.socket.destroy(new Error("broken"));
      await asked;
      await until(() => duplex.destroyed);
      assert.equal(text(await a.read()), "unread");
      await assert.rejects(a.read(), NetError);
    },
  ),
];
