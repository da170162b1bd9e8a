// What happens when descriptors run out: to be run with a low limit on them.
import assert from "node:assert/strict";
import { closeSync, openSync, readdirSync } from "node:fs";
import { performance } from "node:perf_hooks";
import {
  connect,
  listen,
  NetError,
  resolve,
  serve,
  type Connection,
  type LookupFunction,
} from "../../../src/index.js";
import { ANY_TLS } from "../../support/tls-pairs.js";

const HOST = "127.0.0.1";

/** Opens files until no descriptor is left, and gives back `spare` of them. */
function exhaust(spare = 0): number[] {
  const files: number[] = [];
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "EMFILE");
  }
  for (const file of files.splice(0, spare)) closeSync(file);
  return files;
}

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    () => assert.fail("resolved"),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  return error;
}

async function greet(ours: Connection, theirs: Connection): Promise<void> {
  await ours.writeLine("hello");
  assert.equal(await theirs.readLine(), "hello");
  await Promise.all([ours.close(), theirs.close()]);
}

/** How many descriptors are open, beside that of the directory itself. */
const opened = (): number => readdirSync("/dev/fd").length - 1;

const listener = await listen(0, { host: HOST });
const port = listener.port;
await greet(...(await Promise.all([connect(HOST, port), listener.accept()])));

// None for a socket to connect with: no other address does better, so the race ends at once.
let files = exhaust();
const lookup: LookupFunction = (_host, _options, answer) =>
  answer(
    null,
    [HOST, "127.0.0.2", "127.0.0.3"].map((address) => ({ address, family: 4 })),
  );
for (const connecting of [
  connect(HOST, port),
  connect("three.test", port, { lookup, attemptDelay: Infinity }),
]) {
  const error = await failure(connecting);
  assert.equal(error.code, "EMFILE");
  assert.equal(error.operation, "connect");
  assert.equal(error.transient, true);
  assert.equal(error.attempts?.length, 1);
}
for (const tls of [undefined, { ...ANY_TLS.server }]) {
  const listening = await failure(listen(0, { host: HOST, tls }));
  assert.equal(listening.code, "EMFILE");
  assert.equal(listening.operation, "listen");
}
// None for the files in which the system looks names up. glibc tells that as if the name did not exist.
for (const look of [
  () => connect("localhost", port),
  () => listen(0, { host: "localhost" }),
  () => resolve("localhost", port),
]) {
  const error = await failure(look());
  assert.match(error.code, /^(EMFILE|ENOTFOUND)$/);
  assert.equal(error.operation, "resolve");
}
files.forEach((file) => closeSync(file));

// One for the client, none for the server to accept it with: that client is lost, the listener is not.
files = exhaust(1);
const accepting = listener.accept();
const unlucky = await connect(HOST, port);
await unlucky.read().catch((error: unknown) => assert(error instanceof NetError));
unlucky.reset();
files.forEach((file) => closeSync(file));

const [ours, theirs] = await Promise.all([connect("localhost", port, { family: 4 }), accepting]);
await greet(ours, theirs);

// A server at work: its clients are served, TLS included, and the event loop waits although clients are turned away.
const secure = await listen(0, { host: HOST, tls: ANY_TLS.server });
const stop = new AbortController();
const failures: unknown[] = [];
const serving = serve(
  secure,
  async (connection) => {
    for await (const line of connection.lines()) await connection.writeLine(line);
  },
  { signal: stop.signal, onError: (error) => failures.push(error) },
);
const tls = ANY_TLS.client;
const client = await connect(HOST, secure.port, { tls });
const atRest = opened();
files = exhaust(1);
await client.writeLine("hello");
assert.equal(await client.readLine(), "hello");
// Contexts of TLS need no descriptor: a certificate can be changed.
secure.setTls({ ...ANY_TLS.server });
assert.deepEqual(await resolve(HOST, 80), [{ address: HOST, port: 80, family: 4 }]);
// It has the last descriptor; libuv closes what comes of it at the server.
const refused = await failure(connect(HOST, secure.port, { tls }));
assert.match(refused.code, /^(ECONNRESET|EPIPE)$/);
const turns = (): number => performance.nodeTiming.uvMetricsInfo.loopCount;
const before = turns();
await failure(client.read({ timeout: 100 }));
// A loop that does not wait turns some ten thousand times in that time.
assert.ok(turns() - before < 200, `the event loop has turned ${turns() - before} times`);
files.forEach((file) => closeSync(file));
const next = await connect(HOST, secure.port, { tls });
await next.writeLine("again");
assert.equal(await next.readLine(), "again");
await next.close();
assert.equal(opened(), atRest);
await client.close();
stop.abort();
await serving;
assert.deepEqual(failures, []);

await listener.close();
console.log("done");
