import { duplexPair } from "node:stream";
import { connect, connectTo, Connection, listen, NetError, NetTimeoutError } from "../../src/index.js";
import { Addresses } from "../../src/address/addresses.js";
import { network as networkInUse, systemNetwork, useNetwork, type Network } from "../../src/core/network.js";
import { adopt } from "../../src/core/transport/adopt.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { failure, isPending, netError } from "../support/outcomes.js";
import { closeAll, keep, loopback } from "../support/peers.js";

afterEach(async () => {
  useNetwork(systemNetwork);
  await closeAll();
});

const HERE = { localAddress: "203.0.113.1", localPort: 50_000 };

/** A network in memory of one name, on which every client is given one side of a pair. */
function memoryNetwork(): { network: Network; peers: Connection[] } {
  const peers: Connection[] = [];
  const network: Network = {
    ...systemNetwork,
    connect: (to, _from, connected, failed) => {
      if ("path" in to) {
        failed(Object.assign(new Error("no such path"), { code: "ENOENT" }));
      } else {
        const [ours, theirs] = duplexPair();
        peers.push(keep(Connection.from(theirs)));
        const { address: remoteAddress, port: remotePort } = to;
        connected(adopt(ours), new Addresses({ ...HERE, remoteAddress, remotePort }));
      }
      return () => undefined;
    },
    lookup: (name, _request, callback) => {
      if (name === "memory.test") callback(null, ["203.0.113.9"]);
      else callback(Object.assign(new Error("unknown"), { code: "ENOTFOUND" }), []);
    },
  };
  return { network, peers };
}

/** A network that answers no attempt, and notes when each begins and is given up. */
function silentNetwork(): { network: Network; attempts: string[] } {
  const attempts: string[] = [];
  const network: Network = {
    ...systemNetwork,
    connect: (to) => {
      const name = "path" in to ? to.path : to.address;
      attempts.push(`begin ${name}`);
      return () => void attempts.push(`end ${name}`);
    },
  };
  return { network, attempts };
}

test("connections come from another network while that is in use, and from the system's afterwards", async () => {
  const { network, peers } = memoryNetwork();
  useNetwork(network);
  const client = keep(await connect("memory.test", 80));
  expect(client).toMatchObject({ ...HERE, remoteAddress: "203.0.113.9", remotePort: 80, family: 4 });
  await client.writeLine("over memory");
  expect(await peers[0]?.readLine()).toBe("over memory");
  expect(await netError(connect("real.test", 80))).toMatchObject({ operation: "resolve", code: "ENOTFOUND" });
  const refused = await netError(connect("/no/such.sock"));
  expect(refused).toMatchObject({ operation: "connect", code: "ENOENT", address: "/no/such.sock" });

  useNetwork(systemNetwork);
  const listener = await loopback();
  const [real] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept().then(keep)]);
  expect(keep(real).remotePort).toBe(listener.port);
  // Connections of the other network go on.
  await peers[0]?.writeLine("still there");
  expect(await client.readLine()).toBe("still there");
});

test("an aborted call cancels its request to the network", async () => {
  const { network, attempts } = silentNetwork();
  useNetwork(network);
  const controller = new AbortController();
  const connecting = failure(connect("203.0.113.9", 80, { signal: controller.signal }));
  await isPending(connecting);
  useNetwork(systemNetwork);
  controller.abort(new Error("enough"));
  expect(await connecting).toMatchObject({ message: "enough" });
  expect(attempts).toEqual(["begin 203.0.113.9", "end 203.0.113.9"]);
});

test("servers come from the network in use", async () => {
  let made = 0;
  useNetwork({ ...systemNetwork, createServer: (options) => (made++, systemNetwork.createServer(options)) });
  keep(await listen("127.0.0.1:0"));
  expect(made).toBe(1);
  useNetwork(systemNetwork);
  keep(await listen("127.0.0.1:0"));
  expect(made).toBe(1);
});

test("on a silent network and a clock that is moved by hand, attempts begin and end at their times", async () => {
  const { network, attempts } = silentNetwork();
  useNetwork(network);
  await onManualClock(async (clock) => {
    const addresses = ["203.0.113.1", "203.0.113.2"].map((address) => ({
      address,
      port: 80,
      family: 4 as const,
    }));
    const connecting = failure(
      connectTo(addresses, { attemptDelay: 250, attemptTimeout: 1_000, timeout: 60_000 }),
    );
    await isPending(connecting);
    expect(attempts).toEqual(["begin 203.0.113.1"]);
    await clock.advance(249);
    expect(attempts).toHaveLength(1);
    await clock.advance(1);
    expect(attempts).toEqual(["begin 203.0.113.1", "begin 203.0.113.2"]);
    await clock.advance(750);
    expect(attempts.slice(2)).toEqual(["end 203.0.113.1"]);
    await clock.advance(249);
    expect(await isPending(connecting)).toBe(true);
    await clock.advance(1);
    const error = (await connecting) as NetError;
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error.attempts?.map(({ duration }) => duration)).toEqual([1_000, 1_000]);
    expect(clock.pending).toBe(0);
  });
});

test("the system's network is in use outside of tests", () => {
  expect(networkInUse).toBe(systemNetwork);
});
