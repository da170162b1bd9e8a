import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { NetError, type Connection } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { rejection, turn, until } from "./expectations.js";
import { clog } from "./payloads.js";

/** The ways in which a program ends its own connection. */
const ways: Readonly<Record<string, (a: Connection) => void>> = {
  "reset()": (a) => a.reset(),
  "close()": (a) => void a.close({ timeout: 20 }).catch(() => undefined),
  "detach()": (a) => void a.detach().on("error", () => undefined),
};

/** What a Duplex may be doing when that happens. */
const moments: Readonly<Record<string, (a: Connection, b: Connection) => Promise<void> | void>> = {
  "before it was used": () => undefined,
  "while it reads": async (a) => {
    a.duplex.resume();
    await turn();
  },
  "while it waits in a loop": async (a) => {
    void rejection(
      (async () => {
        for await (const chunk of a.duplex) assert.fail(String(chunk));
      })(),
    );
    await turn();
  },
  "while it holds bytes for a reader that is paused": async (a, b) => {
    a.duplex.on("data", () => a.duplex.pause());
    await b.write("unread");
    await until(() => a.duplex.readableFlowing === false);
  },
  "while a write waits, and others behind it": (a) => {
    a.duplex.write(clog(), () => undefined);
    a.duplex.write("more");
  },
  "while its end waits behind a write": async (a) => {
    a.duplex.end(clog());
    await turn();
  },
  "after it has ended": async (a) => {
    a.duplex.end("all");
    await once(a.duplex, "finish");
  },
  "after the peer has ended": async (a, b) => {
    a.duplex.resume();
    await Promise.all([once(a.duplex, "end"), b.closeWrite()]);
  },
};

/** What the Duplex of a connection does when the program itself ends that. */
export const duplexLocalEnds: readonly ContractCase[] = [
  ...Object.entries(ways).flatMap(([way, end]) =>
    Object.entries(moments).map(([moment, prepare]) =>
      onPair(`duplex: ${way} of the connection ${moment} destroys it without an error`, async ({ a, b }) => {
        const { duplex } = a;
        const errors: unknown[] = [];
        duplex.on("error", (error) => errors.push(error));
        await prepare(a, b);
        const closed = once(duplex, "close");
        end(a);
        b.closeRead();
        await closed;
        await turn();
        assert.deepEqual([duplex.destroyed, errors], [true, []]);
      }),
    ),
  ),

  onPair("duplex: a write that a local reset cuts off says so to its callback", async ({ a }) => {
    const outcomes: unknown[] = [];
    a.duplex.write(clog(), (error) => outcomes.push(error));
    a.duplex.write("more", (error) => outcomes.push(error));
    a.reset();
    a.duplex.write("too late", (error) => outcomes.push(error));
    await until(() => outcomes.length === 3);
    assert.ok(outcomes.every((error) => error instanceof Error));
    const [first] = outcomes;
    assert.ok(first instanceof NetError && first.code === "ERR_CLOSED", String(first));
  }),

  onPair("duplex: a local reset fails what waits for it with Node's premature close", async ({ a }) => {
    const failing = [
      rejection(pipeline(new PassThrough(), a.duplex)),
      rejection(pipeline(a.duplex, new PassThrough())),
      rejection(finished(a.duplex)),
    ];
    await turn();
    a.reset();
    for (const error of await Promise.all(failing))
      assert.equal((error as NodeJS.ErrnoException).code, "ERR_STREAM_PREMATURE_CLOSE");
  }),

  onPair(
    "duplex: closeWrite() of the connection leaves it reading, and its writes fail",
    async ({ a, b }) => {
      await a.closeWrite();
      await b.write("still read");
      const [chunk] = (await once(a.duplex, "data")) as [Buffer];
      assert.equal(String(chunk), "still read");
      const error = await rejection(new Promise((_, reject) => a.duplex.write("too late", reject)));
      assert.ok(error instanceof NetError && error.code === "ERR_CLOSED", String(error));
    },
  ),

  onPair("duplex: after closeRead the connection's reads give null, whatever it holds", async ({ a, b }) => {
    const ignore = () => undefined;
    a.duplex.on("readable", ignore);
    await b.write("ahead");
    await until(() => a.duplex.readableLength === 5);
    a.duplex.off("readable", ignore);
    a.closeRead();
    for (let again = 0; again < 3; again++) {
      assert.equal(a.readableLength, 0);
      assert.equal(await a.read(), null);
    }
  }),
];
