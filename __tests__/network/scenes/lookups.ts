import { strict as assert } from "node:assert";
import { setDefaultResultOrder } from "node:dns";
import { connect, listen, NetTimeoutError, resolve } from "../../../src/index.js";
import { SILENCE, withFile, type Network } from "../network.js";
import { assertPassed, failure, netError, type Scene } from "../scene.js";

/** The name server never answers; after 2 s the resolver gives up. */
const NO_ANSWER: Network = [
  ...SILENCE,
  ...withFile("/etc/resolv.conf", "nameserver 10.9.0.2\noptions timeout:2 attempts:1\n"),
  ...withFile("/etc/nsswitch.conf", "hosts: files dns\n"),
];
/** A name in the hosts file with two addresses of this machine. */
const BOTH_FAMILIES: Network = [
  ...SILENCE,
  ...withFile("/etc/hosts", "10.9.0.1 athena.example\n2001:db8:9::1 athena.example\n"),
  ...withFile("/etc/nsswitch.conf", "hosts: files\n"),
];
const RESOLVER_GIVES_UP = 2_000;

export const LOOKUPS: readonly Scene[] = [
  {
    name: "a name server that never answers: connect times out at its deadline, as connect",
    network: NO_ANSWER,
    async play(race) {
      const begun = performance.now();
      const error = await netError(connect("athena.example", 80, { timeout: 300 }));
      const elapsed = performance.now() - begun;
      assertPassed(elapsed, 300);
      assert.ok(elapsed < RESOLVER_GIVES_UP - 500, `it waited for the resolver: ${elapsed} ms`);
      assert.ok(error instanceof NetTimeoutError);
      assert.equal(error.operation, "connect");
      assert.equal(error.message, "connect athena.example:80: timed out after 300 ms (ETIMEDOUT)");
      assert.equal(error.attempts, undefined);
      assert.equal(race.story.filter((event) => event.startsWith("start")).length, 0);
    },
  },
  {
    name: "a name server that never answers: resolve times out at its deadline, as resolve",
    network: NO_ANSWER,
    async play() {
      const begun = performance.now();
      const error = await netError(resolve("athena.example", 80, { timeout: 300 }));
      const elapsed = performance.now() - begun;
      assertPassed(elapsed, 300);
      assert.ok(elapsed < RESOLVER_GIVES_UP - 500, `it waited for the resolver: ${elapsed} ms`);
      assert.ok(error instanceof NetTimeoutError);
      assert.equal(error.operation, "resolve");
    },
  },
  {
    name: "a name server that never answers: an abort ends the call with its own reason",
    network: NO_ANSWER,
    async play() {
      const stop = new AbortController();
      const reason = new Error("enough");
      setTimeout(() => stop.abort(reason), 100);
      const begun = performance.now();
      assert.equal(await failure(connect("athena.example", 80, { signal: stop.signal })), reason);
      const elapsed = performance.now() - begun;
      assert.ok(elapsed < RESOLVER_GIVES_UP - 500, `it waited for the resolver: ${elapsed} ms`);
    },
  },
  {
    name: "a name server that never answers: without a deadline, the resolver's own failure is a failed resolve",
    network: NO_ANSWER,
    async play(race) {
      const error = await netError(connect("athena.example", 80));
      assert.equal(error.operation, "resolve");
      assert.equal(error.code, "EAI_AGAIN");
      assert.equal(error.host, "athena.example");
      assert.equal(error.transient, true);
      assert.deepEqual(race.story, ["lookup EAI_AGAIN"]);
    },
  },
  ...(["ipv4first", "ipv6first"] as const).map((order): Scene => ({
    name: `the process's own order of addresses is kept: ${order}`,
    network: BOTH_FAMILIES,
    async play(race) {
      setDefaultResultOrder(order);
      const families = (await resolve("athena.example", 80)).map(({ family }) => family);
      assert.deepEqual(families, order === "ipv4first" ? [4, 6] : [6, 4]);
      await using listener = await listen("athena.example:0");
      const { address } = listener.address as { address: string };
      assert.equal(address, order === "ipv4first" ? "10.9.0.1" : "2001:db8:9::1");
      const connection = await connect("athena.example", listener.port);
      await using client = await listener.accept();
      assert.equal(client.remotePort, connection.localPort);
      connection.reset();
      assert.deepEqual(race.story, ["lookup", `start ${address}`, `win ${address}`]);
    },
  })),
];
