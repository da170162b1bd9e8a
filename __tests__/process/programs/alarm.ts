// Calls that must not keep other waits from ending: `alarm.ts <case>`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Duplex, duplexPair } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, Connection, listen, NetTimeoutError } from "../../../src/index.js";

const listener = await listen(0, { host: "127.0.0.1" });

async function opened(): Promise<Connection> {
  const [connection] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  return connection;
}

async function timesOut(reading: Promise<unknown>): Promise<void> {
  await assert.rejects(reading, NetTimeoutError);
}

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "a setTimeout that does nothing, for a while"() {
    const [connection, other] = [await opened(), await opened()];
    const real = globalThis.setTimeout;
    globalThis.setTimeout = (() => ({ unref: () => undefined })) as never;
    const reading = timesOut(connection.read({ timeout: 20 }));
    globalThis.setTimeout = real;
    await sleep(50);
    await timesOut(other.read({ timeout: 20 }));
    await reading;
  },

  async "global timers that do nothing, for good"() {
    const [one, other] = [await opened(), await opened()];
    const gathering = connect("127.0.0.1", listener.port, { bufferSize: 1_000 });
    const peer = await listener.accept();
    const end = Connection.from(duplexPair()[0]);
    for (const name of ["setTimeout", "setInterval", "setImmediate"])
      Object.assign(globalThis, { [name]: () => ({ unref: () => undefined }) });
    await (await gathering).write("gathered");
    assert.equal(String(await peer.readExactly(8)), "gathered");
    void end.write(new Uint8Array(1_000_000)).catch(() => undefined);
    await timesOut(end.write("never", { timeout: 0 }));
    await timesOut(end.close({ timeout: 20 }));
    await timesOut(listener.accept({ timeout: 20 }));
    const silent = new Promise((resolve) => one.duplex.setTimeout(20, () => resolve("silent")));
    assert.equal(await silent, "silent");
    const detached = peer.detach();
    await (await gathering).write(new Uint8Array(1_000));
    const [chunk] = (await once(detached, "data")) as [Buffer];
    assert.equal(chunk.length, 1_000);
    await timesOut(other.read({ timeout: 20 }));
  },

  async "a stream that throws when it is destroyed"() {
    const uncaught: unknown[] = [];
    process.on("uncaughtException", (error) => uncaught.push(error));
    const stream = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const failure = new Error("destroying failed");
    stream.destroy = () => {
      throw failure;
    };
    const connections = [await opened(), await opened()];
    // Its peer never ends, so it is destroyed when it has lingered; the reads are due in the same turn.
    void Connection.from(stream).close();
    await sleep(5);
    const reads = connections.map((connection) => timesOut(connection.read({ timeout: 2_000 })));
    await sleep(1_950);
    const late = performance.now() + 100;
    while (performance.now() < late);
    await Promise.all(reads);
    assert.deepEqual(uncaught, [failure]);
  },
};

const name = process.argv[2] ?? "";
const run = cases[name];
assert.ok(run !== undefined, `no such case: ${name}`);
await run();
console.log("done");
process.exit();
