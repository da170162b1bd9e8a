// What a Duplex of connectDuplex does to its process: `connect-duplex.ts <case> <port of a server that is silent>`.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connectDuplex } from "../../../src/index.js";
import { unusedPort } from "../../support/peers.js";

const [, , name = "", port = ""] = process.argv;

function uncaught(): Promise<unknown[]> {
  return once(process, "uncaughtException");
}

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "an error without a listener"() {
    const failing = uncaught();
    connectDuplex("127.0.0.1", await unusedPort());
    const [error] = await failing;
    assert.match(String(error), /connection refused \(ECONNREFUSED\)/);
  },

  async "an error without a listener whose connection was asked for"() {
    const { connection } = connectDuplex("127.0.0.1", await unusedPort());
    await new Promise((resolve) => setTimeout(resolve, 50));
    await assert.rejects(connection, { code: "ECONNREFUSED" });
  },

  async "an error with a listener, and a rejection that nobody asks for"() {
    const duplex = connectDuplex("127.0.0.1", await unusedPort());
    let failures = 0;
    duplex.on("error", () => failures++);
    await new Promise((resolve) => duplex.on("close", resolve));
    assert.equal(failures, 1);
  },

  async "listeners that throw"() {
    const errors: string[] = [];
    process.on("uncaughtException", ({ message }) => errors.push(message));
    const lookup = (_name: string, _options: object, answer: (error: null, found: string) => void): void =>
      answer(null, "127.0.0.1");
    const duplex = connectDuplex("name.test", Number(port), { lookup });
    for (const event of ["lookup", "connect", "close"]) {
      duplex.on(event, () => {
        throw new Error(event);
      });
    }
    await duplex.connection;
    duplex.destroy(new Error("enough"));
    while (errors.length < 3) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(errors, ["lookup", "connect", "close"]);
  },

  async "unref() before it has connected"() {
    const duplex = connectDuplex("127.0.0.1", Number(port)).unref();
    duplex.resume();
    await once(duplex, "ready");
  },

  async "unref() after it has connected"() {
    const { duplex } = await connectDuplex("127.0.0.1", Number(port)).connection;
    duplex.resume().unref();
  },
};

const run = cases[name];
assert(run, `no such case: ${name}`);
await run();
console.log("done");
