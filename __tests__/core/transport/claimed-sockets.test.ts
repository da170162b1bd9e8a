import { Socket, type Server } from "node:net";
import { claim, countClaimed, leave } from "../../../src/core/transport/claimed-sockets.js";

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
