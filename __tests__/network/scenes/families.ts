import { strict as assert } from "node:assert";
import { connect, connectTo, listen } from "../../../src/index.js";
import { lookupOf } from "../../helpers/lookups.js";
import { LOOPBACK, withFile, type Network } from "../network.js";
import { to, type Scene } from "../scene.js";

const HOSTS = withFile("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");

/** IPv6 is switched off, as administrators do it: there are sockets for it, but no addresses. */
const DISABLED: Network = [
  ...LOOPBACK,
  ...HOSTS,
  "for name in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done",
];

/** There is no ::1, though other IPv6 addresses could be. */
const NO_LOOPBACK: Network = [...LOOPBACK, ...HOSTS, "ip -6 address del ::1/128 dev lo"];

const BOTH = lookupOf("::1", "127.0.0.1");

export const FAMILIES: readonly Scene[] = [
  {
    name: "with IPv6 disabled, a name with addresses of both families is reached over IPv4",
    network: DISABLED,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const connection = await connect("localhost", listener.port ?? 0, {
        lookup: BOTH,
        attemptDelay: 600_000,
      });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      connection.reset();
      assert.deepEqual(race.story, [
        "lookup",
        "start ::1",
        "fail ::1 EADDRNOTAVAIL",
        "start 127.0.0.1",
        "win 127.0.0.1",
      ]);
    },
  },
  {
    name: "with IPv6 disabled, a listener without a host serves IPv4, and localhost reaches it",
    network: DISABLED,
    async play() {
      await using listener = await listen(0);
      const connection = await connect("localhost", listener.port ?? 0);
      await using client = await listener.accept();
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.deepEqual([client.remoteAddress, client.family], ["127.0.0.1", 4]);
      await connection.close();
    },
  },
  {
    name: "without ::1, a name with addresses of both families is reached over IPv4",
    network: NO_LOOPBACK,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const connection = await connect("localhost", listener.port ?? 0, {
        lookup: BOTH,
        attemptDelay: 600_000,
      });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      connection.reset();
      assert.deepEqual(
        race.story.map((event) => event.replace(/(fail ::1) .*/, "$1")),
        ["lookup", "start ::1", "fail ::1", "start 127.0.0.1", "win 127.0.0.1"],
      );
    },
  },
  {
    name: "a zone is kept: the interface of a link-local address is found by it",
    network: [
      ...LOOPBACK,
      "ip link add pair0 type veth peer name pair1",
      "ip address add fe80::1/64 dev pair0 nodad",
      "ip address add fe80::2/64 dev pair1 nodad",
      "ip link set pair0 up",
      "ip link set pair1 up",
    ],
    async play(race) {
      await using listener = await listen(0, { host: "fe80::1%pair0" });
      const connection = await connectTo([to("fe80::1%pair0", listener.port ?? 0)], { timeout: 5_000 });
      await using client = await listener.accept();
      assert.equal(client.remotePort, connection.localPort);
      await connection.close();
      assert.deepEqual(race.story, ["start fe80::1%pair0", "win fe80::1%pair0"]);
    },
  },
];
