/** The kinds of connections that are tried: those of the contract, and some more. */
import { once } from "node:events";
import { Duplex } from "node:stream";
import { connect, createServer } from "node:tls";
import { relay, type ConnectionOptions } from "../../src/index.js";
import { completePair, type Pair } from "../../src/testing/contract/pair.js";
import { adopted, duplexesInMemory, socketPair, tlsPair, tunnelPair } from "../support/adopted-pairs.js";
import { SELF_SIGNED } from "../support/certificates.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { pairKinds, type PairKind } from "../support/pairs.js";
import type { Scenario } from "./scenario.js";
import { simulatedKind } from "./simulated.js";
import { machine, type Surroundings } from "./surroundings.js";
import { tracesOf, withListener, type Traces } from "./traces.js";

export interface Kind {
  readonly name: string;
  readonly isRelayed: boolean;
  /** Settings that connections of this kind have whatever the scenario says. */
  readonly settings: ConnectionOptions;
  /** Calls `run` where connections of this kind are made. */
  readonly within: (scenario: Scenario, run: (surroundings: Surroundings) => Promise<void>) => Promise<void>;
  readonly enter: () => void;
  readonly leave: () => void;
  /** What is on the streams of both ends before a connection has them. */
  readonly bare: () => Promise<{ readonly a: Traces; readonly b: Traces }>;
}

export interface RunningPair extends Pair {
  /** Whether the ends were made with a `closeOn`. */
  readonly hasCloseOn?: boolean;
  /** What runs between the two ends, and settles when both are done. */
  readonly between?: Promise<unknown>;
}

/** The streams that some kinds adopt; all others are sockets. */
const STREAMS: Readonly<Record<string, MakeStreams>> = {
  "adopted TLS sockets": tlsPair,
  "adopted streams": tunnelPair,
};

export const kinds: readonly Kind[] = [
  ...pairKinds.map((kind) => {
    if (kind.name === "connections in memory") return kindOf(kind, detachedInMemory);
    if (kind.name.startsWith("TLS")) return resuming(kindOf(kind, servedTlsPair));
    const isAdopted = kind.name.startsWith("adopted");
    return isAdopted ? kindOf(kind, STREAMS[kind.name] ?? socketPair) : accepted(kindOf(kind, socketPair));
  }),
  // Before Node 26 a side does not notice that the other was destroyed, and waits until it times out.
  {
    ...kindOver("duplexPair", tellingPair, endedMemoryPair),
    settings: { writeTimeout: 100 },
  },
  kindOver("streams that chop", choppingPair),
  ...["TCP over IPv4", "Unix sockets"].map((name) =>
    relayed(pairKinds.find((kind) => kind.name === name) as PairKind),
  ),
  simulatedKind(),
];

export function kindNamed(name: string): Kind {
  const found = kinds.find((kind) => kind.name === name);
  if (found === undefined) throw new Error(`there is no kind of connection called ${name}`);
  return found;
}

type MakeStreams = () => Promise<[Duplex, Duplex]>;

/** A kind of connections over streams that are made in pairs; `bare` ones show what is on them in any case. */
export function kindOver(name: string, make: MakeStreams, bare = make): Kind {
  return kindOf({ name, makePair: pairsOf(make) }, bare);
}

/** Runs on the machine itself, where each has a pair of its own. */
function onMachine(makePair: Surroundings["makePair"]): Kind["within"] {
  return (_scenario, run) => run(machine(makePair));
}

/** A kind whose one end was accepted: its listener counts the socket until it closes, even after `detach()`. */
function accepted(kind: Kind): Kind {
  const bare = async () => {
    const { a, b } = await kind.bare();
    return { a, b: withListener(b, "close") };
  };
  return { ...kind, bare };
}

/** A kind whose one end keeps the sessions that its server sends, at any time, for the next connection. */
function resuming(kind: Kind): Kind {
  const bare = async () => {
    const { a, b } = await kind.bare();
    return { a: withListener(a, "session"), b };
  };
  return { ...kind, bare };
}

function kindOf({ name, makePair, enter = nothing, leave = nothing }: PairKind, make: MakeStreams): Kind {
  let bare: ReturnType<Kind["bare"]> | undefined;
  return {
    name,
    isRelayed: false,
    settings: {},
    within: onMachine(makePair),
    enter,
    leave,
    bare: () => (bare ??= make().then(([a, b]) => ({ a: look(a), b: look(b) }))),
  };
}

/** What is on a stream, which is not needed any more. */
function look(stream: Duplex): Traces {
  const traces = tracesOf(stream);
  stream.on("error", nothing).destroy();
  return traces;
}

function pairsOf(make: MakeStreams): PairKind["makePair"] {
  return async (options) => {
    return completePair(await adopted(make, options));
  };
}

/** Two connections of a kind, and a relay between them. */
function relayed(kind: PairKind): Kind {
  return {
    ...accepted(kindOf(kind, socketPair)),
    name: `${kind.name}, through a relay`,
    isRelayed: true,
    within: onMachine(async (options) => {
      const [near, far] = [await kind.makePair(options), await kind.makePair(options)];
      const between = relay(near.b, far.a);
      between.catch(nothing);
      const dispose = async () => {
        await near.dispose();
        await far.dispose();
      };
      return { ...near, b: far.b, between, dispose };
    }),
  };
}

/** The same as `tlsPair`, but by a `tls.Server` of Node's, which listens to its sockets. */
async function servedTlsPair(): Promise<[Duplex, Duplex]> {
  const [client, accepted] = await socketPair();
  const server = createServer(SELF_SIGNED);
  const secured = once(server, "secureConnection");
  server.emit("connection", accepted);
  const encrypted = connect({ socket: client, ca: SELF_SIGNED.cert, servername: "localhost" });
  const [[served]] = (await Promise.all([secured, once(encrypted, "secureConnect")])) as [[Duplex], unknown];
  return [encrypted, served];
}

/** What connections in memory are handed over as. */
function detachedInMemory(): Promise<[Duplex, Duplex]> {
  const [a, b] = memoryPair();
  return Promise.resolve([a.detach(), b.detach()]);
}

/** Both sides of a `stream.duplexPair()`, of which each sees an end when the other is destroyed, also while that was ending. */
async function tellingPair(): Promise<[Duplex, Duplex]> {
  const [a, b] = await duplexesInMemory();
  a.once("close", () => b.destroyed || b.push(null));
  b.once("close", () => a.destroyed || a.push(null));
  return [a, b];
}

/** Both sides of a `stream.duplexPair()` that have ended: Node has each listen for the other's end then. */
async function endedMemoryPair(): Promise<[Duplex, Duplex]> {
  const pair = await tellingPair();
  for (const side of pair) side.end();
  return pair;
}

/** A pair in memory that passes on what it is given in pieces, one in each turn of the event loop. */
function choppingPair(): Promise<[Duplex, Duplex]> {
  const a: ChoppingSide = new ChoppingSide(() => b);
  const b: ChoppingSide = new ChoppingSide(() => a);
  return Promise.resolve([a, b]);
}

class ChoppingSide extends Duplex {
  readonly #other: () => ChoppingSide;
  #passed = 0;
  #isEnded = false;
  #onRead: (() => void) | null = null;

  constructor(other: () => ChoppingSide) {
    super();
    this.#other = other;
  }

  override _read(): void {
    const onRead = this.#onRead;
    this.#onRead = null;
    onRead?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    // Few bytes, then more, then few again; a long chunk does not take for ever.
    const size = Math.max((this.#passed++ % 7) ** 3 + 1, chunk.length >> 4);
    const rest = chunk.subarray(size);
    const next = rest.length === 0 ? done : () => this._write(rest, "buffer" as BufferEncoding, done);
    setImmediate(() => this.#other().#take(Buffer.from(chunk.subarray(0, size)), next));
  }

  override _final(done: () => void): void {
    setImmediate(() => this.#other().#take(null, done));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const other = this.#other();
    // Callers that wait for room or for an end are told that neither will come.
    setImmediate(() => {
      this._read();
      if (!other.destroyed && !this.writableFinished) other.#take(null, nothing);
    });
    done(error);
  }

  #take(chunk: Buffer | null, done: () => void): void {
    const isOver = this.destroyed || this.#isEnded;
    if (chunk === null) this.#isEnded = true;
    if (isOver) done();
    else if (this.push(chunk) || chunk === null) done();
    else this.#onRead = done;
  }
}

function nothing(): void {
  // The failure is reported by another call.
}
