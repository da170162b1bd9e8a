// Begins waits of 300 ms, and a write of two seconds, and stops itself, as Ctrl-Z does, until another process has it go on,
// after all of them are due. Prints how each wait has ended. `stopped-itself.ts <port of a server>`
import assert from "node:assert/strict";
import {
  connect,
  delimited,
  framed,
  listen,
  NetTimeoutError,
  relay,
  requests,
  type Connection,
} from "../../../src/index.js";

const HOST = "127.0.0.1";
const port = Number(process.argv[2]);
const timeout = 300;

/** The write needs the other process again and again when this one goes on, which on a busy machine is not quick. */
const writeTimeout = 2_000;

/** A connection to the server, which is told what to do with it. */
async function opened(name: string, options: { writeTimeout?: number } = {}): Promise<Connection> {
  const connection = await connect(HOST, port, options);
  await connection.writeLine(name);
  assert.equal(await connection.readLine(), "ready");
  return connection;
}

async function outcomeOf(wait: Promise<unknown>): Promise<string> {
  try {
    return String(await wait);
  } catch (error) {
    assert(error instanceof NetTimeoutError, error as Error);
    return `timed out: ${error.operation}`;
  }
}

async function wordOf(accepting: Promise<Connection>): Promise<string> {
  await using connection = await accepting;
  return String(await connection.readExactly(4));
}

const reader = await opened("sends");
const silent = await opened("is silent");
const sender = await opened("takes", { writeTimeout });
const asker = await opened("answers");
const signalled = await opened("sends");
const [source, sink] = [await opened("sends"), await opened("is silent")];
const listener = await listen(0, { host: HOST });
const proxied = await listen(0, { host: HOST, proxyProtocol: "require", handshakeTimeout: timeout });
const idle = await listen(0, { host: HOST });
console.log(`ports ${listener.port} ${proxied.port}`);
// A client of `proxied` has connected by then.
assert.equal(await silent.readLine(), "go");

const bytes = new Uint8Array(32 * 1024 * 1024);
const before = sender.bytesWritten;
const replies = requests(framed(asker, delimited("\n")));
const proxying = proxied.accept();
// The other process sees what it has passed on.
relay(source, sink, { idleTimeout: timeout }).catch(() => undefined);

const waits: Readonly<Record<string, Promise<string>>> = {
  "a read": outcomeOf(reader.read({ timeout })),
  "a read of nothing": outcomeOf(silent.read({ timeout })),
  "a read with AbortSignal.timeout": outcomeOf(signalled.read({ signal: AbortSignal.timeout(timeout) })),
  "a write": outcomeOf(sender.write(bytes).then(() => sender.bytesWritten - before === bytes.length)),
  "a request": outcomeOf(replies.request("question", { timeout })),
  "an accept": outcomeOf(wordOf(listener.accept({ timeout }))),
  "an accept without clients": outcomeOf(idle.accept({ timeout })),
  "a connect": outcomeOf(connect(HOST, port, { timeout, attemptTimeout: timeout }).then((c) => c.reset())),
};
// The first request goes out at the end of the turn.
await asker.flush();
await new Promise((resolve) => setImmediate(resolve));
process.on("SIGCONT", () => void told());
process.kill(process.pid, "SIGSTOP");

async function told(): Promise<void> {
  const ends: Record<string, string> = {};
  for (const [name, wait] of Object.entries(waits)) ends[name] = await wait;
  ends["a client with a PROXY header"] = await wordOf(proxying);
  ends["a read after AbortSignal.timeout"] = String(await signalled.read());
  console.log(JSON.stringify(ends));
  process.exit();
}
