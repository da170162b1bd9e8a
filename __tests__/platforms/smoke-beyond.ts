import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { subscribe } from "node:diagnostics_channel";
import {
  connect,
  framed,
  getParameters,
  jsonLines,
  lengthPrefixed,
  listen,
  NetTimeoutError,
  requests,
  resolve,
  withParameters,
  type AttemptEvent,
  type Connection,
  type LookupFunction,
} from "../../src/index.js";
import { memoryPair } from "../../src/testing/index.js";
import { unusedPort } from "../support/unused-port.js";

const HOST = "127.0.0.1";

async function opened(): Promise<[Connection, Connection]> {
  const listener = await listen(0, { host: HOST });
  const both = await Promise.all([connect(HOST, listener.port), listener.accept()]);
  await listener.close();
  return both;
}

async function closed(...connections: Connection[]): Promise<void> {
  await Promise.all(connections.map((one) => one.close()));
}

/** What is built on connections, and what comes before them: it must work on every runtime, each in a process of its own. */
export const casesBeyond: Readonly<Record<string, () => Promise<void>>> = {
  async "records up to one of several delimiters, and what is looked at before it is read"() {
    const [a, b] = await opened();
    await a.write("one;two,rest|a|b|");
    await a.closeWrite();
    assert.equal(String(await b.readUntil(";")), "one");
    const record = await b.readUntilAny([",", "|"]);
    assert.deepEqual([record?.delimiter, String(record?.bytes)], [",", "two"]);
    assert.equal(String(await b.peek(2)), "re");
    b.unread("the ");
    const records: string[] = [];
    for await (const bytes of b.split("|")) records.push(String(bytes));
    assert.deepEqual(records, ["the rest", "a", "b"]);
    await closed(a, b);
  },

  async "frames with their length ahead of them"() {
    const [a, b] = await opened();
    const [sender, receiver] = [lengthPrefixed(a), lengthPrefixed(b)];
    const sizes = [0, 1, 200_000];
    for (const size of sizes) void sender.send(Buffer.alloc(size, "x"));
    void a.closeWrite();
    const received: number[] = [];
    for await (const frame of receiver) received.push(frame.length);
    assert.deepEqual(received, sizes);
    await closed(a, b);
  },

  async "messages of a codec"() {
    const [a, b] = await opened();
    const [ann, bob] = [framed(a, jsonLines()), framed(b, jsonLines())];
    await ann.send({ text: "grüße" });
    assert.deepEqual(await bob.receive(), { text: "grüße" });
    await bob.send([1, 2]);
    assert.deepEqual(await ann.receive(), [1, 2]);
    await closed(a, b);
  },

  async "requests of several callers over one connection"() {
    const [a, b] = await opened();
    const served = (async () => {
      const server = framed(b, jsonLines<string>());
      for await (const message of server) await server.send(message.toUpperCase());
      await b.close();
    })();
    const client = requests(framed(a, jsonLines<string>()));
    const replies = await Promise.all(["one", "two", "three"].map((word) => client.request(word)));
    assert.deepEqual(replies, ["ONE", "TWO", "THREE"]);
    await client.close();
    await served;
  },

  async "the PROXY protocol, of both versions"() {
    const listener = await listen(0, { host: HOST, proxyProtocol: "require" });
    for (const version of [1, 2] as const) {
      const proxyHeader = {
        ...{ version, sourceAddress: "192.0.2.1", sourcePort: 50_000 },
        ...{ destinationAddress: "192.0.2.2", destinationPort: 443 },
      };
      const [client, server] = await Promise.all([
        connect({ host: HOST, port: listener.port }, { proxyHeader }),
        listener.accept({ timeout: 5_000 }),
      ]);
      await client.writeLine("behind it");
      assert.equal(await server.readLine(), "behind it");
      assert.deepEqual([server.proxy?.version, server.proxy?.sourceAddress], [version, "192.0.2.1"]);
      await closed(client, server);
    }
    await listener.close();
  },

  async "names of hosts and of services"() {
    assert.deepEqual(
      (await resolve(HOST, "https")).map(({ port }) => port),
      [443],
    );
    assert((await resolve("localhost", 80)).length > 0);
    await assert.rejects(resolve(HOST, "no-such-service-at-all"), { code: "EAI_SERVICE" });
  },

  async "an address that refuses is followed by the next, and channels tell of it"() {
    const listener = await listen(0, { host: HOST });
    const attempts: unknown[] = [];
    const told = (how: string) => (event: unknown) =>
      void attempts.push([how, (event as AttemptEvent).address]);
    subscribe("tcp6:attempt:fail", told("failed"));
    subscribe("tcp6:attempt:win", told("won"));
    const lookup: LookupFunction = (_name, _request, callback) => callback(null, ["127.0.0.77", HOST]);
    const [client, server] = await Promise.all([
      connect("two.test", listener.port, { lookup }),
      listener.accept(),
    ]);
    assert.equal(client.remoteAddress, HOST);
    assert.deepEqual(attempts, [
      ["failed", "127.0.0.77"],
      ["won", HOST],
    ]);
    await closed(client, server);
    await listener.close();
    await assert.rejects(connect("two.test", await unusedPort(), { lookup }), { code: "ECONNREFUSED" });
  },

  async "parameters that hold for all that a function starts"() {
    const [a, b] = await opened();
    const [c, d] = await withParameters({ readTimeout: 20 }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      assert.equal(getParameters().readTimeout, 20);
      return opened();
    });
    assert.notEqual(getParameters().readTimeout, 20);
    await assert.rejects(c.read(), NetTimeoutError);
    await closed(a, b, c, d);
  },

  async "a pair in memory"() {
    const [a, b] = memoryPair();
    await a.write("in memory\n");
    assert.equal(await b.readLine(), "in memory");
    await assert.rejects(b.read({ timeout: 10 }), NetTimeoutError);
    await a.closeWrite();
    assert.equal(await b.read(), null);
    b.reset();
    await assert.rejects(a.read(), { code: "ECONNRESET" });
  },

  async "reads of the web into memory of the caller"() {
    const [a, b] = await opened();
    const reader = a.readable.getReader({ mode: "byob" });
    const reading = reader.read(new Uint8Array(5));
    await b.write("hello, and more");
    assert.equal(Buffer.from((await reading).value ?? []).toString(), "hello");
    reader.releaseLock();
    assert.equal(String(await a.readExactly(10)), ", and more");
    await closed(a, b);
  },
};
