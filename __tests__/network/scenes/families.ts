import { strict as assert } from "node:assert";
import { fileURLToPath } from "node:url";
import { connect, connectTo, listen } from "../../../src/index.js";
import { lookupOf } from "../../support/lookups.js";
import { LOOPBACK, withFile, type Network } from "../network.js";
import { netError, to, type Scene } from "../scene.js";

const HOSTS = withFile("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");

/** IPv6 is switched off, as administrators do it: there are sockets for it, but no addresses. */
const DISABLED: Network = [
  ...LOOPBACK,
  ...HOSTS,
  "for name in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$name/disable_ipv6; done",
];

/** There is no ::1, though other IPv6 addresses could be. */
const NO_LOOPBACK: Network = [...LOOPBACK, ...HOSTS, "ip -6 address del ::1/128 dev lo"];

/** The kernel is built without IPv6, or is told at its start to do without: there are no sockets for it. */
const NO_IPV6: Network = [
  ...LOOPBACK,
  ...HOSTS,
  `set -- perl '${fileURLToPath(new URL("../without-ipv6.pl", import.meta.url))}' "$@"`,
];

const BOTH = lookupOf("::1", "127.0.0.1");

export const FAMILIES: readonly Scene[] = [
  {
    name: "with IPv6 disabled, a name with addresses of both families is reached over IPv4",
    network: DISABLED,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const connection = await connect("localhost", listener.port, {
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
      const connection = await connect("localhost", listener.port);
      await using client = await listener.accept();
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.deepEqual([client.remoteAddress, client.family], ["127.0.0.1", 4]);
      connection.reset();
    },
  },
  {
    name: "with a kernel without IPv6, a name with addresses of both families is reached over IPv4",
    network: NO_IPV6,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const connection = await connect("localhost", listener.port, {
        lookup: BOTH,
        attemptDelay: 600_000,
      });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      connection.reset();
      assert.deepEqual(race.story, [
        "lookup",
        "start ::1",
        "fail ::1 EAFNOSUPPORT",
        "start 127.0.0.1",
        "win 127.0.0.1",
      ]);
    },
  },
  {
    name: "with a kernel without IPv6, a listener without a host listens on IPv4, and localhost reaches it",
    network: NO_IPV6,
    async play() {
      await using listener = await listen(0);
      assert.deepEqual(listener.address, { address: "0.0.0.0", port: listener.port, family: 4 });
      const connection = await connect("localhost", listener.port);
      await using client = await listener.accept();
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.deepEqual([client.remoteAddress, client.family], ["127.0.0.1", 4]);
      connection.reset();
    },
  },
  {
    name: "without ::1, a name with addresses of both families is reached over IPv4",
    network: NO_LOOPBACK,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const connection = await connect("localhost", listener.port, {
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
    name: "a listener on localhost listens on both of its addresses, on one port",
    network: [...LOOPBACK, ...HOSTS],
    async play() {
      await using listener = await listen("localhost:0");
      const { port } = listener;
      const addresses = listener.addresses.map((one) => ("address" in one ? one.address : one.path));
      assert.deepEqual(addresses.toSorted(), ["127.0.0.1", "::1"]);
      for (const host of ["127.0.0.1", "::1", "localhost"]) {
        const connection = await connect(host, port);
        await using client = await listener.accept();
        assert.equal(client.localAddress, connection.remoteAddress);
        connection.reset();
      }
      // An IPv6 server of others has the port still, and is in the way.
      await listener.close();
      await using six = await listen(port, { host: "::1" });
      const error = await netError(listen({ host: "localhost", port }));
      assert.deepEqual([error.code, error.address, error.attempts?.length], ["EADDRINUSE", "::1", 1]);
      await six.close();
      await using again = await listen({ host: "localhost", port });
      assert.equal(again.addresses.length, 2);
    },
  },
  ...(
    [
      ["IPv6 disabled", DISABLED],
      ["a kernel without IPv6", NO_IPV6],
      ["no ::1", NO_LOOPBACK],
    ] as const
  ).map(([name, network]) => ({
    name: `with ${name}, a listener on localhost listens on its IPv4 address alone`,
    network,
    async play() {
      await using listener = await listen("localhost:0");
      const { port } = listener;
      assert.deepEqual(listener.addresses, [{ address: "127.0.0.1", port, family: 4 }]);
      const connection = await connect("localhost", port);
      await using client = await listener.accept();
      assert.equal(client.remotePort, connection.localPort);
      connection.reset();
    },
  })),
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
      const connection = await connectTo([to("fe80::1%pair0", listener.port)], { timeout: 5_000 });
      await using client = await listener.accept();
      assert.equal(client.remotePort, connection.localPort);
      connection.reset();
      assert.deepEqual(race.story, ["start fe80::1%pair0", "win fe80::1%pair0"]);
    },
  },
];
