import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { getEventListeners, once } from "node:events";
import { relay } from "../../index.js";
import { waitingReads, waitingWrites } from "./calls.js";
import { contractCase, type ContractCase } from "./contract-case.js";
import { fails, stillPending, text, turn, until } from "./expectations.js";
import { clog } from "./payloads.js";
import type { Pair } from "./pair.js";

/** A pair whose two ends have one signal. */
interface ClosablePair extends Pair {
  readonly controller: AbortController;
  /** How many listeners the signal has. */
  readonly listeners: () => number;
}

function onClosablePair(name: string, check: (pair: ClosablePair) => Promise<void>): ContractCase {
  return contractCase(`closeOn: ${name}`, async (makePair) => {
    const controller = new AbortController();
    const { signal } = controller;
    const pair = await makePair({ closeOn: signal });
    const listeners = (): number => getEventListeners(signal, "abort").length;
    assert.equal(listeners(), 1, "one listener for both ends");
    await check({ ...pair, controller, listeners });
    await pair.dispose();
    await turn();
    assert.equal(listeners(), 0, "a listener was left on the signal");
  });
}

/** What ends both connections before the signal is aborted. */
const endings: readonly (readonly [how: string, end: (pair: Pair) => Promise<unknown>])[] = [
  ["close()", ({ a, b }) => Promise.all([a.close(), b.close()])],
  [
    "reset() at one end",
    async ({ a, b }) => {
      b.reset();
      await Promise.allSettled([a.readAll()]);
      await a.close();
    },
  ],
  [
    "the ends of both sides",
    async ({ a, b }) => {
      for (const end of [a, b]) end.closeRead();
      await Promise.all([a.closeWrite(), b.closeWrite(), a.closed, b.closed]);
    },
  ],
  [
    "detach()",
    async ({ a, b }) => {
      for (const end of [a, b]) end.detach().on("error", () => undefined);
      await Promise.all([a.closed, b.closed]);
    },
  ],
];

/** Connections that a signal resets. */
export const closeOn: readonly ContractCase[] = [
  ...[...waitingReads, ...waitingWrites].map(([name, call]) =>
    onClosablePair(`an abort rejects ${name} as reset() does`, async ({ a, b, controller, listeners }) => {
      if (waitingWrites.some(([write]) => write === name)) void a.write(clog());
      const waiting = call(a);
      await stillPending(waiting);
      controller.abort(new Error("shutdown"));
      assert.equal(listeners(), 0);
      assert.equal((await fails(waiting, "ERR_CLOSED")).cause, undefined);
      await fails(a.read(), "ERR_CLOSED");
      await fails(a.write("more"), "ERR_CLOSED");
      await Promise.all([a.closed, b.closed]);
      assert.deepEqual([a.fd, b.fd], [undefined, undefined]);
    }),
  ),

  ...endings.map(([how, end]) =>
    onClosablePair(`${how} takes the connections off the signal`, async (pair) => {
      await end(pair);
      assert.equal(pair.listeners(), 0);
    }),
  ),

  onClosablePair("an abort after detach() leaves the socket as it is", async ({ a, b, controller }) => {
    const socket = a.detach();
    const other = b.detach();
    for (const stream of [socket, other]) stream.on("error", () => undefined);
    controller.abort();
    other.write("still here");
    const [chunk] = (await once(socket, "data")) as [Buffer];
    assert.equal(String(chunk), "still here");
    socket.destroy();
    other.destroy();
  }),

  onClosablePair(
    "what had arrived before the ends can be read after an abort",
    async ({ a, b, controller }) => {
      await b.write("unread");
      await Promise.all([b.closeWrite(), a.closeWrite()]);
      await Promise.all([b.close(), a.closed]);
      await turn();
      controller.abort();
      assert.equal(text(await a.readAll()), "unread");
    },
  ),

  onClosablePair("an abort ends close() while it waits for the peer", async ({ a, b, controller }) => {
    b.duplex.pause();
    const closing = a.close();
    await stillPending(closing);
    controller.abort();
    await closing;
    await Promise.all([a.closed, b.closed]);
  }),

  onClosablePair(
    "an abort destroys a Duplex without an error, and errors web streams",
    async ({ a, b, controller }) => {
      const errors: unknown[] = [];
      const { duplex } = a;
      duplex.on("error", (error) => errors.push(error)).resume();
      const reading = b.readable.getReader().read();
      await turn();
      controller.abort(new Error("shutdown"));
      await Promise.all([once(duplex, "close"), fails(reading, "ERR_CLOSED")]);
      await turn();
      assert.deepEqual([duplex.destroyed, errors], [true, []]);
    },
  ),

  contractCase("closeOn: an abort ends a relay, and resets both its connections", async (makePair) => {
    const controller = new AbortController();
    const near = await makePair({ closeOn: controller.signal });
    const far = await makePair();
    const relaying = relay(near.b, far.a);
    await near.a.write("x");
    await until(() => far.b.bytesRead === 1);
    controller.abort();
    await fails(relaying, "ERR_CLOSED");
    await Promise.all([near.a.closed, near.b.closed, far.a.closed]);
  }),
];
