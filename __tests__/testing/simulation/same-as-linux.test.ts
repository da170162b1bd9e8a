/** The same calls over the loopback of this machine and on a simulated host: they come to the same, code and address. */
import { connect, Connection, listen, type Listener } from "../../../src/index.js";
import { simulate } from "../../../src/testing/index.js";
import { unusedPort } from "../../support/unused-port.js";
import { describeWherePossible } from "../../support/where-possible.js";

const LOCAL = "127.0.0.1";

const opened: (Connection | Listener)[] = [];

function keep<T extends Connection | Listener>(one: T): T {
  opened.push(one);
  return one;
}

async function portOf(host = LOCAL): Promise<number> {
  return keep(await listen({ host, port: 0 })).port;
}

/** What a call comes to: addresses without ports, or a code. */
async function outcome(call: Promise<Connection | Listener>): Promise<string | undefined> {
  try {
    return keep(await call)
      .toString()
      .replaceAll(/:\d+( |$)/g, "$1");
  } catch (error) {
    return (error as { code?: string }).code;
  }
}

/** Runs calls, and closes what they have opened. */
async function closing<T>(calls: () => Promise<T>): Promise<T> {
  try {
    return await calls();
  } finally {
    for (const one of opened.splice(0)) {
      if (one instanceof Connection) one.reset();
      else await one.close();
    }
  }
}

/** Each of them is given a port that is not in use. */
const CALLS: Record<string, (port: number) => Promise<string | undefined>> = {
  "connect to the same peer from the same port": async (localPort) => {
    const port = await portOf();
    keep(await connect(LOCAL, port, { localPort }));
    return await outcome(connect(LOCAL, port, { localPort }));
  },
  "connect to another peer from the same port": async (localPort) => {
    const [one, other] = [await portOf(), await portOf()];
    keep(await connect(LOCAL, one, { localPort }));
    return await outcome(connect(LOCAL, other, { localPort }));
  },
  "connect to another peer from a port that the system has chosen": async () => {
    const [one, other] = [await portOf(), await portOf()];
    const { localPort } = keep(await connect(LOCAL, one));
    return await outcome(connect(LOCAL, other, { localPort }));
  },
  "connect to another peer from a port that the system has chosen, of another address": async () => {
    const [one, other] = [await portOf(), await portOf()];
    const { localPort } = keep(await connect(LOCAL, one));
    return await outcome(connect(LOCAL, other, { localPort, localAddress: "127.0.0.5" }));
  },
  "connect to another peer from a port that the system has chosen for an address": async () => {
    const [one, other] = [await portOf(), await portOf()];
    const { localPort } = keep(await connect(LOCAL, one, { localAddress: LOCAL }));
    return await outcome(connect(LOCAL, other, { localPort }));
  },
  "connect from the port of a listener": async () => {
    const [one, other] = [await portOf(), await portOf()];
    return await outcome(connect(LOCAL, other, { localPort: one }));
  },
  "connect from the port of a listener, of another address": async () => {
    const [one, other] = [await portOf(), await portOf()];
    return await outcome(connect(LOCAL, other, { localPort: one, localAddress: "127.0.0.5" }));
  },
  "listen on a port that the system has chosen": async () => {
    const { localPort } = keep(await connect(LOCAL, await portOf()));
    return await outcome(listen({ host: LOCAL, port: localPort ?? 0 }));
  },
  "listen everywhere on a port that the system has chosen": async () => {
    const { localPort } = keep(await connect(LOCAL, await portOf()));
    return await outcome(listen({ host: "::", port: localPort ?? 0 }));
  },
  "listen on a port that the system has chosen, of another address": async () => {
    const { localPort } = keep(await connect(LOCAL, await portOf()));
    return await outcome(listen({ host: "127.0.0.5", port: localPort ?? 0 }));
  },
  "listen on a port that the system has chosen, once the connection is closed": async () => {
    const listener = keep(await listen({ host: LOCAL, port: 0 }));
    const [connection, accepted] = await Promise.all([connect(LOCAL, listener.port), listener.accept()]);
    await connection.closeWrite();
    await accepted.readAll();
    await Promise.all([connection.close(), accepted.close()]);
    return await outcome(listen({ host: LOCAL, port: connection.localPort ?? 0 }));
  },
  "listen on a port that is connected from": async (localPort) => {
    keep(await connect(LOCAL, await portOf(), { localPort }));
    return await outcome(listen({ host: LOCAL, port: localPort }));
  },
  "listen on another loopback address": async () => await outcome(listen({ host: "127.0.0.2", port: 0 })),
  "connect to another loopback address": async () =>
    await outcome(connect("127.0.0.2", await portOf("0.0.0.0"))),
  "connect to all addresses of IPv4": async () => await outcome(connect("0.0.0.0", await portOf())),
  "connect to all addresses of IPv4 from one of them": async () =>
    await outcome(connect("0.0.0.0", await portOf("127.0.0.7"), { localAddress: "127.0.0.7" })),
  "connect to all addresses of IPv6": async () => await outcome(connect("::", await portOf("::"))),
  "connect from all addresses": async () =>
    await outcome(connect(LOCAL, await portOf(), { localAddress: "0.0.0.0" })),
  "connect to another host from a loopback address": async () =>
    // An address that is kept for documentation: no packet is sent.
    await outcome(connect("192.0.2.1", 7, { localAddress: LOCAL, timeout: 1_000 })),
};

const missing = process.platform === "linux" ? undefined : "what is compared is how Linux does it";

describeWherePossible("as on Linux", missing, () => {
  test.each(Object.entries(CALLS))("%s", async (_what, call) => {
    const port = await unusedPort();
    const onePort = (): Promise<string | undefined> => closing(() => call(port));
    const simulated = await simulate({ seed: 1 }, (network) => network.host("a").run(onePort));
    expect(simulated).toBe(await onePort());
  });
});

test("a connection to an address of the host itself comes from that address, and others from the first one", async () => {
  await simulate({ seed: 1 }, async (network) => {
    const addresses = ["10.0.0.1", "fd00::1", "10.0.0.9", "fd00::9"];
    const [a, b] = [network.host("a", { addresses }), network.host("b", { addresses: ["10.0.0.2"] })];
    await a.run(async () => {
      const { port } = await listen(0);
      for (const address of [...addresses, "127.0.0.1", "::1"])
        expect((await connect(address, port)).localAddress).toBe(address);
    });
    const { port } = await b.run(() => listen(0));
    const connection = await a.run(() => connect("b", port));
    expect(connection.localAddress).toBe("10.0.0.1");
  });
});
