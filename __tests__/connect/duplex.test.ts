import { once } from "node:events";
import { connectDuplex, Connection } from "../../src/index.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep, loopback, unusedPort } from "../support/peers.js";
import { nothingLeft } from "../support/resources.js";

afterEach(closeAll);

test("connectDuplex returns a Duplex at once, which connects and then is the duplex of its connection", async () => {
  const listener = await loopback();
  const duplex = connectDuplex("127.0.0.1", listener.port);
  expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([true, true, "opening"]);
  expect([duplex.remoteAddress, duplex.localPort, duplex.address()]).toEqual([undefined, undefined, {}]);
  duplex.write("written while it connects, ");
  expect(duplex.bytesWritten).toBe(27);
  await once(duplex, "connect");
  expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, "open"]);
  expect([duplex.remoteAddress, duplex.remotePort]).toEqual(["127.0.0.1", listener.port]);
  duplex.end("and after that");
  const connection = await duplex.connection;
  expect(connection).toBeInstanceOf(Connection);
  expect(connection.duplex).toBe(duplex);
  const server = keep(await listener.accept());
  expect(String(await server.readAll())).toBe("written while it connects, and after that");
  await server.close();
  duplex.resume();
  await once(duplex, "close");
  await connection.closed;
});

test("a dial that fails is an error of the Duplex, and the rejection of its connection", async () => {
  const port = await unusedPort();
  const duplex = connectDuplex("127.0.0.1", port);
  const failed = once(duplex, "error");
  const error = await netError(duplex.connection);
  expect(error.message).toBe(`connect 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
  expect(error.attempts).toHaveLength(1);
  expect(await failed).toEqual([error]);
  expect(duplex.destroyed).toBe(true);
  await nothingLeft();
});
