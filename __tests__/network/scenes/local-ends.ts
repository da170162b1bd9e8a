import { strict as assert } from "node:assert";
import { connect, connectTo, listen } from "../../../src/index.js";
import { lookupOf } from "../../helpers/lookups.js";
import { unusedPort } from "../../helpers/peers.js";
import { LOOPBACK, SILENCE } from "../network.js";
import { netError, to, type Scene } from "../scene.js";

const PORT = 4242;

export const LOCAL_ENDS: readonly Scene[] = [
  {
    name: "localAddress drops the addresses of the other family, and is what the connection comes from",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "0.0.0.0" });
      const connection = await connect("localhost", listener.port, {
        lookup: lookupOf("2001:db8:9::2", "::1", "127.0.0.1"),
        localAddress: "10.9.0.1",
      });
      await using client = await listener.accept();
      assert.equal(connection.localAddress, "10.9.0.1");
      assert.equal(client.remoteAddress, "10.9.0.1");
      connection.reset();
      assert.deepEqual(race.story, ["lookup", "start 127.0.0.1", "win 127.0.0.1"]);
    },
  },
  {
    name: "a localAddress that leaves no address is refused, and nothing is tried",
    network: LOOPBACK,
    async play(race) {
      const lookup = lookupOf("127.0.0.1");
      const error = await netError(connect("localhost", PORT, { lookup, localAddress: "::1" }));
      assert.equal(error.code, "EADDRNOTAVAIL");
      assert.equal(error.operation, "connect");
      assert.deepEqual(race.story, ["lookup"]);
    },
  },
  {
    name: "a localAddress that this machine does not have fails each address, and says so",
    network: LOOPBACK,
    async play(race) {
      const addresses = [to("127.0.0.1", PORT), to("127.0.0.2", PORT)];
      const error = await netError(connectTo(addresses, { localAddress: "10.9.0.1", attemptDelay: 600_000 }));
      assert.equal(error.code, "EADDRNOTAVAIL");
      assert.deepEqual(race.story, [
        "start 127.0.0.1",
        "fail 127.0.0.1 EADDRNOTAVAIL",
        "start 127.0.0.2",
        "fail 127.0.0.2 EADDRNOTAVAIL",
      ]);
    },
  },
  {
    name: "localPort is free for the next address once an attempt has timed out: one after the other",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "10.9.0.1" });
      const localPort = await unusedPort("0.0.0.0");
      const addresses = [to("10.9.0.2", PORT), to("10.9.0.1", listener.port)];
      const connection = await connectTo(addresses, { localPort, attemptTimeout: 500, attemptDelay: 10 });
      assert.equal(connection.localPort, localPort);
      connection.reset();
      assert.deepEqual(race.story, [
        "start 10.9.0.2",
        "fail 10.9.0.2 ETIMEDOUT",
        "start 10.9.0.1",
        "win 10.9.0.1",
      ]);
    },
  },
];
