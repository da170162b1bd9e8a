import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { connect } from "../../../src/index.js";
import { MAX_HANDED_BYTES } from "../../../src/core/transport/kernel.js";
import { closeAll, keep, pair, socketPath } from "../../support/peers.js";
import { netError, until } from "../../support/outcomes.js";

afterEach(closeAll);

const KIB = 1024;
const MIB = KIB * KIB;

test("a list of texts of 720 MB is written, followed by others", async () => {
  const { client, server } = await pair();
  const text = "x".repeat(1_000_000);
  const written = client.write(Array<string>(720).fill(text));
  const after = client.write("after");
  expect(client.writableLength + client.bytesWritten).toBe(720_000_005);
  let [size, last] = [0, ""];
  for await (const chunk of server.chunks({ recycle: true })) {
    size += chunk.length;
    last = chunk.subarray(-5).toString();
    if (size === 720_000_005) break;
  }
  await Promise.all([written, after]);
  expect([size, last, client.bytesWritten, client.writableLength]).toEqual([720_000_005, "after", size, 0]);
});

test("more than 4 GiB are counted as they are", async () => {
  const { client, server } = await pair();
  const block = Buffer.alloc(64 * MIB);
  const size = 72 * block.length;
  const written = client.write(Array<Buffer>(72).fill(block));
  expect(client.writableLength + client.bytesWritten).toBe(size);
  const read = (await server.readExactly(50 * MIB)).length;
  expect(client.writableLength + client.bytesWritten).toBe(size);
  expect(client.bytesWritten).toBeGreaterThanOrEqual(read);
  expect(client.writableLength).toBeGreaterThan(4 * KIB * MIB);
  client.reset();
  await expect(written).rejects.toMatchObject({ code: "ERR_CLOSED", written: "partly" });
  expect(client.bytesWritten).toBeLessThan(size / 2);
});

test("a detached socket sends the pieces that are left", async () => {
  const { client, server } = await pair();
  const block = Buffer.alloc(MAX_HANDED_BYTES / 2, "b");
  const written = client.write([block, block, block, "end"]);
  written.catch(() => undefined);
  const after = client.write("after");
  after.catch(() => undefined);
  const socket = client.detach();
  socket.on("error", () => undefined);
  await expect(written).rejects.toMatchObject({ code: "ERR_CLOSED" });
  const total = 3 * block.length + 8;
  let [size, last] = [0, ""];
  for await (const chunk of server.chunks({ recycle: true })) {
    size += chunk.length;
    last = (last + chunk.subarray(-8).toString()).slice(-8);
    if (size >= total) break;
  }
  expect([size, last]).toEqual([total, "endafter"]);
  socket.destroy();
  await until(() => socket.closed);
});

test("a detached socket does not send again what has failed, and its reply can be read", async () => {
  const path = socketPath();
  const listening = createServer({ pauseOnConnect: true }).listen(path);
  const arrived = once(listening, "connection") as Promise<[Socket]>;
  await once(listening, "listening");
  const client = keep(await connect({ path }));
  const [peer] = await arrived;
  const reply = Buffer.alloc(150_000, "r");
  peer.write(reply);
  await until(() => client.readableLength > 0);
  const written = netError(client.write(Buffer.alloc(MAX_HANDED_BYTES + MIB)));
  await until(() => client.bytesWritten > 0);
  peer.destroy();
  expect(await written).toMatchObject({ code: "EPIPE", written: "partly" });
  const chunks: Buffer[] = [];
  const socket = client.detach();
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  // Some releases tell of bytes that the peer had not read, behind the reply.
  socket.on("error", (error: NodeJS.ErrnoException) => expect(error).toMatchObject({ syscall: "read" }));
  await until(() => socket.closed);
  expect(Buffer.concat(chunks).equals(reply)).toBe(true);
  listening.close();
});

test("a detached socket is reset if memory that it still had to send was transferred", async () => {
  const { client, server } = await pair();
  const memory = Buffer.alloc(MAX_HANDED_BYTES + MIB);
  client.write([memory, "end"]).catch(() => undefined);
  structuredClone(memory.buffer, { transfer: [memory.buffer] });
  const socket = client.detach();
  await Promise.all([once(socket, "close"), client.closed]);
  await expect(server.readAll({ limit: Infinity })).rejects.toMatchObject({ code: "ECONNRESET" });
});
