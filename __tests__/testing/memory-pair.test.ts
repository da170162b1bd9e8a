import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { Duplex } from "node:stream";
import { inspect } from "node:util";
import { Connection, type ConnectionEvent } from "../../src/index.js";
import { memoryPair, type MemoryPairOptions } from "../../src/testing/index.js";
import { failure, isPending, netError, timeoutError } from "../support/outcomes.js";

describe("the two ends", () => {
  test("are connections, and what one writes the other reads", async () => {
    const [client, server] = memoryPair();
    expect([client, server]).toEqual([expect.any(Connection), expect.any(Connection)]);
    await client.writeLine("PING");
    expect(await server.readLine()).toBe("PING");
    await server.writeLine("PONG");
    expect(await client.readLine()).toBe("PONG");
    await Promise.all([client.close(), server.close()]);
  });

  test("have no address and no descriptor, and say that they are in memory", async () => {
    for (const end of memoryPair()) {
      const { localAddress, localPort, remoteAddress, remotePort, fd } = end;
      expect([localAddress, localPort, remoteAddress, remotePort, fd]).toEqual(Array(5).fill(undefined));
      expect(String(end)).toBe("memory");
      expect(inspect(end)).toMatch(/^Connection .*memory/);
      expect(end.socket).toBeInstanceOf(Duplex);
      expect(end.socket).toBe(end.duplex);
      end.reset();
      expect(await netError(end.read())).toMatchObject({ code: "ERR_CLOSED" });
    }
  });

  test("are announced as one that has connected and one that was accepted", () => {
    const events: ConnectionEvent[] = [];
    const note = (event: unknown): void => void events.push(event as ConnectionEvent);
    subscribe("tcp6:connection:open", note);
    memoryPair();
    unsubscribe("tcp6:connection:open", note);
    expect(events).toMatchObject([
      { origin: "connect", name: "memory" },
      { origin: "accept", name: "memory" },
    ]);
  });

  test("know nothing of other pairs", async () => {
    const [client] = memoryPair();
    const [, server] = memoryPair();
    await client.write("for its own peer");
    expect(await timeoutError(server.read({ timeout: 0 }))).toBeDefined();
  });
});

describe("the options", () => {
  test("are those of both ends", async () => {
    for (const end of memoryPair({ readTimeout: 0 })) {
      expect(await timeoutError(end.read())).toMatchObject({ timeout: 0 });
    }
    const closeOn = new AbortController();
    const pair = memoryPair({ closeOn: closeOn.signal });
    closeOn.abort();
    for (const { closed } of pair) await closed;
  });

  test("capacity bounds what is on its way, and a write waits for the reader beyond that", async () => {
    const [client, server] = memoryPair({ capacity: 10, readAhead: 0 });
    await client.write("0123456789");
    const more = client.write("x");
    expect(await isPending(more)).toBe(true);
    expect(String(await server.readExactly(10))).toBe("0123456789");
    await more;
    expect(String(await server.read())).toBe("x");
  });

  test("capacity is 64 KiB unless it is given", async () => {
    const [client, server] = memoryPair({ readAhead: 0 });
    await client.write(Buffer.alloc(65_536));
    expect(await isPending(client.write("x"))).toBe(true);
    server.reset();
  });

  test("a capacity of Infinity takes everything, one of 1 passes everything byte by byte", async () => {
    const [client, server] = memoryPair({ capacity: Infinity, readAhead: 0 });
    await client.write(Buffer.alloc(1_000_000));
    expect(server.bytesRead).toBe(0);
    const [slow, reader] = memoryPair({ capacity: 1 });
    const all = reader.readAll();
    await slow.write("letter by letter");
    await slow.close({ timeout: 0 });
    expect(String(await all)).toBe("letter by letter");
  });

  test.each([
    [{ capacity: 0 }, RangeError, '"capacity" must be a whole number, 1 or more, or Infinity; received 0'],
    [{ capacity: 1.5 }, RangeError, '"capacity" must be a whole number, 0 or more'],
    [{ capacity: "64" }, TypeError, '"capacity" must be a whole number'],
    [{ capactiy: 64 }, TypeError, '"capactiy" is no option: did you mean "capacity"?'],
    [{ readTimeout: -1 }, RangeError, '"readTimeout" must be 0 or more milliseconds'],
    [64, TypeError, '"options" must be an object of options'],
    [null, TypeError, '"options" must be an object of options'],
  ])("%p is refused", (options, type, message) => {
    const call = () => memoryPair(options as MemoryPairOptions);
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
});

test("a reset of one end fails the other's reads and writes", async () => {
  const [client, server] = memoryPair();
  client.reset();
  expect(await failure(server.read())).toMatchObject({ code: "ECONNRESET" });
  expect(await failure(server.write("x"))).toMatchObject({ code: "ECONNRESET" });
});

describe("a detached end", () => {
  test("that is destroyed tells the write that was under way, and those behind it", async () => {
    const [client] = memoryPair({ capacity: 1 });
    const stream: Duplex = client.detach();
    const outcomes: unknown[] = [];
    const tell = (error?: Error | null): void => void outcomes.push((error as NodeJS.ErrnoException).code);
    stream.write("more than there is room for", tell);
    stream.write("behind it", tell);
    stream.destroy();
    await once(stream, "close");
    expect(outcomes).toEqual(["ECANCELED", "ECANCELED"]);
  });

  test("can be adopted again, and a reset of that connection is one for the peer", async () => {
    const [client, server] = memoryPair();
    const adopted = Connection.from(client.detach());
    await adopted.write("half a mess");
    await server.readExactly(11);
    adopted.reset();
    expect(await failure(server.read())).toMatchObject({ code: "ECONNRESET" });
  });
});
