/** What a client library makes of the end of its server: over each kind of stream the same as over a socket of Node's. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { BreakingProxy } from "./breaking-proxy.js";
import { isPending } from "./outcomes.js";
import { nothingLeft } from "./resources.js";
import { brief, type Session } from "./sessions.js";
import { STREAM_SOURCES, type Place, type StreamSource } from "./stream-sources.js";

/** What the user of a library has learnt by the time a connection is over. */
export interface Farewell {
  /** What the request that waited has rejected with. */
  readonly request?: string | undefined;
  readonly told: readonly string[];
}

/**
 * How a server ends. `stops`: it was asked to. `is killed`: without a word, and the system sends FIN for it. `sends FIN`: and
 * then waits for its client's. `sends RST`: with nothing else before.
 */
export type Ending = "stops" | "is killed" | "sends FIN" | "sends RST";

const ENDINGS: readonly Ending[] = ["stops", "is killed", "sends FIN", "sends RST"];

export interface SessionLibrary<S extends Session> {
  /** Where the server listens. */
  place(): Place;
  /** Where its streams come from; {@link STREAM_SOURCES} by default. */
  readonly sources?: readonly StreamSource[];
  /** Starts the server, unless it runs. */
  start(): Promise<void>;
  /** Has the real server end. */
  end(ending: "stops" | "is killed", session: S): Promise<void> | void;
  sessionOver(stream: Duplex): S;
  readonly farewells: Readonly<Record<Ending, Farewell>>;
  /** What is different over TLS for the endings of its server that lack close_notify, where the stream tells. */
  readonly truncations?: Partial<Readonly<Record<Ending, Farewell>>>;
  /** What the library has told its user when a half-open stream has ended, after which it waits for ever. */
  readonly toldAtHalfOpenEnd: readonly string[];
}

export function testEndingsFor<S extends Session>(library: SessionLibrary<S>): void {
  describe.each(library.sources ?? STREAM_SOURCES)("over $name", (source) => {
    const { openAtOnce, openConnected, isHalfOpen = false, tellsTruncation = false } = source;
    const farewells = { ...library.farewells, ...(tellsTruncation && library.truncations) };
    let proxy: BreakingProxy;
    let session: S | undefined;
    let stream: Duplex | undefined;

    beforeEach(async () => {
      await library.start();
      proxy = await BreakingProxy.open({ ...library.place() });
    });

    afterEach(async () => {
      await session?.close();
      stream?.destroy();
      await proxy[Symbol.asyncDispose]();
      await nothingLeft();
    });

    test.each(ENDINGS)("the server %s in the middle of a request", async (ending) => {
      const isReal = ending === "stops" || ending === "is killed";
      const place = isReal ? library.place() : proxy;
      stream = openAtOnce?.(place) ?? (await openConnected?.(place));
      if (stream === undefined) throw new Error("there is no stream");
      session = library.sessionOver(stream);
      const { request } = await session.begin();
      const outcome = request?.then(String, brief);
      const streamEnds = once(stream, "end");
      // A reset takes its place.
      streamEnds.catch(() => undefined);

      if (isHalfOpen && ending !== "sends RST") {
        if (isReal) await library.end(ending, session);
        else await expect(proxy.end(0)).rejects.toThrow("allClientsHaveEndedToo");
        await streamEnds;
        expect(await isPending(session.over)).toBe(true);
        if (ending !== "stops") expect(session.told).toEqual(library.toldAtHalfOpenEnd);
        return;
      }
      if (isReal) await library.end(ending, session);
      else if (ending === "sends FIN") await proxy.end();
      else proxy.kill();
      await session.over;
      const farewell: Farewell = { request: await outcome, told: session.told };
      expect(farewell).toEqual(farewells[ending]);
    });
  });
}
