import { once } from "node:events";
import { createConnection, createServer, Socket, type AddressInfo, type Server } from "node:net";
import { promisify } from "node:util";
import { claim, countClaimed, leave, leaveWhenClosed } from "../../../src/core/transport/claimed-sockets.js";

/** A socket of a server whose own count is not known, as on other runtimes. */
function socketOf(server: object): Socket {
  return Object.assign(new Socket(), { server: server as Server });
}

test("a socket that a server is given again counts once", () => {
  const server = {};
  const [socket, other] = [socketOf(server), socketOf(server)];
  for (const each of [socket, other, socket]) claim(each);
  expect(countClaimed(server)).toBe(2);
  leave(socket);
  expect(countClaimed(server)).toBe(1);
  leave(other);
  expect(countClaimed(server)).toBe(0);
});

test("a socket that is given to another server counts there alone", () => {
  const [first, second] = [{}, {}];
  const socket = socketOf(first);
  claim(socket);
  Object.assign(socket, { server: second });
  claim(socket);
  expect([countClaimed(first), countClaimed(second)]).toEqual([0, 1]);
  leave(socket);
  expect([countClaimed(first), countClaimed(second)]).toEqual([0, 0]);
});

test("a socket that is destroyed already, or that no server has accepted, counts nowhere", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepting = once(server, "connection") as Promise<[Socket]>;
  const client = createConnection((server.address() as AddressInfo).port, "127.0.0.1");
  const [accepted] = await accepting;
  accepted.destroy();
  claim(accepted);
  claim(client);
  expect(countClaimed(server)).toBe(0);
  expect(await promisify(server.getConnections.bind(server))()).toBe(0);
  client.destroy();
  server.close();
  await once(server, "close");
});

test("a claimed socket counts until it has closed", async () => {
  const server = {};
  const socket = socketOf(server);
  claim(socket);
  leaveWhenClosed(socket);
  expect(countClaimed(server)).toBe(1);
  socket.destroy();
  await once(socket, "close");
  expect(countClaimed(server)).toBe(0);
});
