/** A connection's life: which ending it reports, and how long it waits for its peer. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import timersPromises from "node:timers/promises";
import { connect, listen, type Data } from "../../src/index.js";
import { simulate } from "../../src/testing/index.js";
import { Link } from "../../src/core/link.js";
import type { LinkSettings } from "../../src/core/link-settings.js";
import { READ_CHUNK } from "../../src/core/reading/reads.js";
import { adopt } from "../../src/core/transport/adopt.js";
import { socketPair, tunnelPair } from "../support/adopted-pairs.js";
import { isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";

const SETTINGS: LinkSettings = {
  readTimeout: Infinity,
  writeTimeout: Infinity,
  bufferSize: 0,
  autoCork: false,
  readAhead: 65_536,
  lingerTimeout: 2_000,
  inherited: null,
  maker: undefined,
};

/** More than the buffers of two sockets hold. */
const CLOG = Buffer.alloc(16 * 1024 * 1024);

const streams: Duplex[] = [];

afterEach(() => {
  for (const stream of streams.splice(0)) stream.destroy();
});

/** A link over one socket of a pair, and the other socket, which reads nothing and ends nothing by itself. */
async function linkAndPeer(settings: Partial<LinkSettings> = {}): Promise<[Link, Socket]> {
  const [own, peer] = await socketPair();
  streams.push(own, peer);
  peer.on("error", () => undefined);
  return [new Link("adopt", adopt(own), { text: "test" }, { ...SETTINGS, ...settings }), peer];
}

/** How the connection has ended; `undefined` until it is over. */
function outcomeOf({ life }: Link): string | undefined {
  return life.kind === "over" ? life.outcome.end : undefined;
}

describe("a connection reports how it has ended, and nothing before", () => {
  interface Ending {
    readonly name: string;
    readonly settings?: Partial<LinkSettings>;
    readonly end: (link: Link, peer: Socket) => unknown;
  }

  /** Ends a connection in that way, and tells how it has ended and whether `closed` has rejected. */
  async function endOf({ settings, end }: Ending): Promise<[string | undefined, "rejects" | "resolves"]> {
    const [link, peer] = await linkAndPeer(settings);
    expect(outcomeOf(link)).toBeUndefined();
    await end(link, peer);
    const closed = await link.closed.then(
      () => "resolves" as const,
      () => "rejects" as const,
    );
    return [outcomeOf(link), closed];
  }

  test.each<Ending>([
    {
      name: "both ends have closed it",
      end: (link, peer) => {
        peer.end();
        return link.close();
      },
    },
    {
      name: "both sides have ended by themselves",
      end: (link, peer) => {
        peer.end();
        return link.output.end();
      },
    },
    {
      name: "the peer did not end its side in time",
      settings: { lingerTimeout: 1 },
      end: (link) => link.close(),
    },
    { name: "the program has destroyed its socket", end: (link) => link.transport.stream?.destroy() },
    { name: "there was no time to wait for the peer", end: (link) => link.close({ timeout: 0 }) },
  ])("closed: $name", async (ending) => {
    expect(await endOf(ending)).toEqual(["closed", "resolves"]);
  });

  test.each<Ending>([
    { name: "the program has reset it", end: (link) => link.reset() },
    {
      name: "the program has reset it while it was closing",
      end: (link) => {
        const closing = netError(link.close());
        link.reset();
        return closing;
      },
    },
    {
      name: "not everything could be sent in the time for closing",
      end: (link) => {
        void link.output.write(CLOG);
        return timeoutError(link.close({ timeout: 1 }));
      },
    },
  ])("reset: $name", async (ending) => {
    expect(await endOf(ending)).toEqual(["reset", "resolves"]);
  });

  test.each<Ending>([
    { name: "the peer has reset it", end: (_, peer) => peer.resetAndDestroy() },
    {
      name: "the peer has reset it, before it was closed",
      end: async (link, peer) => {
        peer.resetAndDestroy();
        await netError(link.input.request(READ_CHUNK, undefined));
        await link.close();
      },
    },
    {
      name: "the peer has reset it, after it was closed for reading",
      end: (link, peer) => {
        link.closeInput();
        peer.resetAndDestroy();
      },
    },
    {
      name: "the peer has reset it, after our side was ended",
      end: async (link, peer) => {
        await link.output.end();
        peer.resetAndDestroy();
      },
    },
    {
      name: "not everything could be sent in time, after both sides were ended",
      settings: { writeTimeout: 1 },
      end: (link) => {
        void link.output.write(CLOG);
        link.closeInput();
        return timeoutError(link.output.end());
      },
    },
  ])("failed: $name", async (ending) => {
    expect(await endOf(ending)).toEqual(["failed", "rejects"]);
  });

  test("detached: after detach()", async () => {
    expect(await endOf({ name: "", end: (link) => link.detach() })).toEqual(["detached", "resolves"]);
  });

  test("undefined: one side has ended, or our own side is closed and the peer's end is awaited", async () => {
    const [link, peer] = await linkAndPeer();
    expect(outcomeOf(link)).toBeUndefined();
    await link.output.end();
    expect(outcomeOf(link)).toBeUndefined();
    void link.close();
    expect(await isPending(link.closed)).toBe(true);
    expect(outcomeOf(link)).toBeUndefined();
    peer.resume().end();
    await link.closed;
    expect(outcomeOf(link)).toBe("closed");
  });
});

describe("a transport that reports an error", () => {
  const error = (code: string) => Object.assign(new Error(code), { code });

  test("after it was reset, or detached, changes nothing", async () => {
    const [[reset], [detached]] = [await linkAndPeer(), await linkAndPeer()];
    reset.reset();
    reset.failed(error("ELATE"));
    detached.detach();
    detached.failed(error("ELATE"));
    await Promise.all([reset.closed, detached.closed]);
    expect([outcomeOf(reset), outcomeOf(detached)]).toEqual(["reset", "detached"]);
  });

  test("after a write has failed: reads say why the write did", async () => {
    const [link] = await linkAndPeer();
    link.output.fail(error("EPIPE"));
    link.failed(error("ECONNRESET"));
    expect(await netError(link.input.request(READ_CHUNK, undefined))).toMatchObject({ code: "EPIPE" });
    expect(await netError(link.closed)).toMatchObject({ code: "EPIPE", operation: "write" });
  });
});

test("a stream that closes the connection within the write that fails is no unhandled rejection", async () => {
  const strays: unknown[] = [];
  const note = (reason: unknown) => void strays.push(reason);
  process.on("unhandledRejection", note);
  try {
    const stream = new Duplex({
      read: () => undefined,
      write(_chunk, _encoding, done) {
        void link.close();
        done(new Error("full"));
      },
    });
    const settings = { ...SETTINGS, bufferSize: 100 };
    const link: Link = new Link("adopt", adopt(stream), { text: "test" }, settings);
    await link.output.write("gathered");
    expect((await netError(link.close())).message).toContain("full");
    await isPending(link.closed);
    expect(strays).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});

test("a connection that waits for the peer's end, after both sides were ended one by one, can be detached", async () => {
  const [link, peer] = await linkAndPeer();
  link.closeInput();
  await link.output.end();
  expect(link.life.kind).toBe("lingering");
  const stream = link.detach();
  expect(outcomeOf(link)).toBe("detached");
  peer.end("late");
  expect(await text(stream)).toBe("late");
});

test.each<[string, Data | Data[]]>([
  ["text", "lost"],
  ["long text", "lost".repeat(5_000)],
  ["bytes", Buffer.from("lost")],
  ["a list", ["lo", "st"]],
])(
  "a connection that fails to write %s while bytes are unread is over once it is closed",
  async (_, data) => {
    const [link, peer] = await linkAndPeer({ readAhead: 1 });
    peer.write("unread");
    await until(() => link.input.length > 0);
    peer.resetAndDestroy();
    let taken = 0;
    while (link.output.failure === null) {
      taken = link.transport.bytesTaken;
      void link.output.write(data);
      await turn();
    }
    expect([link.life.kind, link.transport.bytesTaken]).toEqual(["open", taken]);
    const gone = expect.stringMatching(/^(?:ECONNRESET|EPIPE)$/) as unknown;
    expect(await netError(link.close())).toMatchObject({ code: gone });
    expect(await netError(link.closed)).toMatchObject({ code: gone, operation: "write" });
  },
);

test.each([
  ["a socket", socketPair],
  ["a stream", tunnelPair],
])("%s that the program has paused does not hold up the closing", async (_kind, make) => {
  const [own, peer] = await make();
  streams.push(own, peer);
  const link = new Link("adopt", adopt(own), { text: "test" }, { ...SETTINGS, lingerTimeout: Infinity });
  own.on("data", () => undefined).pause();
  const closing = link.close();
  await once(peer.resume(), "end");
  peer.end("left in the stream");
  await closing;
  expect(outcomeOf(link)).toBe("closed");
});

describe("lingerTimeout", () => {
  test.each([0, 1])("%d: the peer gets all that was sent, and then the end", async (lingerTimeout) => {
    const [link, peer] = await linkAndPeer({ lingerTimeout });
    void link.output.write("all of it");
    await link.close();
    expect(outcomeOf(link)).toBe("closed");
    expect(await text(peer)).toBe("all of it");
  });

  test("0: two sides that were ended one after the other wait for nothing either", async () => {
    const [link, peer] = await linkAndPeer({ lingerTimeout: 0 });
    link.closeInput();
    await link.output.end();
    await link.closed;
    expect(await text(peer)).toBe("");
  });

  test("Infinity: the peer's end is waited for", async () => {
    const [link, peer] = await linkAndPeer({ lingerTimeout: Infinity });
    const closing = link.close();
    await once(peer.resume(), "end");
    expect(await isPending(closing)).toBe(true);
    peer.end();
    await closing;
    expect(outcomeOf(link)).toBe("closed");
  });
});

test("what is detached with bytes that cannot be sent any more tells what has come, and that the peer has reset it", async () => {
  await simulate({ seed: 0, latency: 1 }, async (network) => {
    const [client, server] = [network.host("client"), network.host("server")];
    const listener = await server.run(() => listen(7));
    const accepting = server.run(() => listener.accept());
    const options = { readAhead: 1, bufferSize: 100_000 };
    const connection = await client.run(() => connect("server", 7, options));
    const peer = await accepting;
    await peer.write("x");
    await timersPromises.setTimeout(10);
    peer.reset();
    await timersPromises.setTimeout(10);
    void connection.write("gathered");
    const stream = connection.detach();
    const chunks: string[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(String(chunk)));
    const failing = once(stream, "error");
    expect(await failing).toEqual([expect.objectContaining({ code: "ECONNRESET" })]);
    expect(chunks).toEqual(["x"]);
  });
});
