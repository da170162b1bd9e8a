// How long a process lives: `ending.ts <case>`. `done` is said when there is nothing left to do; `held` is said if the
// process still lives some time after that.
import assert from "node:assert/strict";
import { connect, listen, type Connection, type Listener, withParameters } from "../../../src/index.js";

const HOST = "127.0.0.1";

async function opened(): Promise<[Listener, Connection, Connection]> {
  const listener = await listen(0, { host: HOST });
  const port = listener.port;
  return [listener, ...(await Promise.all([connect(HOST, port), listener.accept()]))];
}

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "everything closed"() {
    const [listener, ours, theirs] = await opened();
    await ours.writeLine("hello");
    assert.equal(await theirs.readLine(), "hello");
    await Promise.all([ours.close(), theirs.close(), listener.close()]);
  },

  async "everything reset"() {
    const [listener, ours, theirs] = await opened();
    ours.reset();
    theirs.reset();
    await listener.close();
  },

  async "everything closed, nothing awaited"() {
    const [listener, ours, theirs] = await opened();
    void ours.write("last words");
    void ours.close();
    void theirs.close();
    void listener.close();
  },

  async "await using"() {
    await using listener = await listen(0, { host: HOST });
    await using ours = await connect(HOST, listener.port);
    await using theirs = await listener.accept();
    await ours.writeLine("hello");
    assert.equal(await theirs.readLine(), "hello");
  },

  async "timeouts that never struck"() {
    const [listener, ours, theirs] = await opened();
    await withParameters({ readTimeout: 60_000 }, async () => {
      const reading = ours.read({ timeout: 50_000, signal: AbortSignal.timeout(50_000) });
      await theirs.write("in time", { timeout: 50_000 });
      await reading;
      const port = listener.port;
      const accepting = listener.accept({ timeout: 50_000 });
      const third = await connect(HOST, port, {
        timeout: 50_000,
        attemptTimeout: 50_000,
        attemptDelay: 50_000,
      });
      const fourth = await accepting;
      await Promise.all([third.close({ timeout: 50_000 }), fourth.close({ timeout: 50_000 })]);
    });
    await Promise.all([ours.close(), theirs.close(), listener.close()]);
  },

  async "an accept that waits on a listener without a hold on the process"() {
    const listener = await listen(0, { host: HOST });
    assert.equal(listener.unref(), listener);
    void listener.accept();
  },

  async "connections without a hold on the process"() {
    const [listener, ours, theirs] = await opened();
    assert.equal(ours.unref(), ours);
    theirs.unref();
    listener.unref();
    void ours.read();
  },

  async "an open listener"() {
    await listen(0, { host: HOST });
  },

  async "an open listener that got its hold back"() {
    const listener = await listen(0, { host: HOST });
    assert.equal(listener.unref().ref(), listener);
  },

  async "open connections"() {
    const [listener, ours, theirs] = await opened();
    assert.equal(ours.unref().ref(), ours);
    theirs.unref();
    listener.unref();
  },
};

const run = cases[process.argv[2] ?? ""];
assert(run, "no such case");
await run();
console.log("done");
// Without a hold on the process itself, it goes off only if something else has one.
setTimeout(() => {
  console.log("held");
  process.exit();
}, 700).unref();
