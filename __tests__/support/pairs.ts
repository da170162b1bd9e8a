import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connect,
  listen,
  type Connection,
  type ConnectionOptions,
  type ConnectOptions,
  type ListenEndpoint,
  type ListenOptions,
} from "../../src/index.js";
import { CAPABILITIES, switchOff, type Capability } from "../../src/core/transport/node-internals.js";
import { completePair, type Pair } from "../../src/testing/contract/pair.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { adopted, socketPair, tlsPair, tunnelPair } from "./adopted-pairs.js";
import { ANY_TLS, onlyTls, startedTls, type TlsEnds } from "./tls-pairs.js";

type MakePair = (options?: ConnectionOptions) => Promise<Pair>;

/** A kind of connection that the contract holds for. */
export interface PairKind {
  readonly name: string;
  readonly makePair: MakePair;
  /** What TCP over IPv4 is without. A case that does not ask for it over {@link FULL_KIND} runs there as it would here. */
  readonly without?: Capability;
  /** Pairs are of this kind only between the two. */
  readonly enter?: () => void;
  readonly leave?: () => void;
}

const MIB = 1024 * 1024;

/** More than connections take that are not TCP: those in memory hold 64 KiB, Unix sockets 208 KiB. */
const SMALL_CLOG_BYTES = 4 * MIB;

type Place = { host: string; family: 4 | 6 } | { path: string };

const IPV4: Place = { host: "127.0.0.1", family: 4 };

/** What the ends of a pair are given besides, for a header that comes first. */
interface HeaderEnds {
  readonly client?: ConnectOptions;
  readonly server?: ListenOptions;
}

/** A header that leaves the ends of a connection as they are. */
const BEHIND_HEADER: HeaderEnds = { client: { proxyHeader: "local" }, server: { proxyProtocol: "require" } };

/** Given in full, although most follow from the connections: a fault of these must not change what the cases check. */
type Facts = Omit<Pair, "a" | "b" | "family" | "dispose">;

const TCP: Facts = {
  resets: true,
  takesAtOnce: true,
  kernel: true,
  hasDescriptor: true,
  stopsAtOnce: true,
  hasStream: true,
  endsAreTold: false,
  keepsUnread: true,
  clogBytes: 16 * MIB,
  resetCode: undefined,
};
const UNIX: Facts = { ...TCP, resets: false, clogBytes: SMALL_CLOG_BYTES };
/** Of streams that are no sockets of the kernel's. */
const OTHER_STREAM: Facts = {
  resets: false,
  takesAtOnce: false,
  kernel: false,
  hasDescriptor: false,
  stopsAtOnce: true,
  hasStream: true,
  endsAreTold: false,
  keepsUnread: true,
  clogBytes: 16 * MIB,
  resetCode: undefined,
};
const TLS: Facts = { ...OTHER_STREAM, resets: true, endsAreTold: true };
/** Unix sockets know no reset: the peer sees an end that was not announced. */
const TLS_OVER_UNIX: Facts = { ...TLS, clogBytes: SMALL_CLOG_BYTES, resetCode: "ERR_TLS_TRUNCATED" };
const TLS_ON_DUPLEX: Facts = { ...TLS, clogBytes: SMALL_CLOG_BYTES, keepsUnread: false };
const IN_MEMORY: Facts = {
  resets: true,
  takesAtOnce: true,
  kernel: false,
  hasDescriptor: false,
  stopsAtOnce: true,
  hasStream: false,
  endsAreTold: false,
  keepsUnread: true,
  clogBytes: SMALL_CLOG_BYTES,
  resetCode: undefined,
};

/**
 * The capabilities that the library can do without on this release. Node 20 and 22 report a reset that comes with data as an
 * end, and will not change any more: there the library has to detect it. Later releases report a reset.
 */
const OPTIONAL = CAPABILITIES.filter(
  (name) => name !== "detectsHiddenResets" || Number.parseInt(process.versions.node) >= 24,
);

/** The facts about pairs without a capability, where they differ from those of TCP. */
const LOST: Partial<Record<Capability, Facts>> = {
  // What the kernel has taken is known when the stream calls back, which has bytes of its own.
  worksPastStreams: { ...TCP, takesAtOnce: false, kernel: false },
  // What the kernel has taken of a piece is known only when it has taken all of it.
  tellsUnsentBytes: { ...TCP, takesAtOnce: false },
  stopsReadingAtOnce: { ...TCP, stopsAtOnce: false },
  knowsDescriptors: { ...TCP, hasDescriptor: false },
};

/** The facts about adopted TLS sockets without a capability that is about those alone. */
const LOST_OF_TLS: Partial<Record<Capability, Facts>> = {
  worksPastTls: OTHER_STREAM,
  knowsBeneathTls: TLS,
};

/** TCP with all that Node does not document. */
export const FULL_KIND: PairKind = { name: "TCP over IPv4", makePair: pairsOver(IPV4) };

/** All kinds of connections there are. */
export const pairKinds: readonly PairKind[] = [
  FULL_KIND,
  { name: "TCP over IPv6", makePair: pairsOver({ host: "::1", family: 6 }) },
  { name: "Unix sockets", makePair: unixPairs() },
  { name: "TCP behind a PROXY header", makePair: pairsOver(IPV4, TCP, undefined, BEHIND_HEADER) },
  { name: "TCP with autoCork", makePair: corked(pairsOver(IPV4, { ...TCP, takesAtOnce: false })) },
  { name: "TLS with autoCork", makePair: corked(pairsOver(IPV4, TLS, ANY_TLS)) },
  withoutKind("TCP without Node's internals", OPTIONAL, {
    ...TCP,
    takesAtOnce: false,
    kernel: false,
    hasDescriptor: false,
  }),
  {
    name: "adopted sockets",
    makePair: async (options) => pairOf(...(await adopted(socketPair, options)), 4),
  },
  {
    name: "adopted TLS sockets",
    makePair: async (options) => pairOf(...(await adopted(tlsPair, options)), 4, TLS),
  },
  {
    name: "adopted streams",
    makePair: async (options) => pairOf(...(await adopted(tunnelPair, options)), undefined, OTHER_STREAM),
  },
  {
    name: "connections in memory",
    makePair: (options) => Promise.resolve(pairOf(...memoryPair(options), undefined, IN_MEMORY)),
  },
  { name: "TLS 1.2", makePair: pairsOver(IPV4, TLS, onlyTls("TLSv1.2")) },
  { name: "TLS 1.3", makePair: pairsOver(IPV4, TLS, onlyTls("TLSv1.3")) },
  {
    name: "TLS by startTls",
    makePair: async (options) => {
      const { a, b } = await pairsOver(IPV4)(options);
      return pairOf(...(await startedTls([a, b])), 4, TLS);
    },
  },
  {
    name: "TLS over Unix sockets",
    makePair: unixPairs(TLS_OVER_UNIX, ANY_TLS),
  },
  {
    name: "TLS over memory",
    makePair: async (options) => pairOf(...(await startedTls(memoryPair(options))), undefined, TLS_ON_DUPLEX),
  },
];

/** TCP, or TLS, with one thing less that Node does not document. */
export const kindsWithout: readonly PairKind[] = OPTIONAL.map((capability) => {
  const facts = LOST_OF_TLS[capability];
  if (facts === undefined) {
    return {
      ...withoutKind(`TCP without ${capability}`, [capability], LOST[capability]),
      without: capability,
    };
  }
  const kind = withoutKind(`adopted TLS sockets without ${capability}`, [capability]);
  return { ...kind, makePair: async (options) => pairOf(...(await adopted(tlsPair, options)), 4, facts) };
});

function withoutKind(name: string, off: readonly Capability[], facts?: Facts): PairKind {
  return {
    name,
    makePair: pairsOver(IPV4, facts),
    enter: () => switchOff(...off),
    leave: () => switchOff(),
  };
}

function pairsOver(place: Place, facts?: Facts, tls?: TlsEnds, header: HeaderEnds = {}): MakePair {
  return async (options = {}) => {
    const endpoint: ListenEndpoint = "path" in place ? place : { host: place.host, port: 0 };
    const listener = await listen(endpoint, { ...options, ...header.server, tls: tls?.server });
    try {
      const [a, b] = await Promise.all([
        connect("path" in place ? place : { host: place.host, port: listener.port }, {
          ...options,
          ...header.client,
          tls: tls?.client,
        }),
        listener.accept(),
      ]);
      return pairOf(a, b, "path" in place ? undefined : place.family, facts);
    } finally {
      await listener.close();
    }
  };
}

/** Pairs that send together what one turn has written. */
function corked(makePair: MakePair): MakePair {
  return (options) => makePair({ autoCork: true, ...options });
}

function unixPairs(facts?: Facts, tls?: TlsEnds): MakePair {
  return async (options) => {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-"));
    try {
      return await pairsOver({ path: join(directory, "socket") }, facts, tls)(options);
    } finally {
      await rm(directory, { recursive: true });
    }
  };
}

function pairOf(
  a: Connection,
  b: Connection,
  family: 4 | 6 | undefined,
  facts: Facts = family === undefined ? UNIX : TCP,
): Pair {
  return completePair({ a, b, ...facts, family });
}
