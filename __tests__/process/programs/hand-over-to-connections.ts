// Hands clients, and a server, to a child process, in which they become connections. `hand-over-to-connections PATH`
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Server, Socket } from "node:net";
import process from "node:process";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { connect, Connection, listen, NetTimeoutError, type ListenOptions } from "../../../src/index.js";

/** More than a connection reads ahead. */
const LINES = 20_000;

interface Message {
  /** What the parent has read of the client, in base64. */
  readonly read?: string;
}

/** Half of the lines. */
function linesFrom(first: number): string {
  return Array.from({ length: LINES / 2 }, (_, index) => `line ${first + index}\n`).join("");
}

/** A client that has sent half of its lines. */
async function newClient(at: number | string): Promise<Connection> {
  const client = await (typeof at === "number" ? connect("127.0.0.1", at) : connect(at));
  await client.write(linesFrom(0));
  return client;
}

/** Sends the other half; what it reads then is from the child. */
async function finish(client: Connection): Promise<void> {
  await client.write(linesFrom(LINES / 2));
  await client.closeWrite();
  assert.equal(String(await client.readAll()), `${LINES} lines in ${String(child?.pid)}`);
  await client.close();
}

/** Hands over a client that is accepted with `options`. Before that, the parent does something with the connection. */
async function handOver(
  at: number | string,
  options: ListenOptions,
  before: (connection: Connection) => Promise<Buffer[]>,
): Promise<void> {
  await using listener = await listen(typeof at === "number" ? "127.0.0.1:0" : at, options);
  const sending = newClient(typeof at === "number" ? listener.port : at);
  const connection = await listener.accept();
  const read = Buffer.concat(await before(connection));
  const socket = connection.detach();
  assert.equal(socket.readableLength, 0);
  child?.send({ read: read.toString("base64") } satisfies Message, socket);
  await finish(await sending);
}

function readNothing(): Promise<Buffer[]> {
  return Promise.resolve([]);
}

/** Lets all come that the kernel takes. */
async function wait(connection: Connection): Promise<Buffer[]> {
  for (let turns = 0; turns < 20; turns++) await turn();
  assert.equal(connection.bytesRead, 0);
  return [];
}

/** Reads the first line, and takes what has come with it. */
async function readSome(connection: Connection): Promise<Buffer[]> {
  const read = [Buffer.from(`${String(await connection.readLine())}\n`)];
  try {
    for (;;) read.push((await connection.read({ timeout: 0 })) ?? assert.fail("the end has not come"));
  } catch (error) {
    assert.ok(error instanceof NetTimeoutError, error as Error);
  }
  return read;
}

async function handOverServer(): Promise<void> {
  const listener = await listen("127.0.0.1:0");
  child?.send({}, listener.server);
  await once(child as ChildProcess, "message");
  // The child goes on to listen.
  const { port } = listener;
  await listener.close();
  await finish(await newClient(port));
}

let child: ChildProcess | undefined;

async function parent(): Promise<void> {
  child = fork(fileURLToPath(import.meta.url), ["child"]);
  await once(child, "message");
  for (const at of [0, process.argv[2] ?? ""]) {
    await handOver(at, {}, readNothing);
    await handOver(at, { readAhead: 0 }, wait);
    await handOver(at, { readAhead: 0 }, readSome);
  }
  await handOverServer();
  child.disconnect();
  await once(child, "exit");
  console.log("done");
}

function serve(socket: Socket): void {
  const connection = Connection.from(socket);
  void (async () => {
    let lines = 0;
    for await (const line of connection.lines()) assert.equal(line, `line ${lines++}`);
    await connection.write(`${lines} lines in ${String(process.pid)}`);
    await connection.close();
  })();
}

function serveInChild(): void {
  process.on("message", ({ read = "" }: Message, given: Socket | Server) => {
    if ("listen" in given) {
      given.once("connection", (socket: Socket) => {
        serve(socket);
        given.close();
      });
      process.send?.("listens");
    } else {
      given.unshift(Buffer.from(read, "base64"));
      serve(given);
    }
  });
  process.send?.("ready");
}

if (process.argv[2] === "child") serveInChild();
else await parent();
