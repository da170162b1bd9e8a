/** The life of a client of some library whose connections come from a factory: the same tests for each library. */
import type { NetConnectOpts, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isNativeError } from "node:util/types";
import { NetError } from "../../src/index.js";
import { BreakingProxy } from "./breaking-proxy.js";
import { failure, until } from "./outcomes.js";
import { tcpResources } from "./resources.js";
import { STREAM_SOURCES, type Place, type StreamSource, type Streams } from "./stream-sources.js";

/** A client at work. It has one connection at a time, and makes a new one when that is gone. */
export interface Client {
  /** A small request, whose answer is checked. Rejects with the library's error. */
  exchange(): Promise<void>;
  /** Passes {@link MEGABYTES} to the server and back, or from the server, and compares them. */
  transfer(): Promise<void>;
  /** Frees all connections, also after they have failed. */
  close(): Promise<void> | void;
}

export interface ClientLibrary {
  /** Where the library's server listens; called once the server runs. */
  server(): NetConnectOpts;
  /** Where its streams come from; {@link STREAM_SOURCES} by default. */
  readonly sources?: readonly StreamSource[];
  /** A client of a library that is given a stream at once, by a factory that is synchronous. */
  clientOf?(open: () => Duplex, place: Place): Client;
  /** A client of a library that is given streams that are connected. */
  clientOfReady?(open: () => Promise<Duplex>, place: Place): Client;
  /** When a client of it leaves a half-open connection open though its server has ended; `"never"` by default. */
  readonly staysHalfOpen?: "never" | "when idle" | "always";
  /** What the library's own error has of the one that it got from its connection; `"the error"`, itself or as a cause, by default. */
  readonly refusal?: "the error" | "its message";
}

export const MEGABYTES = 5 * 1024 * 1024;

/** Takes a library's clients through all that can become of their connections, for each source of connections it takes. */
export function testClientsOf(library: ClientLibrary): void {
  const sources = (library.sources ?? STREAM_SOURCES).filter(({ openAtOnce }) =>
    openAtOnce === undefined ? library.clientOfReady !== undefined : library.clientOf !== undefined,
  );

  describe.each(sources)("over $name", (source) => {
    let proxy: BreakingProxy;
    let client: Client;
    let before: number;

    beforeEach(async () => {
      before = tcpResources().length;
      proxy = await BreakingProxy.open(library.server());
      client = clientOver(source, library, proxy) as Client;
    });

    afterEach(async () => {
      await client.close();
      await proxy[Symbol.asyncDispose]();
      await until(function nothingMoreOfTcpIsOpen() {
        return tcpResources().length <= before;
      });
    });

    /** Has the client wait for an answer, breaks its connection, and has it make another. */
    async function breakWhileItWaits(how: () => Promise<void> | void): Promise<void> {
      await client.exchange();
      const { accepted } = proxy;
      const asked = proxy.mute();
      const exchange = failure(client.exchange());
      await asked;
      await how();
      expect(isNativeError(await exchange)).toBe(true);
      await client.exchange();
      expect(proxy.accepted).toBe(accepted + 1);
    }

    test("two exchanges", async () => {
      await client.exchange();
      await client.exchange();
    });

    test("5 MB, intact", async () => {
      await client.transfer();
    });

    test("the server is killed: what waits fails, and the client connects again", async () => {
      await breakWhileItWaits(() => proxy.kill());
    });

    const stays = source.isHalfOpen === true ? (library.staysHalfOpen ?? "never") : "never";

    if (stays === "always") {
      test("the server ends while the client waits: it waits for ever", async () => {
        await client.exchange();
        const asked = proxy.mute();
        const exchange = failure(client.exchange());
        await asked;
        await expect(proxy.end(50)).rejects.toThrow("allClientsHaveEndedToo");
        await client.close();
        await exchange;
      });
    } else {
      test("the server ends: what waits fails, and the client ends and connects again", async () => {
        await breakWhileItWaits(() => proxy.end());
      });
    }

    if (stays !== "never") {
      test("the server ends an idle connection: it stays open", async () => {
        await client.exchange();
        await expect(proxy.end(50)).rejects.toThrow("allClientsHaveEndedToo");
      });
    } else {
      test("the server ends an idle connection: the client ends and connects again", async () => {
        await client.exchange();
        const { accepted } = proxy;
        await proxy.end();
        await client.exchange();
        expect(proxy.accepted).toBe(accepted + 1);
      });
    }

    test("refused: the error says where and why, and the client connects later", async () => {
      proxy.refuse();
      const errors = causesOf(await failure(client.exchange()));
      const place = `127.0.0.1:${String(proxy.port)}`;
      const message = source.isPlain
        ? `connect ECONNREFUSED ${place}`
        : `connect ${place}: connection refused (ECONNREFUSED)`;
      expect(errors.map(String).join("\n")).toContain(message);
      if (library.refusal !== "its message" && source.isPlain !== true) {
        expect(errors.some((error) => error instanceof NetError)).toBe(true);
      }
      await proxy.resume();
      await client.exchange();
    });

    const { distrusting } = source;
    if (distrusting !== undefined) {
      test("the server's certificate is not trusted: the error says so", async () => {
        client = clientOver(distrusting, library, proxy) as Client;
        const errors = causesOf(await failure(client.exchange()));
        expect(errors.map(String).join("\n")).toContain("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
        if (library.refusal !== "its message") {
          expect(errors.some((error) => error instanceof NetError && error.operation === "tls")).toBe(true);
        }
      });
    }
  });
}

/** The client of a library over a kind of streams; `undefined` where the library takes no such streams. */
function clientOver(source: Streams, library: ClientLibrary, place: Place): Client | undefined {
  const { openAtOnce, openConnected } = source;
  if (openAtOnce !== undefined) return library.clientOf?.(() => openAtOnce(place), place);
  if (openConnected !== undefined) return library.clientOfReady?.(() => openConnected(place), place);
  return undefined;
}

/** An error, its cause, the cause of that … */
function causesOf(error: unknown): unknown[] {
  return isNativeError(error) ? [error, ...causesOf(error.cause)] : [];
}

/** A stream, for a library whose types ask for a `net.Socket` although it takes any Duplex that has what it uses. */
export function asSocket(stream: Duplex): Socket {
  return stream as unknown as Socket;
}
