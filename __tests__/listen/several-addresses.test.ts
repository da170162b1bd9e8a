import { on as eventsOf, once } from "node:events";
import { createConnection, createServer, type Server } from "node:net";
import { constants } from "node:os";
import { promisify } from "node:util";
import { connect, listen, Listener, type Connection, type NetError } from "../../src/index.js";
import { systemNetwork, useNetwork } from "../../src/core/network.js";
import { switchOff, type Capability } from "../../src/core/transport/node-internals.js";
import { failure, microtasks, netError, turn, until } from "../support/outcomes.js";
import { closeAll, endOf, keep, netClient, unusedPort } from "../support/peers.js";
import { listenersOf, nothingLeft, tcpResources } from "../support/resources.js";

/** What of Node's internals is switched off. */
const SWITCHES: readonly [name: string, off: readonly Capability[]][] = [
  ["as it is", []],
  ["without readsIntoOurMemory", ["readsIntoOurMemory"]],
  ["without acceptsHandles", ["acceptsHandles"]],
];

const made: Server[] = [];

/** The addresses of this machine that the tests listen on. */
const HERE = ["127.0.0.1", "::1", "127.0.0.2"] as const;

afterEach(async () => {
  useNetwork(systemNetwork);
  switchOff();
  // Of a call of listen that has not settled, too.
  for (const server of made.splice(0)) if (server.listening) server.close();
  await closeAll();
});

/** Has every name resolve to these addresses, and calls `note` with each server that is made. */
function nameHas(addresses: readonly string[], note: (server: Server) => void = () => undefined): void {
  useNetwork({
    ...systemNetwork,
    lookup: (_name, _request, callback) => callback(null, addresses),
    createServer: (options) => {
      const server = systemNetwork.createServer(options);
      made.push(server);
      note(server);
      return server;
    },
  });
}

/** A listener on all of the addresses, as those of one name: on this port, or one that is free at all of them. */
async function listenOn(addresses: readonly string[] = HERE, port?: number): Promise<Listener> {
  nameHas(addresses);
  return keep(await listen({ host: "several.test", port: port ?? (await unusedPort()) }));
}

/** Whether a client can reach `port` at `host`. */
async function reaches(host: string, port: number): Promise<boolean> {
  return netClient({ host, port }).then(
    (client) => {
      client.destroy();
      return true;
    },
    () => false,
  );
}

/** A server of Node's on this address. */
async function occupy(host: string, port: number): Promise<Server> {
  const server = keep(createServer((socket) => socket.destroy())).listen({ host, port, ipv6Only: true });
  await once(server, "listening");
  return server;
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

/** The literal addresses of a listener. */
function literals({ addresses }: Listener): string[] {
  return addresses.map((one) => ("path" in one ? one.path : one.address));
}

describe("the addresses of a name", () => {
  test("are all listened on, on one port", async () => {
    expect((await listenOn(HERE, 0)).port).toBeGreaterThan(0);
    const port = await unusedPort();
    const listener = await listenOn(HERE, port);
    expect(listener.addresses).toEqual([
      { address: "127.0.0.1", port, family: 4 },
      { address: "::1", port, family: 6 },
      { address: "127.0.0.2", port, family: 4 },
    ]);
    expect(listener.address).toBe(listener.addresses[0]);
    expect(Object.isFrozen(listener.addresses)).toBe(true);
    expect(listener.addresses.every((address) => Object.isFrozen(address))).toBe(true);
    expect(listener.server.address()).toMatchObject({ address: "127.0.0.1", port });
    expect(listener.toString()).toBe(`127.0.0.1:${port}, [::1]:${port}, 127.0.0.2:${port}`);
    expect(listener.toJSON()).toMatchObject({ address: listener.address, addresses: listener.addresses });
    for (const host of HERE) {
      const client = await netClient({ host, port });
      const connection = keep(await listener.accept());
      expect(connection).toMatchObject({ localAddress: host, localPort: port, remotePort: client.localPort });
      client.write(`by ${host}\n`);
      expect(await connection.readLine()).toBe(`by ${host}`);
    }
    expect(await reaches("127.0.0.3", port)).toBe(false);
  });

  test.each(["host and port in one text", "an endpoint object", "a URL", "the option host"])(
    "are those of %s",
    async (form) => {
      nameHas(["127.0.0.2", "127.0.0.3"]);
      const listening = {
        "host and port in one text": () => listen("several.test:0"),
        "an endpoint object": () => listen({ host: "several.test", port: 0 }),
        "a URL": () => listen(new URL("tcp://several.test:0")),
        "the option host": () => listen(0, { host: "several.test" }),
      }[form];
      expect(literals(keep(await (listening as () => Promise<Listener>)()))).toEqual([
        "127.0.0.2",
        "127.0.0.3",
      ]);
    },
  );

  test("of localhost are those that the system knows", async () => {
    const listener = keep(await listen("localhost:0"));
    const client = keep(await connect("localhost", listener.port));
    expect(keep(await listener.accept()).remotePort).toBe(client.localPort);
    expect(literals(listener)).toContain(client.remoteAddress);
    for (const address of literals(listener)) expect(await reaches(address, listener.port)).toBe(true);
  });

  test("that are the same are listened on once", async () => {
    const listener = await listenOn(["127.0.0.1", "::ffff:127.0.0.1", "::1", "127.0.0.1", "::ffff:7f00:1"]);
    expect(literals(listener)).toEqual(["127.0.0.1", "::1"]);
  });

  test("that are unspecified include the others of their family", async () => {
    const listener = await listenOn(["127.0.0.1", "::", "0.0.0.0", "::1"]);
    expect(literals(listener)).toEqual(["::", "0.0.0.0"]);
    const four = await netClient({ host: "127.0.0.9", port: listener.port });
    expect(keep(await listener.accept())).toMatchObject({
      localAddress: "127.0.0.9",
      remotePort: four.localPort,
      family: 4,
    });
    const six = await netClient({ host: "::1", port: listener.port });
    expect(keep(await listener.accept())).toMatchObject({ family: 6, remotePort: six.localPort });
  });

  test("may be twenty", async () => {
    const addresses = Array.from({ length: 20 }, (_, index) => `127.0.0.${String(index + 1)}`);
    const listener = await listenOn(addresses);
    expect(literals(listener)).toEqual(addresses);
    for (const host of addresses) await netClient({ host, port: listener.port });
    await until(() => listener.pending === 20);
    await listener.close();
    await nothingLeft();
  });

  test("of one name can be one, which has the message it always had when it fails", async () => {
    const first = await listenOn(["127.0.0.1"]);
    expect(first.addresses).toEqual([first.address]);
    const error = await netError(listenOn(["127.0.0.1"], first.port));
    expect(error.message).toBe(
      `listen several.test:${first.port}: 127.0.0.1:${first.port}: address already in use (EADDRINUSE)`,
    );
    expect(error.attempts).toBeUndefined();
  });

  test("are named by errors of accept", async () => {
    const listener = await listenOn(["127.0.0.1", "::1"]);
    const { port } = listener;
    const error = await netError(listener.accept({ timeout: 1 }));
    expect(error).toMatchObject({ host: "several.test", address: "127.0.0.1", port });
    expect(error.message).toBe(
      `accept several.test:${port}: 127.0.0.1:${port}, [::1]:${port}: timed out after 1 ms (ETIMEDOUT)`,
    );
  });
});

test("a literal address, no host, a path: a listener has one address", async () => {
  const listener = keep(await listen("127.0.0.1:0"));
  expect(listener.addresses).toEqual([listener.address]);
  const all = keep(await listen(0));
  expect(all.addresses).toEqual([all.address]);
});

describe("addresses that this machine does not have", () => {
  test.each(["192.0.2.77", "2001:db8::77", "fe80::1"])("are left out (%s)", async (foreign) => {
    const listener = await listenOn([foreign, "127.0.0.1", foreign, "::1"]);
    expect(literals(listener)).toEqual(["127.0.0.1", "::1"]);
    expect(listener.server.address()).toMatchObject({ address: "127.0.0.1", port: listener.port });
    expect(await reaches("::1", listener.port)).toBe(true);
  });

  test("fail the call if there is no other, with an error for each", async () => {
    const error = await netError(listenOn(["192.0.2.77", "192.0.2.78"], 0));
    expect(error).toMatchObject({ code: "EADDRNOTAVAIL", operation: "listen", host: "several.test" });
    expect(error.message).toMatch(
      /^listen several\.test:0: 192\.0\.2\.77:0: .+ \(EADDRNOTAVAIL\); 192\.0\.2\.78:0: .+ \(EADDRNOTAVAIL\)$/,
    );
    expect(error.attempts?.map(({ address, code }) => [address, code])).toEqual([
      ["192.0.2.77", "EADDRNOTAVAIL"],
      ["192.0.2.78", "EADDRNOTAVAIL"],
    ]);
    await nothingLeft();
  });
});

describe("a port in use at one address", () => {
  test.each(HERE)("fails the whole call, and nothing is left listening (%s)", async (taken) => {
    const port = await unusedPort();
    const other = await occupy(taken, port);
    const error = await netError(listenOn(["192.0.2.77", ...HERE], port));
    expect(error).toMatchObject({ code: "EADDRINUSE", host: "several.test", address: taken, port });
    expect(error.attempts?.map(({ code }) => code)).toEqual(["EADDRNOTAVAIL", "EADDRINUSE"]);
    expect(error.message).toContain(`${taken.includes(":") ? `[${taken}]` : taken}:${port}: address already`);
    for (const host of HERE) expect(await reaches(host, port)).toBe(host === taken);
    await closed(other);
    await nothingLeft();
    expect((await listenOn(HERE, port)).port).toBe(port);
  });

  test("has another port tried, if the system chooses it", async () => {
    /** Listens while the ports that the first address gets are taken at the second, as often as `times`. */
    function listenWhileTaken(times: number): {
      listening: Promise<Listener>;
      ports: number[];
      taken: Server[];
    } {
      const ports: number[] = [];
      const taken: Server[] = [];
      nameHas(["127.0.0.1", "127.0.0.2"], (server) => {
        const listenNow = server.listen.bind(server) as (...args: unknown[]) => Server;
        server.listen = (...args: unknown[]) => {
          const [{ host, port }] = args as [{ host: string; port: number }];
          if (host === "127.0.0.1" || ports.length === times) return listenNow(...args);
          ports.push(port);
          const other = keep(createServer());
          // Another process has it: that is as good.
          other.once("error", (error) => server.emit("error", error));
          other.listen(port, host, () => {
            taken.push(other);
            listenNow(...args);
          });
          return server;
        };
      });
      return { listening: listen("several.test:0"), ports, taken };
    }

    const { listening, ports, taken } = listenWhileTaken(3);
    const listener = keep(await listening);
    expect(ports).toHaveLength(3);
    expect(literals(listener)).toEqual(["127.0.0.1", "127.0.0.2"]);
    expect(ports).not.toContain(listener.port);
    // The ports that were taken are let go at the first address.
    await nothingLeft(taken.length + 2);
    await Promise.all([...taken.map(closed), listener.close()]);

    const endless = listenWhileTaken(Infinity);
    const error = await netError(endless.listening);
    expect(error).toMatchObject({ code: "EADDRINUSE", address: "127.0.0.2" });
    expect(endless.ports).toHaveLength(10);
    await Promise.all(endless.taken.map(closed));
    await nothingLeft();
  });
});

describe.each(SWITCHES)("one queue for all addresses (%s)", (_, off) => {
  beforeEach(() => switchOff(...off));

  test("has the clients in the order in which they came", async () => {
    const listener = await listenOn();
    const ports: (number | undefined)[] = [];
    for (const host of [...HERE, ...HERE]) {
      ports.push((await netClient({ host, port: listener.port })).localPort);
      await until(() => listener.pending === ports.length);
    }
    const accepted: Connection[] = [];
    while (accepted.length < ports.length) accepted.push(keep(await listener.accept()));
    expect(accepted.map(({ remotePort }) => remotePort)).toEqual(ports);
    expect(accepted.map(({ localAddress }) => localAddress)).toEqual([...HERE, ...HERE]);
  });

  test("has one backlog", async () => {
    nameHas(HERE);
    const listener = keep(await listen({ host: "several.test", port: await unusedPort() }, { backlog: 2 }));
    const clients = [];
    for (const host of HERE) {
      clients.push(endOf(keep(createConnection({ host, port: listener.port }))));
      await until(() => listener.pending + listener.dropped === clients.length);
    }
    expect(listener).toMatchObject({ pending: 2, dropped: 1 });
    expect(await clients[2]).toBe("ECONNRESET");
  });

  test("serves calls of accept and loops that wait, whichever address a client comes to", async () => {
    const listener = await listenOn();
    const accepting = listener.accept();
    const first = await netClient({ host: "127.0.0.2", port: listener.port });
    expect(keep(await accepting).remotePort).toBe(first.localPort);
    const addresses: (string | undefined)[] = [];
    const loop = (async () => {
      for await (const connection of listener) addresses.push(keep(connection).localAddress);
    })();
    for (const host of HERE) {
      await netClient({ host, port: listener.port });
      await until(() => addresses.includes(host));
    }
    await listener.close();
    await loop;
  });

  test("emits 'connection' at the one server that the listener shows", async () => {
    const listener = await listenOn();
    for (const host of HERE) {
      const told = once(listener.server, "connection");
      await netClient({ host, port: listener.port });
      expect(keep(await listener.accept()).socket).toBe((await told)[0]);
    }
  });
});

describe("the server of a listener on several addresses", () => {
  test("counts the clients of all addresses for its maxConnections", async () => {
    const listener = await listenOn();
    listener.server.maxConnections = 2;
    const drops = eventsOf(listener.server, "drop");
    const one = await netClient({ host: "::1", port: listener.port });
    const first = keep(await listener.accept());
    await netClient({ host: "127.0.0.2", port: listener.port });
    await until(() => listener.pending === 1);
    const count = promisify(listener.server.getConnections.bind(listener.server));
    expect(await count()).toBe(1);
    for (const host of HERE) {
      await endOf(keep(createConnection({ host, port: listener.port })));
      const { value } = (await drops.next()) as { value: unknown[] };
      expect(value[0]).toMatchObject({ localAddress: host, localPort: listener.port });
    }
    one.destroy();
    first.reset();
    await first.closed;
    await netClient({ host: "127.0.0.1", port: listener.port });
    await until(() => listener.pending === 2);
  });

  test("counts what Node could not accept at any address", async () => {
    const servers: Server[] = [];
    nameHas(HERE, (server) => servers.push(server));
    const listener = keep(await listen({ host: "several.test", port: await unusedPort() }));
    expect(servers).toHaveLength(3);
    const told: unknown[] = [];
    listener.server.on("error", (error: NodeJS.ErrnoException) => told.push(error.code));
    // What libuv calls when accept(2) fails.
    type Handle = { onconnection: (status: number) => void };
    for (const server of servers) {
      (server as unknown as { _handle: Handle })._handle.onconnection(-constants.errno.EMFILE);
    }
    expect(listener.dropped).toBe(3);
    expect(told).toEqual(["EMFILE", "EMFILE", "EMFILE"]);
    const client = await netClient({ host: "::1", port: listener.port });
    expect(keep(await listener.accept()).remotePort).toBe(client.localPort);
  });

  test("keeps the process alive, or does not, with all of its sockets", async () => {
    const before = tcpResources().length;
    const listener = await listenOn();
    expect(tcpResources().length).toBe(before + 3);
    expect(listener.unref()).toBe(listener);
    expect(tcpResources().length).toBe(before);
    listener.ref();
    expect(tcpResources().length).toBe(before + 3);
    expect(listener.server.unref()).toBe(listener.server);
    expect(tcpResources().length).toBe(before);
    expect(listener.server.ref()).toBe(listener.server);
    expect(tcpResources().length).toBe(before + 3);
  });
});

describe.each(SWITCHES)("closing (%s)", (_, off) => {
  beforeEach(() => switchOff(...off));

  test.each(["listener.close()", "listener.server.close()"])(
    "by %s frees the port at all addresses",
    async (how) => {
      const port = await unusedPort();
      for (let round = 0; round < 10; round++) {
        const listener = await listenOn(HERE, port);
        const clients = [];
        for (const host of HERE) clients.push(await netClient({ host, port }));
        const connection = keep(await listener.accept());
        await until(() => listener.pending === 2);
        const others = clients.slice(1).map(endOf);
        if (how === "listener.close()") await Promise.all([listener.close(), listener.close()]);
        else listener.server.close();
        await listener.closed;
        expect(await Promise.all(others)).toEqual(["ECONNRESET", "ECONNRESET"]);
        for (const client of clients) client.destroy();
        connection.reset();
      }
      await nothingLeft();
    },
  );

  test("while clients come to the other addresses loses none that was accepted", async () => {
    for (let round = 0; round < 20; round++) {
      const listener = await listenOn();
      const clients = HERE.map((host) => netClient({ host, port: listener.port }).catch(() => undefined));
      const accepting = listener.accept().then(keep, (error: unknown) => (error as NetError).code);
      for (let turns = 0; turns < round % 5; turns++) await turn();
      await listener.close();
      await Promise.all(clients);
      const accepted = await accepting;
      if (typeof accepted === "string") expect(accepted).toBe("ERR_CLOSED");
      else expect(accepted.localPort).toBe(listener.port);
      await closeAll();
    }
    await nothingLeft();
  });

  test("in a 'connection' listener resets the client, whichever address it came to", async () => {
    for (const host of HERE) {
      const listener = await listenOn();
      let calledBack = false;
      listener.server.once("connection", () => listener.server.close(() => (calledBack = true)));
      expect(await endOf(keep(createConnection({ host, port: listener.port })))).toBe("ECONNRESET");
      await listener.closed;
      await until(() => calledBack);
    }
    await nothingLeft();
  });

  test("the server of one address by the program closes the listener", async () => {
    const servers: Server[] = [];
    let closes = 0;
    nameHas(HERE, (server) => servers.push(server.on("close", () => closes++)));
    const port = await unusedPort();
    const listener = keep(await listen({ host: "several.test", port }));
    const accepting = netError(listener.accept());
    servers[2]?.close();
    expect(await accepting).toMatchObject({ code: "ERR_CLOSED" });
    await listener.closed;
    await listener.close();
    await nothingLeft();
    expect(closes).toBe(3);
    for (const host of HERE) expect(await reaches(host, port)).toBe(false);
  });
});

describe("a signal", () => {
  test("aborted at any moment leaves nothing listening at any address", async () => {
    const port = await unusedPort();
    const reason = new Error("changed my mind");
    const counts = { aborted: 0, listening: 0 };
    nameHas(HERE);
    for (let moment = 0; moment <= 120; moment++) {
      const { signal, abort } = abortable(reason);
      const outcome = listen({ host: "several.test", port }, { signal }).catch((error: unknown) => error);
      // First microtask by microtask, then turn by turn.
      if (moment === 120) await outcome;
      else if (moment < 100) await microtasks(moment);
      else for (let i = 100; i <= moment; i++) await turn();
      abort();
      const result = await outcome;
      expect(listenersOf(signal)).toBe(0);
      if (result instanceof Listener) {
        counts.listening++;
        await result.close();
      } else {
        expect(result).toBe(reason);
        counts.aborted++;
      }
      await nothingLeft();
    }
    expect(counts.aborted).toBeGreaterThan(2);
    expect(counts.listening).toBeGreaterThan(0);
  });

  test("aborted with a NetError has that as the failure of the call, not of an address", async () => {
    nameHas(HERE);
    const earlier = await netError(connect("127.0.0.1", await unusedPort()));
    const { signal, abort } = abortable(earlier);
    const outcome = failure(listen("several.test:0", { signal }));
    await microtasks(20);
    abort();
    expect(await outcome).toBe(earlier);
    await nothingLeft();
  });
});

function abortable(reason: Error): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(reason) };
}
