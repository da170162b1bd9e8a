import assert from "node:assert/strict";
import type { Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, stillPending, turn, until } from "./expectations.js";
import { clog, pattern } from "./payloads.js";

const GONE = ["ECONNRESET", "EPIPE"];

/** Writes until the peer is known to be gone. */
async function writeUntilItFails(connection: Connection): Promise<void> {
  for (let tries = 0; tries < 10_000; tries++) {
    await connection.write("are you there?");
    await turn();
  }
}

/** What can still be read, and which call is told, when writing has failed. */
export const replies: readonly ContractCase[] = [
  onPair("a reply is read although a write has failed", async ({ a, b }) => {
    await b.write("421 too busy\r\n");
    await b.close({ timeout: 10 });
    const failure = await fails(writeUntilItFails(a), ...GONE);
    assert.equal(failure.operation, "write");
    assert.equal(await a.readLine(), "421 too busy");
    assert.equal((await fails(a.read(), ...GONE)).operation, "read");
    await fails(a.closed, ...GONE);
  }),

  onPair("a reply that was unread when a write failed can still be read", async ({ a, b }) => {
    const reply = pattern(60_000);
    const failing = fails(a.write(clog()), ...GONE);
    await stillPending(failing);
    await b.write(reply);
    await until(() => a.readableLength === reply.length);
    b.reset();
    assert.equal((await failing).written, "partly");
    sameBytes(await a.readExactly(50_000), reply.subarray(0, 50_000));
    sameBytes(await a.read(), reply.subarray(50_000));
    assert.equal((await fails(a.read(), ...GONE)).operation, "read");
  }),

  onPair("an unawaited write that fails shows at the next call and at closed", async ({ a, b }) => {
    b.reset();
    for (let tries = 0; tries < 100; tries++) {
      void a.write("not awaited");
      void a.writeLine("nor for this");
      await turn();
    }
    const error = await fails(a.write("x"), ...GONE);
    assert.equal(error.written, "nothing");
    await fails(a.flush(), ...GONE);
    await fails(a.closed, ...GONE);
    await a.close();
  }),

  onPair("a reply that is still in the kernel is read whole after a write has failed", async (pair) => {
    const { a, b, keepsUnread } = pair;
    const reply = pattern(72 * 1024);
    await b.write(reply.subarray(0, 64 * 1024));
    await until(() => a.readableLength >= 64 * 1024);
    // Reading has stopped, so this is not read ahead.
    await b.write(reply.subarray(64 * 1024));
    await b.close({ timeout: 10 });
    assert.equal((await fails(writeUntilItFails(a), ...GONE)).operation, "write");
    assert.ok(a.readableLength >= 64 * 1024);
    if (keepsUnread) {
      sameBytes(await a.readExactly(reply.length), reply);
      assert.equal((await fails(a.read(), ...GONE)).operation, "read");
    } else sameBytes(await a.readExactly(64 * 1024), reply.subarray(0, 64 * 1024));
    await fails(a.closed, ...GONE);
  }),

  onPair("a write to an end that has closed fails, and its error says so", async ({ a, b }) => {
    await b.close({ timeout: 10 });
    assert.equal(await a.read(), null);
    const error = await rejection(writeUntilItFails(a));
    assert.match(String(error), /^NetError: write .*(EPIPE|ECONNRESET)/u);
  }),
];
