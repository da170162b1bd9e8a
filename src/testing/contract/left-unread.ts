import assert from "node:assert/strict";
import type { Connection } from "../../index.js";
import { waitingReads } from "./calls.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, text, until } from "./expectations.js";
import type { Pair } from "./pair.js";

/** How a connection ends with bytes unread, without a call of its own but `closeWrite`. */
const WAYS_TO_END: readonly (readonly [name: string, end: (pair: Pair) => Promise<unknown>])[] = [
  [
    "both sides have ended",
    async ({ a, b }) => {
      await b.closeWrite();
      await a.closeWrite();
      await a.closed;
    },
  ],
  [
    "its peer was reset",
    async ({ a, b, resets }) => {
      b.reset();
      // A kind without resets only sends its end: our own side stays open.
      if (!resets) await a.closeWrite().catch(() => undefined);
      await a.closed.catch(() => undefined);
    },
  ],
];

const WAYS_TO_CLOSE: readonly (readonly [name: string, close: (connection: Connection) => Promise<void>])[] =
  [
    ["close()", (connection) => connection.close()],
    ["close({ timeout: 0 })", (connection) => connection.close({ timeout: 0 })],
    [
      "reset()",
      (connection) => {
        connection.reset();
        return Promise.resolve();
      },
    ],
  ];

async function endUnread(pair: Pair, end: (pair: Pair) => Promise<unknown>): Promise<void> {
  await pair.b.write("unread");
  await until(() => pair.a.readableLength === 6);
  await end(pair);
  assert.equal(pair.a.readableLength, 6);
}

/** Bytes that are unread when both sides are over. */
export const leftUnread: readonly ContractCase[] = WAYS_TO_END.flatMap(([how, end]) => [
  ...WAYS_TO_CLOSE.map(([name, close]) =>
    onPair(`${name} after ${how} drops what is unread, and nothing can be read any more`, async (pair) => {
      const { a } = pair;
      await endUnread(pair, end);
      await close(a);
      assert.equal(a.readableLength, 0);
      for (const [read, call] of waitingReads) {
        const error = await fails(call(a), "ERR_CLOSED");
        assert.equal(error.operation, "read", read);
      }
      await close(a);
    }),
  ),

  onPair(`what is unread after ${how} can be read until the connection is closed`, async (pair) => {
    const { a } = pair;
    await endUnread(pair, end);
    assert.equal(text(await a.readExactly(3)), "unr");
    a.reset();
    await fails(a.read(), "ERR_CLOSED");
  }),

  onPair(`duplex: closing after ${how}, with bytes unread, destroys it without an error`, async (pair) => {
    const { a } = pair;
    const { duplex } = a;
    duplex.pause();
    let error: unknown;
    duplex.on("error", (reason) => (error = reason));
    await endUnread(pair, end);
    assert.equal(duplex.closed, false);
    await a.close();
    await until(() => duplex.closed);
    assert.equal(error, undefined);
    assert.equal(duplex.read(), null);
  }),

  onPair(`readable: closing after ${how}, with bytes unread, fails it`, async (pair) => {
    const { a } = pair;
    const { readable } = a;
    await endUnread(pair, end);
    const reader = readable.getReader();
    a.reset();
    assert.equal(((await rejection(reader.closed)) as { code?: string }).code, "ERR_CLOSED");
    assert.equal(((await rejection(reader.read())) as { code?: string }).code, "ERR_CLOSED");
  }),
]);
