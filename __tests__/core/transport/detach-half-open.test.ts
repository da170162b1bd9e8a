import type { Duplex } from "node:stream";
import { connect, Connection, listen } from "../../../src/index.js";
import { duplexesInMemory, socketPair, tlsPair } from "../../support/adopted-pairs.js";
import { turn, until } from "../../support/outcomes.js";
import { closeAll, keep, socketPath } from "../../support/peers.js";

afterEach(closeAll);

type Place = { host: string; port: number } | { path: string };

/** A connection, and the stream at its other end, which stays open until it is ended. */
type Ends = readonly [Connection, Duplex];

/** Connects, and gives one of both connections. */
function own(endpointOf: () => Place, side: "connected" | "accepted"): () => Promise<Ends> {
  return async () => {
    const endpoint = endpointOf();
    const listener = keep(await listen(endpoint));
    const target = "path" in endpoint ? endpoint : { host: "127.0.0.1", port: listener.port };
    const [connected, accepted] = [keep(await connect(target)), keep(await listener.accept())];
    const [connection, other] = side === "connected" ? [connected, accepted] : [accepted, connected];
    return [connection, other.detach({ allowHalfOpen: true })];
  };
}

function adoptedFrom(make: () => Promise<[Duplex, Duplex]>, allowHalfOpen: boolean): () => Promise<Ends> {
  return async () => {
    const [peer, stream] = await make();
    stream.allowHalfOpen = allowHalfOpen;
    return [Connection.from(stream), peer];
  };
}

const tcp = (): Place => ({ host: "127.0.0.1", port: 0 });
const unix = (): Place => ({ path: socketPath() });

/** The last: whether it stays open if `detach` is not told. */
const kinds: readonly (readonly [string, () => Promise<Ends>, boolean])[] = [
  ["a TCP connection that connected", own(tcp, "connected"), false],
  ["a TCP connection that was accepted", own(tcp, "accepted"), false],
  ["a Unix connection that connected", own(unix, "connected"), false],
  ["a Unix connection that was accepted", own(unix, "accepted"), false],
  ["an adopted half-open socket", adoptedFrom(socketPair, true), true],
  ["an adopted socket that is not half-open", adoptedFrom(socketPair, false), false],
  ["an adopted half-open TLS socket", adoptedFrom(tlsPair, true), true],
  ["an adopted TLS socket that is not half-open", adoptedFrom(tlsPair, false), false],
  ["an adopted half-open side of a pair", adoptedFrom(duplexesInMemory, true), true],
  ["an adopted side of a pair that is not half-open", adoptedFrom(duplexesInMemory, false), false],
];

/** More than the kernel takes of a peer that reads nothing. */
const PENDING = Buffer.alloc(8 * 1024 * 1024, "pending ");

/** The chunks that a stream yields. */
function collect(stream: Duplex): Buffer[] {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

describe.each(kinds)("%s, detached", (_kind, make, byItself) => {
  describe.each([true, false, undefined])("with allowHalfOpen %p", (allowHalfOpen) => {
    const staysOpen = allowHalfOpen ?? byItself;

    test.each([
      ["before", "nothing"],
      ["after", "nothing"],
      ["before", "a write"],
      ["after", "a write"],
    ])(
      `${staysOpen ? "stays open" : "ends itself"} when its peer ends %s, while %s waits`,
      async (when, waiting) => {
        const [connection, peer] = await make();
        const pending = waiting === "nothing" ? Buffer.alloc(0) : PENDING;
        if (pending.length > 0) {
          void connection.write(pending).catch(() => undefined);
          expect(connection.writableLength).toBeGreaterThan(0);
        }
        if (when === "before") {
          peer.end();
          expect(await connection.read()).toBeNull();
        }
        const stream = connection.detach(allowHalfOpen === undefined ? {} : { allowHalfOpen });
        expect(stream.allowHalfOpen).toBe(staysOpen);
        stream.resume();
        if (when === "after") peer.end();
        await until(() => stream.readableEnded);
        const sent = collect(peer);
        if (staysOpen) {
          for (let i = 0; i < 3; i++) await turn();
          expect(stream.writableEnded).toBe(false);
          stream.end("last");
        }
        await until(() => peer.readableEnded);
        expect(stream.writableEnded).toBe(true);
        const all = Buffer.concat([pending, Buffer.from(staysOpen ? "last" : "")]);
        expect(Buffer.concat(sent).equals(all)).toBe(true);
        peer.destroy();
        stream.destroy();
      },
    );
  });
});
