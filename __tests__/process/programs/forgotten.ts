/** Makes connections, forgets or keeps them, and has their peers end. Prints the ports of the peers that were forgotten. */
import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { connect, listen, type Connection } from "../../../src/index.js";

const listener = await listen({ host: "127.0.0.1", port: 0 });
const kept: Connection[] = [];

async function client(): Promise<Socket> {
  const socket = netConnect(listener.port, "127.0.0.1");
  await once(socket, "connect");
  return socket.on("error", () => undefined);
}

async function acceptAndForget(): Promise<void> {
  await listener.accept();
}

async function loopAndForget(): Promise<void> {
  for await (const connection of listener) {
    void connection.readLine().catch(() => undefined);
    break;
  }
}

async function connectAndForget(): Promise<Connection> {
  await connect("127.0.0.1", listener.port);
  return await listener.accept();
}

async function acceptAndClose(): Promise<void> {
  const connection = await listener.accept();
  await connection.closeWrite();
}

async function acceptAndKeep(): Promise<void> {
  kept.push(await listener.accept());
}

const ports: (number | undefined)[] = [];
for (const take of [acceptAndForget, loopAndForget, acceptAndClose, acceptAndKeep]) {
  const socket = await client();
  await take();
  // One is forgotten before its peer ends, the other after that.
  if (take === acceptAndForget) await collect();
  socket.end();
  if (take === acceptAndForget || take === loopAndForget) ports.push(socket.localPort);
}
const peer = await connectAndForget();
ports.push(peer.remotePort);
await peer.closeWrite();
for (let rounds = 0; rounds < 50; rounds++) await collect();
process.stdout.write(`${JSON.stringify(ports)}\n`);
process.exit(kept.length === 1 ? 0 : 1);

async function collect(): Promise<void> {
  await setImmediate();
  globalThis.gc?.();
  await setImmediate();
}
