// What happens when the kernel refuses a call. Which one, and how often, is for strace(1) to say, which runs this.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import {
  connect,
  listen,
  NetError,
  type Connection,
  type Listener,
  type LookupFunction,
} from "../../../src/index.js";

const HOST = "127.0.0.1";
const [situation = "", code = ""] = process.argv.slice(2);

const threeAddresses: LookupFunction = (_host, _options, answer) =>
  answer(
    null,
    [HOST, "127.0.0.2", "127.0.0.3"].map((address) => ({ address, family: 4 })),
  );

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    () => assert.fail("resolved"),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  assert.equal(error.code, code);
  assert.equal(error.transient, true);
  return error;
}

async function pairOf(listener: Listener): Promise<[ours: Connection, theirs: Connection]> {
  return Promise.all([connect(HOST, listener.port), listener.accept()]);
}

async function greet(ours: Connection, theirs: Connection): Promise<void> {
  await ours.writeLine("hello");
  assert.equal(await theirs.readLine(), "hello");
  await Promise.all([ours.close(), theirs.close()]);
}

/** How many sockets and files are open. */
const opened = (): number => readdirSync("/proc/self/fd").length;

const situations: Readonly<Record<string, () => Promise<void>>> = {
  async connect() {
    const listener = await listen(0, { host: HOST });
    const before = opened();
    const error = await failure(connect("three.test", listener.port, { lookup: threeAddresses }));
    assert.equal(error.operation, "connect");
    assert.equal(error.attempts?.length, 1);
    assert.equal(opened(), before);
    await greet(...(await pairOf(listener)));
    await listener.close();
  },

  async listen() {
    const before = opened();
    assert.equal((await failure(listen(0, { host: HOST }))).operation, "listen");
    assert.equal(opened(), before);
    const listener = await listen(0, { host: HOST });
    await greet(...(await pairOf(listener)));
    await listener.close();
  },

  async listenAgain() {
    let refused = 0;
    const before = opened();
    for (let round = 0; round < 20; round++) {
      const listening = listen(0, { host: HOST });
      const listener = await listening.catch(() => null);
      if (listener !== null) await listener.close();
      else {
        assert.equal((await failure(listening)).operation, "listen");
        refused++;
      }
      assert.equal(opened(), before);
    }
    assert.equal(refused, 1);
  },

  async accept() {
    const listener = await listen(0, { host: HOST });
    for (let client = 0; client < 3; client++) await greet(...(await pairOf(listener)));
    const { accepted, dropped } = listener.stats;
    assert.deepEqual({ accepted, dropped }, { accepted: 3, dropped: 0 });
    await listener.close();
  },

  async work() {
    // At all addresses, it asks which one each client has come to.
    const listener = await listen(0, { keepAlive: 1_000 });
    for (let pair = 0; pair < 12; pair++) await greet(...(await pairOf(listener)));
    await listener.close();
  },

  async retried() {
    const listener = await listen(0, { host: HOST });
    const [ours, theirs] = await pairOf(listener);
    const sent = Array.from({ length: 40 }, (_, at) => [`${at} `, "x".repeat(at * 997), "\n"]);
    const reading = theirs.readAll();
    for (const [at, list] of sent.entries()) {
      const writing = ours.write(list);
      if (at % 3 === 0) await writing;
    }
    await ours.closeWrite();
    assert.equal((await reading).toString(), sent.flat().join(""));
    await Promise.all([ours.close(), theirs.close()]);
    await listener.close();
  },

  async failed() {
    const listener = await listen(0, { host: HOST });
    const [ours, theirs] = await pairOf(listener);
    await ours.write(["one", " two\n"]);
    const error = await failure(ours.write(["three", " four\n"]));
    assert.equal(error.operation, "write");
    assert.equal(error.written, "nothing");
    await failure(ours.write("five"));
    assert.equal(await theirs.readLine(), "one two");
    await theirs.close().catch(() => undefined);
    await ours.close().catch(() => undefined);
    await listener.close();
  },
};

const { [situation]: play } = situations;
assert(play, `there is no situation ${situation}`);
await play();
console.log("done");
