import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { lengthPrefixed, type Frames } from "../../index.js";
import { onPair, type ContractCase } from "./contract-case.js";
import { fails, rejection, sameBytes, text, timesOut } from "./expectations.js";
import { framesReceived } from "./frames-received.js";
import { clog, frame, MOST_BYTES, pattern } from "./payloads.js";

const sent: readonly ContractCase[] = [
  onPair("a frame may be text, a view, or a list, which is one frame", async ({ a, b }) => {
    const [from, to] = [lengthPrefixed(a), lengthPrefixed(b)];
    const memory = Uint8Array.from({ length: 12 }, (_, n) => n).buffer;
    const payloads = [
      ["é and 𝄞", Buffer.from("é and 𝄞")],
      ["half: \ud834", Buffer.from("half: \ufffd")],
      [new Uint16Array(memory, 2, 3), Buffer.of(2, 3, 4, 5, 6, 7)],
      [new DataView(memory, 5, 1), Buffer.of(5)],
      [["one", "", Buffer.from(", two"), new Uint8Array(0), ", é"], Buffer.from("one, two, é")],
      [[], Buffer.alloc(0)],
      ["", Buffer.alloc(0)],
      [["", new Uint8Array(0)], Buffer.alloc(0)],
      [Array.from({ length: 3_000 }, () => "xyz"), Buffer.from("xyz".repeat(3_000))],
    ] as const;
    for (const [payload, expected] of payloads) {
      await from.send(payload);
      sameBytes(await to.receive(), expected);
    }
  }),

  onPair("a frame goes out in one packet, its length with it", async ({ a, b, kernel }) => {
    const frames = lengthPrefixed(a);
    for (const payload of ["text", Buffer.from("view"), ["li", "st"], ""]) {
      for (let rounds = 0; rounds < 10; rounds++) {
        const waiting = b.read();
        await frames.send(payload);
        const size = payload === "" ? 4 : 8;
        const got = await waiting;
        if (kernel) assert.equal(got?.length, size);
        else if (got !== null && got.length < size) await b.readExactly(size - got.length);
      }
    }
  }),

  onPair("frames that are not awaited go out whole and in order, among other writes", async ({ a, b }) => {
    const frames = lengthPrefixed(a);
    const big = pattern(3 * 1024 * 1024);
    void frames.send(big);
    void a.writeLine("a line");
    void frames.send(["sec", "ond"]);
    void a.closeWrite();
    const peer = lengthPrefixed(b);
    sameBytes(await peer.receive(), big);
    assert.equal(await b.readLine(), "a line");
    assert.equal(text(await peer.receive()), "second");
    assert.equal(await peer.receive(), null);
    assert.equal((await fails(frames.send("late"), "ERR_CLOSED")).written, "nothing");
  }),

  onPair("a frame over the limit, or over what its length can say, is not sent", async ({ a, b }) => {
    for (const [bytes, limit, size] of [
      [1, Infinity, 256],
      [2, Infinity, 65_536],
      [4, 10, 11],
      [8, 0, 1],
    ] as const) {
      const frames = lengthPrefixed(a, { bytes, limit });
      for (const payload of [Buffer.alloc(size), "x".repeat(size), [Buffer.alloc(size - 1), "x"]]) {
        const error = await fails(frames.send(payload), "ERR_LIMIT");
        assert.deepEqual([error.operation, error.written], ["write", "nothing"]);
      }
      await frames.send("x".repeat(size - 1));
      sameBytes(await b.readExactly(bytes + size - 1), frame("x".repeat(size - 1), bytes));
    }
    await fails(lengthPrefixed(a, { limit: 5 }).send("ééé"), "ERR_LIMIT");
    assert.equal(b.readableLength, 0);
  }),

  onPair("a send that times out before its turn leaves no half of a frame behind", async ({ a, b }) => {
    const frames = lengthPrefixed(a, { limit: Infinity });
    const sent = clog(MOST_BYTES);
    const first = frames.send(sent);
    assert.equal((await timesOut(frames.send("late", { timeout: 10 }))).written, "nothing");
    const last = frames.send("last");
    const peer = lengthPrefixed(b, { limit: Infinity });
    sameBytes(await peer.receive(), sent);
    assert.equal(text(await peer.receive()), "last");
    await Promise.all([first, last]);
  }),

  onPair("frames come before and after lines: a protocol that changes", async ({ a, b }) => {
    const [client, server] = [lengthPrefixed(a, { bytes: 2 }), lengthPrefixed(b, { bytes: 2 })];
    void a.write([
      "UPGRADE frames\r\n",
      frame("one", 2),
      frame("two\n", 2),
      "DONE\n",
      frame("last", 2),
      "bye",
    ]);
    void a.closeWrite();
    assert.equal(await b.readLine(), "UPGRADE frames");
    await b.writeLine("OK");
    await server.send("go on");
    assert.equal(await a.readLine(), "OK");
    assert.equal(text(await client.receive()), "go on");
    assert.equal(text(await server.receive()), "one");
    for await (const each of server) {
      assert.equal(text(each), "two\n");
      break;
    }
    assert.equal(await b.readLine(), "DONE");
    assert.equal(text(await lengthPrefixed(b, { bytes: 2 }).receive()), "last");
    assert.equal((await b.readAll()).toString(), "bye");
  }),

  onPair("frames: wrong arguments are refused, and nothing is sent or read", async ({ a, b }) => {
    const wrong = lengthPrefixed as (...parameters: unknown[]) => Frames;
    for (const connection of [undefined, null, {}, a.socket])
      assert.throws(() => wrong(connection), TypeError);
    for (const options of [null, "4", 4]) assert.throws(() => wrong(a, options), TypeError);
    for (const bytes of [0, 3, 5, 16, "4", null, NaN]) assert.throws(() => wrong(a, { bytes }), TypeError);
    for (const limit of [-1, 1.5, NaN]) assert.throws(() => wrong(a, { limit }), RangeError);
    for (const limit of ["1", null, 5n]) assert.throws(() => wrong(a, { limit }), TypeError);
    wrong(a, { bytes: undefined, limit: undefined });
    const frames = wrong(a);
    for (const payload of [undefined, null, 5, {}, [1], [["nested"]]])
      assert.ok((await rejection(frames.send(payload as string))) instanceof TypeError);
    assert.ok((await rejection(frames.send("x", { timeout: -1 }))) instanceof RangeError);
    assert.ok((await rejection(frames.receive({ timeout: "1" } as unknown as object))) instanceof TypeError);
    assert.ok((await rejection(frames.receive({ signal: {} } as unknown as object))) instanceof TypeError);
    await b.write(frame("unharmed"));
    assert.equal(text(await frames.receive()), "unharmed");
    await frames.send("as well");
    sameBytes(await b.readExactly(11), frame("as well"));
  }),

  onPair(
    "frames are gathered like all that is written, and sent before a receive waits",
    async ({ a, b }) => {
      const [from, to] = [lengthPrefixed(a), lengthPrefixed(b)];
      const payloads = Array.from({ length: 300 }, (_, n) => `frame ${String(n)}`);
      for (const payload of payloads) void from.send(payload);
      const answer = from.receive();
      for (const payload of payloads) assert.equal(text(await to.receive()), payload);
      void to.send("answer");
      await to.receive({ timeout: 10 }).catch(() => undefined);
      assert.equal(text(await answer), "answer");
    },
    { bufferSize: 1_000 },
  ),
];

/** Messages with their length before them. */
export const frames: readonly ContractCase[] = [...framesReceived, ...sent];
