import { strict as assert } from "node:assert";
import { closeSync, openSync } from "node:fs";
import { connectTo, listen } from "../../../src/index.js";
import { unusedPort } from "../../support/peers.js";
import { LOOPBACK, SILENCE } from "../network.js";
import { inSynSent, netError, to, type Scene } from "../scene.js";

/** Longer than any scene may last: the next attempt starts because one has failed, or never. */
const attemptDelay = 600_000;
const PORT = 4242;

export const FAILURES: readonly Scene[] = [
  {
    name: "a refused address makes room for the next at once",
    network: LOOPBACK,
    async play(race) {
      await using listener = await listen(0, { host: "::1" });
      const addresses = [to("127.0.0.1", await unusedPort()), to("::1", listener.port)];
      const connection = await connectTo(addresses, { attemptDelay });
      assert.equal(connection.remoteAddress, "::1");
      connection.reset();
      assert.deepEqual(race.story, [
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "start ::1",
        "win ::1",
      ]);
    },
  },
  {
    name: "attemptDelay Infinity: strictly one after the other, in the order given but for the families",
    network: LOOPBACK,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.3" });
      const closed = await unusedPort();
      const addresses = [
        to("127.0.0.1", closed),
        to("127.0.0.2", closed),
        to("127.0.0.3", listener.port),
        to("::1", closed),
      ];
      const connection = await connectTo(addresses, { attemptDelay: Infinity });
      connection.reset();
      assert.deepEqual(race.story, [
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "start ::1",
        "fail ::1 ECONNREFUSED",
        "start 127.0.0.2",
        "fail 127.0.0.2 ECONNREFUSED",
        "start 127.0.0.3",
        "win 127.0.0.3",
      ]);
    },
  },
  {
    name: "networks that are unreachable, or that the routes forbid, make room for the next at once",
    network: [
      ...SILENCE,
      "ip route add unreachable 10.8.1.0/24",
      "ip route add prohibit 10.8.2.0/24",
      "ip route add blackhole 10.8.3.0/24",
    ],
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const dead = ["192.0.2.1", "2001:db8:8::1", "10.8.1.1", "10.8.2.1", "10.8.3.1"];
      const addresses = [...dead.map((address) => to(address, PORT)), to("127.0.0.1", listener.port)];
      const connection = await connectTo(addresses, { attemptDelay });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      connection.reset();
      assert.deepEqual(race.story, [
        "start 192.0.2.1",
        "fail 192.0.2.1 ENETUNREACH",
        "start 2001:db8:8::1",
        "fail 2001:db8:8::1 ENETUNREACH",
        "start 10.8.1.1",
        "fail 10.8.1.1 EHOSTUNREACH",
        "start 10.8.2.1",
        "fail 10.8.2.1 EACCES",
        "start 10.8.3.1",
        "fail 10.8.3.1 EINVAL",
        "start 127.0.0.1",
        "win 127.0.0.1",
      ]);
    },
  },
  {
    name: "when all addresses fail, the error is the last and lists every one",
    network: LOOPBACK,
    async play(race) {
      const closed = await unusedPort();
      const error = await netError(connectTo([to("192.0.2.1", closed), to("::1", closed)], { attemptDelay }));
      assert.equal(error.code, "ECONNREFUSED");
      assert.deepEqual(
        error.attempts?.map(({ address, code }) => [address, code]),
        [
          ["192.0.2.1", "ENETUNREACH"],
          ["::1", "ECONNREFUSED"],
        ],
      );
      assert.deepEqual(race.story, [
        "start 192.0.2.1",
        "fail 192.0.2.1 ENETUNREACH",
        "start ::1",
        "fail ::1 ECONNREFUSED",
      ]);
    },
  },
  {
    name: "a refusal beside a silent attempt starts the next, and the silent one stays in the race",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const addresses = [
        to("10.9.0.2", PORT),
        to("127.0.0.1", await unusedPort()),
        to("127.0.0.1", listener.port),
      ];
      // As the refused address is tried again on another port, its first start is not told apart from its second.
      const starts: string[] = [];
      race.onEvent = (event) => starts.push(event);
      const connection = await connectTo(addresses, { attemptDelay: 300 });
      connection.reset();
      assert.deepEqual(race.story, [
        "start 10.9.0.2",
        "start 127.0.0.1",
        "fail 127.0.0.1 ECONNREFUSED",
        "win 127.0.0.1",
        "lose 10.9.0.2",
      ]);
      assert.equal(starts.length, 6);
    },
  },
  {
    name: "running out of descriptors ends the race, and with it the attempts that run",
    network: [...SILENCE, "ulimit -n 100"],
    async play(race) {
      const addresses = ["10.9.0.2", "10.9.0.3", "10.9.0.4"].map((address) => to(address, PORT));
      const descriptors: number[] = [];
      race.onEvent = (event) => {
        // The first attempt has its descriptor by then, and takes the last.
        if (event === "start 10.9.0.2") setImmediate(() => useUp(descriptors));
      };
      const error = await netError(connectTo(addresses, { attemptDelay: 200 }));
      for (const descriptor of descriptors) closeSync(descriptor);
      assert.equal(error.code, "EMFILE");
      assert.deepEqual(inSynSent(), []);
      assert.deepEqual(race.story, [
        "start 10.9.0.2",
        "start 10.9.0.3",
        "fail 10.9.0.3 EMFILE",
        "lose 10.9.0.2",
      ]);
    },
  },
];

/** Takes every descriptor there is. */
function useUp(descriptors: number[]): void {
  try {
    for (let i = 0; i < 1_000; i++) descriptors.push(openSync("/dev/null", "r"));
  } catch {
    return;
  }
  throw new Error("there is no end to the descriptors");
}
