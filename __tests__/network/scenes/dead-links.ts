import { strict as assert } from "node:assert";
import { execFileSync } from "node:child_process";
import { pipeline } from "node:stream/promises";
import {
  connect,
  delimited,
  framed,
  listen,
  NetTimeoutError,
  relay,
  requests,
  serve,
  type Connection,
} from "../../../src/index.js";
import { until } from "../../support/outcomes.js";
import {
  cut,
  listenAfar,
  mend,
  MORE_THAN_FITS,
  pairThrough,
  Receiver,
  route,
  sentAgain,
  tlsPairThrough,
} from "../links.js";
import { FAR_PORT, ROUTED, ROUTED_IMPATIENTLY } from "../network.js";
import { assertPassed, netError, type Scene } from "../scene.js";

const BOUND = 300;
const BOUNDED = { readTimeout: BOUND, writeTimeout: BOUND, lingerTimeout: 100 };
const PATIENT = { readTimeout: Infinity, writeTimeout: Infinity, lingerTimeout: 100 };

export const DEAD_LINKS: readonly Scene[] = [
  {
    name: "a cable that is cut in mid-transfer: both ends time out, what came is the beginning, all that is left can be closed",
    network: ROUTED,
    async play() {
      await using listener = await listenAfar(BOUNDED);
      const [nearSends, farSends] = [
        await pairThrough(listener, BOUNDED),
        await pairThrough(listener, BOUNDED),
      ];
      const [tlsNear, tlsFar] = [
        await tlsPairThrough(listener, BOUNDED),
        await tlsPairThrough(listener, BOUNDED),
      ];
      const transfers = [nearSends, farSends.toReversed(), tlsNear, tlsFar.toReversed()].map((pair) => {
        const [sender, reader] = pair as [Connection, Connection];
        const receiver = new Receiver(MORE_THAN_FITS);
        // Each is looked at below.
        const written = netError(sender.write(MORE_THAN_FITS));
        const read = netError(receiver.take(reader));
        return { sender, reader, receiver, written, read };
      });
      await Promise.all(transfers.map(({ receiver }) => receiver.underWay));
      cut();
      const begun = performance.now();
      for (const { receiver } of transfers) receiver.goOn();
      const endings = transfers.map(async ({ sender, reader, receiver, written, read }) => {
        const writing = await written;
        assert.ok(writing instanceof NetTimeoutError, writing);
        assert.deepEqual([writing.operation, writing.timeout, writing.written], ["write", BOUND, "partly"]);
        const reading = await read;
        assert.ok(reading instanceof NetTimeoutError, reading);
        assert.deepEqual([reading.operation, reading.timeout], ["read", BOUND]);
        receiver.check();
        assert.equal(reader.bytesRead, receiver.received);
        assert.ok(sender.bytesWritten >= receiver.received && sender.bytesWritten < MORE_THAN_FITS.length);
        const closing = await netError(sender.close({ timeout: 50 }));
        assert.ok(closing instanceof NetTimeoutError, closing);
        await reader.close();
        await Promise.all([sender.closed, reader.closed]);
      });
      await Promise.all(endings);
      assertPassed(performance.now() - begun, BOUND);
    },
  },
  {
    name: "a cable that is cut and put in again before the deadline: every transfer ends whole and in order",
    network: ROUTED,
    async play() {
      await using listener = await listenAfar();
      const sent = MORE_THAN_FITS.subarray(0, 16 * 1024 * 1024);
      const ends = [
        await pairThrough(listener),
        (await pairThrough(listener)).toReversed(),
        await tlsPairThrough(listener),
        (await tlsPairThrough(listener)).toReversed(),
      ] as [Connection, Connection][];
      const receivers = ends.map(() => new Receiver(sent));
      const transfers = ends.map(async ([sender, reader], i) => {
        const taken = receivers[i]?.take(reader);
        await sender.write(sent);
        await sender.closeWrite();
        await taken;
      });

      // Through a relay that is between the two, and between streams.
      await using local = await listen(0, { host: "127.0.0.1" });
      const [client, relayed] = await Promise.all([connect("127.0.0.1", local.port), local.accept()]);
      const [near, far] = await pairThrough(listener);
      const [source, target] = await pairThrough(listener);
      const [throughRelay, throughStreams] = [new Receiver(sent), new Receiver(sent)];
      const relaying = relay(relayed, near);
      transfers.push(
        client.write(sent).then(() => client.closeWrite()),
        throughRelay.take(far).then(() => far.close()),
        pipeline([sent.subarray(0, 5_000_000), sent.subarray(5_000_000)], source.duplex),
        pipeline(target.duplex, (chunks: AsyncIterable<Uint8Array>) => throughStreams.take(chunks)),
      );
      receivers.push(throughRelay, throughStreams);

      await Promise.all(receivers.map(({ underWay }) => underWay));
      cut();
      const lost = sentAgain();
      for (const receiver of receivers) receiver.goOn();
      await lost;
      mend();
      await Promise.all(transfers);
      for (const receiver of receivers) {
        assert.equal(receiver.received, sent.length);
        receiver.check();
      }
      assert.deepEqual(await relaying, [sent.length, 0]);
      await Promise.all([...ends.flat(), client, source, target].map((end) => end.close()));
    },
  },
  {
    name: "without timeouts the kernel gives up: writes, a relay and a pipeline end with its error, and so does an idle read",
    network: ROUTED_IMPATIENTLY,
    async play() {
      await using listener = await listenAfar(PATIENT);
      const [near, far] = await pairThrough(listener, PATIENT);
      const [unreachable, ...others] = await pairThrough(listener, PATIENT, "10.9.2.2");
      const [forbidden, atForbidden] = await pairThrough(listener, PATIENT, "10.9.2.3");
      const [idle, atIdle] = await pairThrough(listener, { ...PATIENT, keepAlive: true });
      const [piped, atPiped] = await pairThrough(listener, PATIENT);
      const [relayed, atRelayed] = await pairThrough(listener, PATIENT);
      await using local = await listen(0, { host: "127.0.0.1" });
      const [client, accepted] = await Promise.all([connect("127.0.0.1", local.port), local.accept()]);
      const relaying = netError(relay(accepted, relayed));
      const piping = netError(pipeline([MORE_THAN_FITS], piped.duplex));
      const idleRead = netError(idle.read());
      const writes = [near, far].map((end) => netError(end.write(MORE_THAN_FITS)));
      route("blackhole", "10.9.2.1");
      route("unreachable", "10.9.2.2");
      route("prohibit", "10.9.2.3");
      await client.write("a kernel takes it, and another never gets it");
      const replyToRelay = netError(client.read());
      // Written now: an acknowledgement that is still on its way would have the kernel forget what the router said. And in
      // one packet first, since Linux answers only a few.
      await forbidden.write("?");
      const answer = netError(forbidden.read());
      writes.push(netError(unreachable.write(MORE_THAN_FITS)));
      const codes = (await Promise.all(writes)).map(({ code, operation, written }) => [
        code,
        operation,
        written,
      ]);
      assert.deepEqual(codes, [
        ["ETIMEDOUT", "write", "partly"],
        ["ETIMEDOUT", "write", "partly"],
        ["EHOSTUNREACH", "write", "partly"],
      ]);
      assert.deepEqual([(await answer).code, (await answer).operation], ["EHOSTUNREACH", "read"]);
      for (const end of [unreachable, forbidden])
        assert.equal((await netError(end.closed)).code, "EHOSTUNREACH");
      // What had come can still be read.
      for (const end of [near, far]) {
        const receiver = new Receiver(MORE_THAN_FITS);
        receiver.goOn();
        assert.equal((await netError(receiver.take(end))).code, "ETIMEDOUT");
        assert.ok(receiver.received > 0);
        receiver.check();
        assert.equal((await netError(end.closed)).code, "ETIMEDOUT");
      }
      assert.equal((await relaying).code, "ETIMEDOUT");
      assert.equal((await replyToRelay).code, "ECONNRESET");
      assert.equal((await piping).code, "ETIMEDOUT");
      assert.deepEqual([(await idleRead).code, (await idleRead).operation], ["ETIMEDOUT", "read"]);
      assert.equal((await netError(idle.closed)).code, "ETIMEDOUT");
      // These do not know.
      for (const end of [...others, atForbidden, atIdle, atPiped, atRelayed]) end.reset();
    },
  },
  {
    name: "handlers of serve whose clients are cut off end at their timeouts, and it serves on when the cable is back",
    network: ROUTED,
    async play() {
      const listener = await listenAfar(BOUNDED);
      const stop = new AbortController();
      const errors: NetTimeoutError[] = [];
      let waiting = 0;
      const serving = serve(
        listener,
        async (connection) => {
          for await (const line of connection.lines()) {
            waiting++;
            if (line === "much") await connection.write(MORE_THAN_FITS);
            else if (line === "for ever") await connection.read({ timeout: Infinity });
            else await connection.writeLine(line);
          }
        },
        { signal: stop.signal, grace: 100, onError: (error) => errors.push(error as NetTimeoutError) },
      );
      const asked = async (line: string): Promise<Connection> => {
        const client = await connect("10.9.2.1", FAR_PORT, { lingerTimeout: 0 });
        await client.writeLine(line);
        return client;
      };
      const [hello, ...others] = [await asked("hello"), await asked("much"), await asked("for ever")];
      assert.equal(await hello.readLine(), "hello");
      await until(() => waiting === 3);
      cut();
      await until(() => errors.length === 2);
      const ends = errors.map((error) => [error instanceof NetTimeoutError, error.operation, error.timeout]);
      assert.deepEqual(ends.sort(), [
        [true, "read", BOUND],
        [true, "write", BOUND],
      ]);
      mend();
      const again = await asked("again");
      assert.equal(await again.readLine(), "again");
      cut();
      // Two handlers are left, of which one would wait for ever; the grace ends them.
      stop.abort();
      await serving;
      assert.equal(errors.length, 2);
      for (const client of [hello, again, ...others]) client.reset();
    },
  },
  {
    name: "a relay over a cable that is cut: both connections are reset after idleTimeout, which the end on this side of it learns",
    network: ROUTED,
    async play() {
      await using listener = await listenAfar(PATIENT);
      await using local = await listen(0, { host: "127.0.0.1" });
      const [client, accepted] = await Promise.all([connect("127.0.0.1", local.port), local.accept()]);
      const [relayed, server] = await pairThrough(listener, PATIENT);
      const relaying = netError(relay(accepted, relayed, { idleTimeout: BOUND }));
      const receiver = new Receiver(MORE_THAN_FITS);
      const taking = netError(receiver.take(server.chunks({ timeout: 2 * BOUND })));
      const writing = netError(client.write(MORE_THAN_FITS));
      await receiver.underWay;
      cut();
      receiver.goOn();
      const error = await relaying;
      assert.ok(error instanceof NetTimeoutError, error);
      assert.deepEqual([error.operation, error.timeout], ["relay", BOUND]);
      assert.match((await writing).code, /^(ECONNRESET|EPIPE)$/);
      // No reset gets through the cut; this end has a timeout of its own.
      assert.ok((await taking) instanceof NetTimeoutError);
      receiver.check();
      await Promise.all([accepted.closed, relayed.closed]);
      server.reset();
    },
  },
  {
    name: "requests over a cable that is cut: each rejects in time and says whether it was sent, and no late reply is taken for another",
    network: ROUTED,
    async play() {
      await using listener = await listenAfar(PATIENT);
      const [near, far] = await pairThrough(listener, { ...PATIENT, readTimeout: 1_000 });
      const answering = (async () => {
        for await (const line of far.lines()) await far.writeLine(`re: ${line}`);
      })();
      const client = requests(framed(near, delimited("\n")), { concurrency: 2 });
      const ask = async (text: string, timeout?: number): Promise<string> =>
        String(await client.request(text, timeout === undefined ? {} : { timeout }));
      assert.equal(await ask("one"), "re: one");
      cut();
      const [two, three, four] = [netError(ask("two", 100)), ask("three"), netError(ask("four", 100))];
      for (const [error, written] of [
        [await two, "partly"],
        [await four, "nothing"],
      ] as const) {
        assert.ok(error instanceof NetTimeoutError, error);
        assert.deepEqual([error.operation, error.timeout, error.written], ["request", 100, written]);
      }
      mend();
      assert.equal(await three, "re: three");
      assert.equal(await ask("five"), "re: five");
      cut();
      // Those that have no timeout of their own end when the connection does.
      const last = ["six", "seven", "eight"].map((text) => netError(ask(text)));
      const ends = (await Promise.all(last)).map(({ code, written }) => [code, written]);
      assert.deepEqual(ends, [
        ["ETIMEDOUT", "partly"],
        ["ETIMEDOUT", "partly"],
        ["ETIMEDOUT", "nothing"],
      ]);
      // They have reset it themselves.
      await near.closed;
      far.reset();
      await netError(answering);
    },
  },
  {
    name: "a listener whose interface vanishes waits, and takes clients again when the interface is back",
    network: ROUTED,
    async play() {
      await using listener = await listen(0, { host: "10.9.1.1" });
      const { port } = listener;
      const accepting = listener.accept();
      execFileSync("ip", ["link", "delete", "near0"]);
      const error = await netError(connect("10.9.1.1", port, { timeout: 1_000 }));
      assert.match(error.code, /^(ENETUNREACH|EHOSTUNREACH|ETIMEDOUT)$/);
      execFileSync("ip", ["link", "add", "near0", "type", "veth", "peer", "name", "near1"]);
      execFileSync("ip", ["address", "add", "10.9.1.1/24", "dev", "near0"]);
      execFileSync("ip", ["link", "set", "near0", "up"]);
      const client = await connect("10.9.1.1", port);
      const accepted = await accepting;
      await client.writeLine("hello");
      assert.equal(await accepted.readLine(), "hello");
      client.reset();
      accepted.reset();
    },
  },
];
