import { strict as assert } from "node:assert";
import { connectTo, listen } from "../../../src/index.js";
import { unusedPort } from "../../support/peers.js";
import { SILENCE } from "../network.js";
import { assertPassed, inSynSent, to, type Scene } from "../scene.js";
import { slowServer } from "../slow-server.js";

const PORT = 4242;
/** Until Linux sends a SYN again (RFC 6298, section 2.1); some of it is left for a coarse timer. */
const HANDSHAKE = 900;

export const SLOW_LINKS: readonly Scene[] = [
  {
    name: "a handshake that takes a second succeeds, with one address",
    network: SILENCE,
    async play(race) {
      const connection = await connectTo([to("127.0.0.1", await slowServer("127.0.0.1"))]);
      assert.equal(await connection.read(), null);
      await connection.close();
      assert.deepEqual(race.story, ["start 127.0.0.1", "win 127.0.0.1"]);
      assertPassed(race.at("win 127.0.0.1"), HANDSHAKE);
    },
  },
  {
    name: "a handshake that takes a second succeeds, though the next address has been tried meanwhile",
    network: SILENCE,
    async play(race) {
      const addresses = [to("::1", await slowServer("::1")), to("10.9.0.2", PORT)];
      const connection = await connectTo(addresses);
      assert.equal(connection.remoteAddress, "::1");
      assert.deepEqual(inSynSent(), []);
      await connection.close();
      assert.deepEqual(race.story, ["start ::1", "start 10.9.0.2", "win ::1", "lose 10.9.0.2"]);
      assertPassed(race.at("win ::1"), HANDSHAKE);
    },
  },
  {
    name: "a handshake that takes a second succeeds, though the only other address refuses meanwhile",
    network: SILENCE,
    async play(race) {
      const addresses = [to("::1", await slowServer("::1")), to("127.0.0.1", await unusedPort())];
      const connection = await connectTo(addresses);
      assert.equal(connection.remoteAddress, "::1");
      await connection.close();
      assert.deepEqual(race.story, [
        "start ::1",
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "win ::1",
      ]);
    },
  },
  {
    name: "a handshake that takes a second succeeds, as the last of three addresses",
    network: SILENCE,
    async play(race) {
      const slow = to("127.0.0.1", await slowServer("127.0.0.1"));
      const connection = await connectTo([to("10.9.0.2", PORT), to("2001:db8:9::2", PORT), slow]);
      assert.equal(connection.remoteAddress, "127.0.0.1");
      await connection.close();
      assert.deepEqual(race.story, [
        "start 10.9.0.2",
        "start 2001:db8:9::2",
        "start 127.0.0.1",
        "win 127.0.0.1",
        "lose 10.9.0.2",
        "lose 2001:db8:9::2",
      ]);
    },
  },
  {
    name: "a slow address loses to a quick one that was tried later",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const addresses = [to("::1", await slowServer("::1")), to("127.0.0.1", listener.port)];
      const connection = await connectTo(addresses, { attemptDelay: 50 });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.deepEqual(inSynSent(), []);
      connection.reset();
      assert.deepEqual(race.story, ["start ::1", "start 127.0.0.1", "win 127.0.0.1", "lose ::1"]);
    },
  },
];
