import { strict as assert } from "node:assert";
import { once } from "node:events";
import { connect as netConnect } from "node:net";
import { connect, connectTo, listen } from "../../../src/index.js";
import { lookupOf } from "../../support/lookups.js";
import { unusedPort } from "../../support/peers.js";
import { LOOPBACK, SILENCE, type Network } from "../network.js";
import { netError, to, type Scene } from "../scene.js";

const PORT = 4242;

/** The system's own range of ports has one even port, which Linux gives to sockets that connect. */
const FEW_PORTS: Network = [
  ...LOOPBACK,
  `echo '${PORT} ${PORT + 1}' > /proc/sys/net/ipv4/ip_local_port_range`,
];

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
      const localPort = await unusedPort();
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
  {
    name: "a socket that is connected to itself is no connection, over IPv4 and IPv6",
    network: FEW_PORTS,
    async play(race) {
      for (const address of ["127.0.0.1", "::1"]) {
        // Shows that the kernel does connect a socket to itself: no listener has the port.
        const plain = netConnect({ host: address, port: PORT }).on("error", () => undefined);
        const connected = await once(plain, "connect").then(
          () => plain.localPort === plain.remotePort,
          () => false,
        );
        plain.resetAndDestroy();
        if (!plain.closed) await once(plain, "close");
        assert.ok(connected, `the kernel does not connect a socket to itself at ${address}`);
        const error = await netError(connect(address, PORT));
        assert.equal(error.code, "ECONNREFUSED");
        assert.match(error.message, /: connection refused \(ECONNREFUSED\)$/);
        assert.match(String(error.cause), /no listener has this port, the socket was connected to itself$/);
      }
      assert.deepEqual(race.story, [
        "lookup",
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "start ::1",
        "fail ::1 ECONNREFUSED",
      ]);
      // The port is free at once.
      await using listener = await listen(PORT, { host: "127.0.0.1" });
      assert.equal(listener.port, PORT);
    },
  },
  {
    name: "an address that only the socket itself answers at loses to the next one",
    network: FEW_PORTS,
    async play(race) {
      await using listener = await listen(PORT, { host: "127.0.0.2" });
      const addresses = [to("127.0.0.1", PORT), to("127.0.0.2", PORT)];
      const connection = await connectTo(addresses, { attemptDelay: 600_000 });
      await using client = await listener.accept();
      assert.equal(connection.remoteAddress, "127.0.0.2");
      assert.equal(client.remotePort, connection.localPort);
      connection.reset();
      assert.deepEqual(race.story, [
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "start 127.0.0.2",
        "win 127.0.0.2",
      ]);
    },
  },
  {
    name: "when no port is left to connect from, an address says so, another one is tried, and a port that is given back is used",
    network: [...LOOPBACK, "echo '40000 40003' > /proc/sys/net/ipv4/ip_local_port_range"],
    async play(race) {
      await using one = await listen(PORT, { host: "127.0.0.1" });
      await using other = await listen(PORT, { host: "127.0.0.2" });
      const taken = [];
      for (let port = 40_000; port <= 40_003; port++) {
        taken.push(...(await Promise.all([connect("127.0.0.1", PORT), one.accept()])));
      }
      const error = await netError(connect("127.0.0.1", PORT));
      assert.deepEqual(
        [error.code, error.operation, error.address],
        ["EADDRNOTAVAIL", "connect", "127.0.0.1"],
      );
      // A port serves for one connection to each address.
      const seen = race.story.length;
      const addresses = [to("127.0.0.1", PORT), to("127.0.0.2", PORT)];
      taken.push(...(await Promise.all([connectTo(addresses, { attemptDelay: 600_000 }), other.accept()])));
      assert.deepEqual(race.story.slice(seen), ["start 127.0.0.2", "win 127.0.0.2"]);
      // Each of the ports has a connection, so no socket can listen there.
      const listening = await netError(listen(0, { host: "127.0.0.1" }));
      assert.deepEqual([listening.code, listening.operation], ["EADDRINUSE", "listen"]);
      taken.shift()?.reset();
      await using again = await connect("127.0.0.1", PORT);
      assert.equal(again.localPort, taken[0]?.remotePort);
      for (const end of taken) end.reset();
      again.reset();
    },
  },
];
