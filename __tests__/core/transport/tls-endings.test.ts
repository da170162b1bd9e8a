/** How TLS connections end, and how the ends are told apart: with peers of Node's own, and a wire that is cut. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { streamBeneath } from "../../../src/core/transport/tls-internals.js";
import { Connection, type ConnectionOptions } from "../../../src/index.js";
import { adopted, tlsPair } from "../../support/adopted-pairs.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { isPending, netError, turn, until } from "../../support/outcomes.js";
import { closeAll, endOf, keep } from "../../support/peers.js";
import { startedTls } from "../../support/tls-pairs.js";
import { tlsWire, type Side, type TlsWire } from "../../support/tls-wire.js";

afterEach(closeAll);

interface Ends {
  readonly connection: Connection;
  readonly peer: TLSSocket;
  readonly wire: TlsWire;
}

async function ends(side: Side, options?: ConnectionOptions): Promise<Ends> {
  const { ours, peer, wire } = await tlsWire(side);
  return { connection: keep(Connection.from(ours, options)), peer, wire };
}

/** What a connection gives before it fails, and the code that it fails with. */
async function untilFailure(connection: Connection): Promise<[bytes: number, code: string]> {
  let bytes = 0;
  const error = await netError(
    (async () => {
      for (let chunk = await connection.read(); ; chunk = await connection.read()) {
        if (chunk === null) return;
        bytes += chunk.length;
      }
    })(),
  );
  return [bytes, error.code];
}

describe.each<Side>(["client", "server"])("of a %s", (side) => {
  test("a half-close is the end, and 2 MiB can be sent after it", async () => {
    const { connection, peer } = await ends(side);
    const reply = Buffer.alloc(2 * 1024 * 1024, "reply ");
    const chunks: Buffer[] = [];
    peer.on("data", (chunk: Buffer) => chunks.push(chunk));
    peer.end("question");
    expect((await connection.readAll()).toString()).toBe("question");
    expect(await connection.read()).toBeNull();
    await Promise.all([once(peer, "end"), connection.write(reply), connection.close()]);
    expect(Buffer.concat(chunks).equals(reply)).toBe(true);
  });

  test("closeWrite as the first act says that the stream ends", async () => {
    const { connection, peer } = await ends(side, { allowTruncation: true });
    const other = keep(Connection.from(peer));
    await connection.closeWrite();
    expect(await other.read()).toBeNull();
    await other.write("it goes on the other way");
    await other.close();
    expect((await connection.readAll()).toString()).toBe("it goes on the other way");
  });

  test("a FIN alone fails reads when all that has arrived was read", async () => {
    const { connection, peer, wire } = await ends(side);
    peer.write("hello");
    await until(() => connection.readableLength === 5);
    wire.hold();
    wire.toUs.end();
    await netError(connection.closed);
    expect(await untilFailure(connection)).toEqual([5, "ERR_TLS_TRUNCATED"]);
    const closed = await netError(connection.closed);
    expect([closed.code, closed.operation]).toEqual(["ERR_TLS_TRUNCATED", "read"]);
  });

  test("a FIN alone is the end with allowTruncation, and what is written still arrives", async () => {
    const { connection, peer, wire } = await ends(side, { allowTruncation: true });
    peer.write("hello");
    await until(() => connection.readableLength === 5);
    wire.hold();
    wire.toUs.end();
    expect((await connection.readAll()).toString()).toBe("hello");
    expect(await connection.read()).toBeNull();
    const got = once(peer, "data");
    await connection.write("reply");
    expect(String((await got)[0])).toBe("reply");
    await connection.close();
  });

  test("half a record and a FIN is a stream that was cut off", async () => {
    const { connection, peer, wire } = await ends(side);
    wire.hold();
    peer.write("first");
    wire.toUs.write(await wire.holding());
    peer.write(Buffer.alloc(1_000));
    wire.toUs.end((await wire.holding(1_000)).subarray(0, 500));
    expect(await untilFailure(connection)).toEqual([5, "ERR_TLS_TRUNCATED"]);
  });

  test("bytes and the FIN in one segment are bytes, and then a stream that was cut off", async () => {
    const { connection, peer, wire } = await ends(side);
    wire.hold();
    peer.write(Buffer.alloc(1_000));
    wire.toUs.end(await wire.holding(1_000));
    expect(await untilFailure(connection)).toEqual([1_000, "ERR_TLS_TRUNCATED"]);
  });

  test("bytes, close_notify and the FIN in one segment are bytes, and the end", async () => {
    const { connection, peer, wire } = await ends(side);
    wire.hold();
    peer.end(Buffer.alloc(1_000));
    await until(() => wire.toPeer.readableEnded);
    wire.toUs.end(await wire.holding(1_000));
    expect((await connection.readAll()).length).toBe(1_000);
    await connection.close();
  });

  test.each([0, 1_000, undefined])(
    "a reader that pauses gets all, and then learns that it was cut off, with a readAhead of %p",
    async (readAhead) => {
      const { connection, peer, wire } = await ends(side, readAhead === undefined ? {} : { readAhead });
      wire.hold();
      const records = 64;
      const size = records * 16_384;
      peer.write(Buffer.alloc(size));
      // Of the last record, too: TLS 1.3 adds a header, a type and a tag to each (RFC 8446, 5.2).
      wire.toUs.end(await wire.holding(size + records * (5 + 1 + 16)));
      expect((await connection.readExactly(10)).length).toBe(10);
      expect(await isPending(connection.closed)).toBe(true);
      expect(await untilFailure(connection)).toEqual([size - 10, "ERR_TLS_TRUNCATED"]);
    },
  );

  test("close_notify without a FIN is the end, whatever comes behind it", async () => {
    const { connection, peer, wire } = await ends(side);
    wire.hold();
    peer.end();
    wire.toUs.write(await wire.holding());
    expect(await connection.read()).toBeNull();
    wire.toUs.write("this is no record");
    const got = once(peer, "data");
    await connection.write("reply");
    expect(String((await got)[0])).toBe("reply");
    expect(await connection.read()).toBeNull();
    await connection.close();
  });

  test("close_notify and a reset in place of the FIN is the end, and fails what is written then", async () => {
    const { connection, peer, wire } = await ends(side);
    wire.hold();
    peer.end();
    wire.toUs.write(await wire.holding());
    expect(await connection.read()).toBeNull();
    wire.toUs.resetAndDestroy();
    const writing = async () => {
      for (;;) await connection.write(Buffer.alloc(1_000));
    };
    expect((await netError(writing())).code).toMatch(/^(EPIPE|ECONNRESET)$/);
    await Promise.allSettled([connection.closed]);
  });

  test("bytes that are no TLS fail the connection", async () => {
    const { connection, wire } = await ends(side);
    wire.toUs.write(Buffer.alloc(100, "x"));
    const error = await netError(connection.read());
    expect(error.code).toMatch(/^ERR_SSL_/);
    expect((await netError(connection.closed)).code).toBe(error.code);
  });

  test("a reset is a reset", async () => {
    const { connection, peer, wire } = await ends(side);
    peer.write("hello");
    await until(() => connection.readableLength === 5);
    const waiting = connection.readExactly(10);
    wire.toUs.resetAndDestroy();
    expect((await netError(waiting)).code).toBe("ECONNRESET");
    expect((await netError(connection.closed)).code).toBe("ECONNRESET");
  });

  test("our reset is one, without close_notify", async () => {
    const { connection, peer, wire } = await ends(side);
    peer.write("hello");
    await Promise.all([connection.write("hello"), connection.read(), once(peer, "data")]);
    let sent = 0;
    wire.toUs.on("data", (chunk: Buffer) => (sent += chunk.length));
    const end = endOf(wire.toUs);
    connection.reset();
    expect([await end, sent]).toEqual(["ECONNRESET", 0]);
    await connection.closed;
    expect(connection.socket.closed).toBe(true);
  });
});

test.each([0, 1, 2])(
  "a stream beneath that is no socket may close while the end is on its way (%i turns before)",
  async (turns) => {
    const [client, server] = await startedTls(memoryPair());
    keep(client);
    keep(server);
    const beneath = streamBeneath(client.socket) as Duplex;
    beneath.destroy();
    for (let i = 0; i < turns; i++) await turn();
    await Promise.allSettled([client.closeWrite(), client.closed]);
    expect(client.socket.destroyed).toBe(true);
    expect((await netError(server.readAll())).code).toMatch(/^(ECONNRESET|ERR_TLS_TRUNCATED)$/);
  },
);

test("both ends can close at once, again and again", async () => {
  for (let round = 0; round < 20; round++) {
    const [a, b] = await adopted(tlsPair);
    await Promise.all([a.write("a"), b.write("b")]);
    await Promise.all([a.close(), b.close()]);
    await Promise.all([a.closed, b.closed]);
  }
});
