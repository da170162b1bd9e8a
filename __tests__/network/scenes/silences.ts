import { strict as assert } from "node:assert";
import { connect, connectTo, listen, NetTimeoutError } from "../../../src/index.js";
import { lookupOf } from "../../support/lookups.js";
import { SILENCE } from "../network.js";
import { assertPassed, failure, inSynSent, netError, to, type Scene } from "../scene.js";

/** Any will do: nothing answers. */
const PORT = 4242;

export const SILENCES: readonly Scene[] = [
  {
    name: "silence: a connection attempt neither succeeds nor fails",
    network: SILENCE,
    async play(race) {
      const stop = new AbortController();
      const connecting = connectTo([to("10.9.0.2", PORT), to("2001:db8:9::2", PORT)], {
        signal: stop.signal,
        attemptDelay: 10,
      });
      race.onEvent = (event) => {
        // Long enough for an answer, had there been one.
        if (event === "start 2001:db8:9::2") setTimeout(() => stop.abort(inSynSent()), 200);
      };
      const inFlight = (await failure(connecting)) as string[];
      assert.equal(inFlight.length, 2);
    },
  },
  {
    name: "silence: another address is tried 250 ms later, beside the first, and wins",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "::1" });
      const connection = await connectTo([to("10.9.0.2", PORT), to("::1", listener.port)]);
      assert.equal(connection.remoteAddress, "::1");
      assert.deepEqual(inSynSent(), []);
      connection.reset();
      assert.deepEqual(race.story, ["start 10.9.0.2", "start ::1", "win ::1", "lose 10.9.0.2"]);
      assertPassed(race.at("start ::1") - race.at("start 10.9.0.2"), 250);
    },
  },
  {
    name: "silence: the families take turns, several attempts are in flight, and the last of them wins",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const lookup = lookupOf("2001:db8:9::2", "2001:db8:9::3", "10.9.0.2", "127.0.0.1");
      let inFlight: string[] = [];
      race.onEvent = (event) => {
        if (event === "start 127.0.0.1") inFlight = inSynSent();
      };
      const connection = await connect("two.test", listener.port, { lookup, attemptDelay: 50 });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.equal(inFlight.length, 3);
      assert.deepEqual(inSynSent(), []);
      connection.reset();
      assert.deepEqual(race.story, [
        "lookup",
        "start 2001:db8:9::2",
        "start 10.9.0.2",
        "start 2001:db8:9::3",
        "start 127.0.0.1",
        "win 127.0.0.1",
        "lose 2001:db8:9::2",
        "lose 10.9.0.2",
        "lose 2001:db8:9::3",
      ]);
    },
  },
  {
    name: "silence: attemptTimeout ends each attempt, and the error lists them all",
    network: SILENCE,
    async play(race) {
      const addresses = [to("10.9.0.2", PORT), to("2001:db8:9::2", PORT)];
      const error = await netError(connectTo(addresses, { attemptTimeout: 200, attemptDelay: 20 }));
      assert.ok(error instanceof NetTimeoutError);
      assert.deepEqual(
        error.attempts?.map(({ address, code }) => [address, code]),
        [
          ["10.9.0.2", "ETIMEDOUT"],
          ["2001:db8:9::2", "ETIMEDOUT"],
        ],
      );
      for (const { duration = 0 } of error.attempts) assertPassed(duration, 200);
      assert.equal(
        error.message,
        "connect 10.9.0.2:4242, [2001:db8:9::2]:4242: " +
          "10.9.0.2:4242: timed out after 200 ms (ETIMEDOUT); " +
          "[2001:db8:9::2]:4242: timed out after 200 ms (ETIMEDOUT)",
      );
      assert.deepEqual(race.story, [
        "start 10.9.0.2",
        "start 2001:db8:9::2",
        "fail 10.9.0.2 ETIMEDOUT",
        "fail 2001:db8:9::2 ETIMEDOUT",
      ]);
    },
  },
  {
    name: "silence: an address whose attemptTimeout is up makes room for the next at once",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "::1" });
      const connection = await connectTo([to("10.9.0.2", PORT), to("::1", listener.port)], {
        attemptTimeout: 200,
        attemptDelay: Infinity,
      });
      connection.reset();
      assert.deepEqual(race.story, ["start 10.9.0.2", "fail 10.9.0.2 ETIMEDOUT", "start ::1", "win ::1"]);
      assertPassed(race.at("fail 10.9.0.2 ETIMEDOUT"), 200);
    },
  },
  {
    name: "silence: one deadline spans all attempts, and its error lists those that it cut off",
    network: SILENCE,
    async play(race) {
      const lookup = lookupOf("10.9.0.2", "2001:db8:9::2");
      const begun = performance.now();
      const error = await netError(connect("silent.test", PORT, { lookup, timeout: 400, attemptDelay: 100 }));
      assertPassed(performance.now() - begun, 400);
      assert.deepEqual(inSynSent(), []);
      assert.ok(error instanceof NetTimeoutError);
      assert.equal(error.operation, "connect");
      assert.equal(error.timeout, 400);
      assert.equal(error.host, "silent.test");
      assert.deepEqual(
        error.attempts?.map(({ address, code }) => [address, code]),
        [
          ["10.9.0.2", "ETIMEDOUT"],
          ["2001:db8:9::2", "ETIMEDOUT"],
        ],
      );
      assert.deepEqual(race.story, [
        "lookup",
        "start 10.9.0.2",
        "start 2001:db8:9::2",
        "lose 10.9.0.2",
        "lose 2001:db8:9::2",
      ]);
    },
  },
  {
    name: "silence: an abort ends all attempts with its own reason",
    network: SILENCE,
    async play(race) {
      const stop = new AbortController();
      const reason = new Error("enough");
      race.onEvent = (event) => {
        if (event === "start 10.9.0.3") setTimeout(() => stop.abort(reason), 20);
      };
      const addresses = ["10.9.0.2", "10.9.0.3", "10.9.0.4"].map((address) => to(address, PORT));
      const connecting = connectTo(addresses, { signal: stop.signal, attemptDelay: 200 });
      assert.equal(await failure(connecting), reason);
      assert.deepEqual(inSynSent(), []);
      assert.deepEqual(race.story, ["start 10.9.0.2", "start 10.9.0.3", "lose 10.9.0.2", "lose 10.9.0.3"]);
    },
  },
  {
    name: "silence: attemptDelay Infinity waits for the first, whatever it takes",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const addresses = [to("10.9.0.2", PORT), to("127.0.0.1", listener.port)];
      const error = await netError(connectTo(addresses, { attemptDelay: Infinity, timeout: 600 }));
      assert.ok(error instanceof NetTimeoutError);
      assert.equal(error.attempts?.length, 1);
      assert.deepEqual(race.story, ["start 10.9.0.2", "lose 10.9.0.2"]);
    },
  },
  {
    name: "silence: of a name with 200 addresses 16 are in flight, and room is made by those that time out",
    network: SILENCE,
    async play(race) {
      await using listener = await listen(0, { host: "127.0.0.1" });
      const silent = Array.from({ length: 200 }, (_, i) => to(`10.9.0.${i + 2}`, PORT));
      const addresses = [...silent.slice(0, 30), to("127.0.0.1", listener.port), ...silent.slice(30)];
      const seen: number[] = [];
      // An attempt is published before its socket has sent anything.
      race.onEvent = () => setTimeout(() => seen.push(inSynSent().length), 20);
      const cutOff = await netError(connectTo(addresses, { attemptDelay: 10, timeout: 1_000 }));
      assert.equal(cutOff.attempts?.length, 16);
      assert.equal(Math.max(...seen), 16);
      assert.deepEqual(inSynSent(), []);
      const connection = await connectTo(addresses, { attemptDelay: 10, attemptTimeout: 300 });
      assert.equal(connection.remoteAddress, "127.0.0.1");
      connection.reset();
      assert.equal(Math.max(...seen), 16);
      assert.deepEqual(inSynSent(), []);
    },
  },
];
