import { jest } from "@jest/globals";
import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo } from "node:net";
import { Connection } from "../../src/index.js";
import { closeAll, keep, pair } from "../support/peers.js";

afterEach(closeAll);

test("over an adopted socket that connects it tells when that has connected", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined).end("hello")).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { duplex } = keep(Connection.from(netConnect(port, "127.0.0.1")));
  expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([true, true, "opening"]);
  const ready = once(duplex, "ready");
  await once(duplex, "connect");
  await ready;
  expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, "open"]);
  expect([duplex.remotePort, duplex.remoteFamily]).toEqual([port, "IPv4"]);
  server.close();
});

test("a timeout longer than the longest timer is that of the longest timer, with a warning", async () => {
  const { client, server } = await pair();
  let timeouts = 0;
  const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  client.duplex.on("timeout", () => timeouts++).setTimeout(2 ** 31);
  expect(warn.mock.calls).toEqual([[expect.stringContaining("2147483648 ms"), "TimeoutOverflowWarning"]]);
  warn.mockRestore();
  await once(server.duplex.setTimeout(50), "timeout");
  expect([timeouts, client.duplex.timeout]).toEqual([0, 2 ** 31]);
});

test("its type has what libraries ask a socket for", async () => {
  const { client } = await pair();
  const { duplex } = client;
  const state: "opening" | "open" | "readOnly" | "writeOnly" | "closed" = duplex.readyState;
  const count: number = duplex.bytesRead + duplex.bytesWritten;
  expect([state, count]).toEqual(["open", 0]);
  expect(duplex.setTimeout(1_000).setNoDelay().setKeepAlive(true).unref().ref()).toBe(duplex);
});
