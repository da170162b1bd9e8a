/** A peer that sends without end to a program that does not read: what the connection takes is bounded, and the peer is held back. */
import { delimited, framed, lengthPrefixed, requests, type Connection } from "../../../src/index.js";
import type { Pair } from "../../../src/testing/contract/pair.js";
import { netError, turn } from "../../support/outcomes.js";
import { pairKinds, type PairKind } from "../../support/pairs.js";

/** More than the kernel holds, of 64 bytes each: a line, and also a frame with a length of four bytes. */
const FLOOD = Buffer.alloc(16 * 1024 * 1024, `\0\0\0\x3c${"x".repeat(59)}\n`);
const MESSAGE_BYTES = 64;
/** The default of `readAhead`, and what a transport reads at once. */
const READ_AHEAD_BYTES = 65_536;
const CHUNK_BYTES = 65_536;
/** Turns of the event loop without progress after which none is to come: a connection that reads takes a chunk in each. */
const TURNS = 20;

async function severalTurns(): Promise<void> {
  for (let turns = 0; turns < TURNS; turns++) await turn();
}

/** Resolves when the sender makes no more progress, to what the receiver has taken by then. */
async function takenAtLast(receiver: Connection, sender: Connection): Promise<number> {
  for (;;) {
    const before = [receiver.bytesRead, sender.writableLength];
    await severalTurns();
    if (receiver.bytesRead === before[0] && sender.writableLength === before[1]) return receiver.bytesRead;
  }
}

/** What a program does with a connection before it reads no more. */
interface Use {
  /** Whether it reads once, which takes a chunk from the kernel even with a `readAhead` of 0. */
  readonly readsOnce?: true;
  /** Most bytes that the program or a view takes from the connection. */
  readonly takes?: number;
  readonly begin: (connection: Connection) => unknown;
}

const USES: Readonly<Record<string, Use>> = {
  nothing: { begin: () => undefined },
  "a Duplex that is not read": { begin: (connection) => connection.duplex },
  "a Duplex that is paused": { begin: (connection) => connection.duplex.on("data", () => undefined).pause() },
  "a Duplex with a listener for 'readable' that reads nothing": {
    readsOnce: true,
    takes: READ_AHEAD_BYTES,
    begin: (connection) => connection.duplex.on("readable", () => undefined),
  },
  "web streams that are not read": { begin: (connection) => [connection.readable, connection.writable] },
  "a web stream with a reader that reads nothing": { begin: (connection) => connection.readable.getReader() },
  "a web stream of which one chunk is read": {
    readsOnce: true,
    takes: CHUNK_BYTES,
    begin: (connection) => connection.readable.getReader().read(),
  },
  "one turn of lines()": {
    readsOnce: true,
    takes: MESSAGE_BYTES,
    begin: (connection) => connection.lines().next(),
  },
  "one turn of chunks()": {
    readsOnce: true,
    takes: CHUNK_BYTES,
    begin: (connection) => connection.chunks().next(),
  },
  "one receive() of framed messages": {
    readsOnce: true,
    takes: MESSAGE_BYTES,
    begin: (connection) => framed(connection, delimited("\n")).receive(),
  },
  "one receive() of length-prefixed frames": {
    readsOnce: true,
    takes: MESSAGE_BYTES,
    begin: (connection) => lengthPrefixed(connection).receive(),
  },
  "requests, of which none is sent": { begin: (connection) => requests(framed(connection, delimited("\n"))) },
};

/** Calls `check` with a pair, whose second connection has begun to send without end. */
async function flooded(
  { makePair }: PairKind,
  readAhead: number,
  check: (pair: Pair, isSending: () => boolean) => Promise<void>,
): Promise<void> {
  const pair = await makePair({ readAhead });
  let isSending = true;
  const flood = pair.b.write(FLOOD).then(
    () => (isSending = false),
    () => (isSending = false),
  );
  try {
    await check(pair, () => isSending);
  } finally {
    pair.b.reset();
    await flood;
    await pair.dispose();
  }
}

/** Kinds by their names, and most bytes that arrive at once: a Duplex gives all that it has, which is a few chunks of its source. */
const MAX_ARRIVAL_BYTES: Readonly<Record<string, number>> = {
  "TCP over IPv4": CHUNK_BYTES,
  "TLS 1.3": CHUNK_BYTES,
  "adopted TLS sockets": CHUNK_BYTES,
  "adopted streams": 4 * CHUNK_BYTES,
};
const KINDS = pairKinds.filter(({ name }) => name in MAX_ARRIVAL_BYTES);

test("all kinds are there", () => {
  expect(KINDS).toHaveLength(Object.keys(MAX_ARRIVAL_BYTES).length);
});

describe.each(KINDS)("$name: a peer that floods", (kind) => {
  const arrival = MAX_ARRIVAL_BYTES[kind.name] ?? 0;

  test.each(Object.entries(USES))(
    "is held back, and no more than the bounds is taken, by %s",
    async (_, { readsOnce = false, takes = 0, begin }) => {
      for (const readAhead of [READ_AHEAD_BYTES, 0]) {
        await flooded(kind, readAhead, async ({ a, b }, isSending) => {
          const used = begin(a);
          if (readsOnce) await used;
          const taken = await takenAtLast(a, b);
          expect(isSending()).toBe(true);
          if (readAhead === 0 && !readsOnce) expect(taken).toBe(0);
          else expect(taken).toBeLessThan(readAhead + arrival + takes + 1);
        });
      }
    },
  );

  test("never has more unread at a slow loop over lines, which gets each of them", async () => {
    for (const readAhead of [READ_AHEAD_BYTES, 0]) {
      await flooded(kind, readAhead, async ({ a }, isSending) => {
        let [count, mostUnread] = [0, 0];
        const lengths = new Set<number>();
        for await (const line of a.lines()) {
          lengths.add(line.length);
          count++;
          mostUnread = Math.max(mostUnread, a.bytesRead - count * MESSAGE_BYTES);
          if (count * MESSAGE_BYTES > 4 * CHUNK_BYTES) break;
          if (count % 50 === 0) await turn();
        }
        expect([...lengths]).toEqual([MESSAGE_BYTES - 1]);
        expect(mostUnread).toBeLessThan(readAhead + arrival + 1);
        expect(isSending()).toBe(true);
      });
    }
  });

  test("with messages that answer no request fails the requests and the connection, of which little was taken", async () => {
    const pair = await kind.makePair();
    const { a, b } = pair;
    const match = { request: (line: string) => line, reply: (): undefined => undefined };
    const asked = requests(framed(a, delimited("\n")), { match }).request("question");
    const flood = b.write(FLOOD);
    const [failed] = await Promise.all([netError(asked), netError(flood), a.closed]);
    expect(failed.code).toBe("ERR_INVALID_MESSAGE");
    expect(a.bytesRead).toBeLessThan(READ_AHEAD_BYTES + arrival + 1);
    await pair.dispose();
  });
});
