import { Connection, linkOf } from "../../connection.js";
import type { ConnectionOptions } from "../../options/connection.js";
import { wrongType } from "../../options/checks.js";

/**
 * What the cases take for granted about a kind of connection. Each fact has a default that follows from the connections;
 * give those that differ. A fact that is wrong makes cases fail, or pass without having checked anything.
 */
export interface PairFacts {
  /**
   * Whether `reset()` reaches the peer as a reset. Where it does not, the peer sees the stream end.
   *
   * @default true for ends that have addresses, for TLS, and for `memoryPair`
   */
  readonly resets?: boolean | undefined;
  /**
   * The code by which the peer may see a reset in place of `ECONNRESET`; `undefined`: no other.
   *
   * @default "ERR_TLS_TRUNCATED" for TLS between ends that have no addresses
   */
  readonly resetCode?: string | undefined;
  /**
   * Whether the ends know at once how much beneath them has taken of a write. Other streams say so later, and may lose it by
   * a reset.
   *
   * @default true for ends with a descriptor, and for `memoryPair`, unless they have `autoCork`
   */
  readonly takesAtOnce?: boolean | undefined;
  /**
   * Whether the ends are sockets of the kernel's, which sends from the memory of the caller.
   *
   * @default true for ends with a descriptor
   */
  readonly kernel?: boolean | undefined;
  /**
   * Whether the ends have a descriptor (`fd`) while they are open.
   *
   * @default whether the first end has
   */
  readonly hasDescriptor?: boolean | undefined;
  /**
   * Whether a read that is given up leaves what comes next in the kernel, or in the stream.
   *
   * @default true
   */
  readonly stopsAtOnce?: boolean | undefined;
  /**
   * Whether `connection.socket` is a stream beneath the connection; where there is none, it is the Duplex over it.
   *
   * @default false for `memoryPair`, true for all others
   */
  readonly hasStream?: boolean | undefined;
  /**
   * Whether an end of the stream that the peer has announced is told apart from a stream that was cut off. There, reads fail
   * with `ERR_TLS_TRUNCATED` when it was.
   *
   * @default true for TLS
   */
  readonly endsAreTold?: boolean | undefined;
  /**
   * Whether what has arrived beneath can still be read after a write has failed. Node.js destroys a Duplex then, with what
   * is unread in it.
   *
   * @default false for TLS between ends that have no addresses, true for all others
   */
  readonly keepsUnread?: boolean | undefined;
  /**
   * How many bytes an end never takes while its peer does not read; up to 32 MiB. Cases in which writes wait write as many:
   * the fewer, the sooner they are done.
   *
   * @default 4 MiB for `memoryPair`, 16 MiB for all others: Linux takes up to 10 MiB for TCP
   */
  readonly clogBytes?: number | undefined;
  /**
   * The family of the addresses that the ends must have, those of one another; `undefined`: they must have none.
   *
   * @default the family of the first end
   */
  readonly family?: 4 | 6 | undefined;
}

/** The two ends of a connection, with what is special about them. */
export interface DescribedPair extends PairFacts {
  /** The end that connected, where there is such a difference. */
  readonly a: Connection;
  /** The end that was accepted. */
  readonly b: Connection;
  /**
   * Drops both ends, in whatever state they are, and all that is beneath them; is awaited. A case fails if that takes longer
   * than five seconds.
   *
   * @default resets both, destroys their sockets, and waits until both are closed
   */
  readonly dispose?: (() => unknown) | undefined;
}

/** The two ends of a connection: in a list, as `memoryPair` returns them, or in an object that says more about them. */
export type ConnectionPair = readonly [a: Connection, b: Connection] | DescribedPair;

/**
 * Makes two ends of a new connection of the kind that is tested, which are connected with each other. Both ends must have
 * the `options`: many cases are about these. It may be called several times by one case; each pair is disposed of.
 *
 * @example
 * async (options) => {
 *   const listener = await listen({ host: "127.0.0.1", port: 0 }, options);
 *   const pair = await Promise.all([connect({ host: "127.0.0.1", port: listener.port }, options), listener.accept()]);
 *   await listener.close();
 *   return pair;
 * };
 */
export type MakePair = (options?: ConnectionOptions) => ConnectionPair | Promise<ConnectionPair>;

type Facts = { readonly [Name in keyof PairFacts]-?: NonNullable<PairFacts[Name]> };

/** A pair of which every fact is known, as the cases need it. */
export interface Pair extends Omit<Facts, "resetCode" | "family"> {
  readonly a: Connection;
  readonly b: Connection;
  readonly resetCode: string | undefined;
  readonly family: 4 | 6 | undefined;
  /** Drops both ends, once; settles when both are closed. */
  readonly dispose: () => Promise<void>;
}

const MIB = 1024 * 1024;

/**
 * More than TCP takes for a peer that does not read: Linux lets the send buffer grow to 4 MiB, and the receive buffer while
 * the peer reads, by default to 6 MiB.
 */
const CLOG_BYTES = 16 * MIB;

/** More than connections in memory take, which hold 64 KiB, and Unix sockets, which hold 208 KiB. */
const SMALL_CLOG_BYTES = 4 * MIB;

function isList(pair: ConnectionPair | undefined): pair is readonly [Connection, Connection] {
  return Array.isArray(pair);
}

/** Completes what `makePair` has returned. */
export function completePair(given: ConnectionPair | undefined): Pair {
  const described: Partial<DescribedPair> = isList(given) ? { a: given[0], b: given[1] } : (given ?? {});
  const [a, b] = [checked("a", described.a), checked("b", described.b)];
  const { dispose = () => dropBoth(a, b) } = described;
  const hasStream = linkOf(a).transport.stream !== null;
  const hasDescriptor = a.fd !== undefined;
  const isTls = a.tls !== undefined;
  const isLocalTls = isTls && a.family === undefined;
  let disposal: Promise<void> | undefined;
  return {
    a,
    b,
    resets: described.resets ?? (a.family !== undefined || isTls || !hasStream),
    resetCode: "resetCode" in described ? described.resetCode : isLocalTls ? "ERR_TLS_TRUNCATED" : undefined,
    takesAtOnce: described.takesAtOnce ?? ((hasDescriptor || !hasStream) && !linkOf(a).output.autoCork),
    kernel: described.kernel ?? hasDescriptor,
    hasDescriptor: described.hasDescriptor ?? hasDescriptor,
    stopsAtOnce: described.stopsAtOnce ?? true,
    hasStream: described.hasStream ?? hasStream,
    endsAreTold: described.endsAreTold ?? isTls,
    keepsUnread: described.keepsUnread ?? !isLocalTls,
    clogBytes: described.clogBytes ?? (hasStream ? CLOG_BYTES : SMALL_CLOG_BYTES),
    family: "family" in described ? described.family : a.family,
    dispose: () =>
      (disposal ??= (async () => {
        await dispose();
      })()),
  };
}

async function dropBoth(a: Connection, b: Connection): Promise<void> {
  for (const connection of [a, b]) {
    connection.reset();
    // One that was detached is ours no longer: its socket is.
    connection.socket.on("error", () => undefined).destroy();
  }
  await Promise.allSettled([a.closed, b.closed]);
}

/** One of another copy would fail in cases that ask for the classes of errors, and nothing would say why. */
function checked(name: string, end: unknown): Connection {
  if (end instanceof Connection) return end;
  throw wrongType(name, "a Connection of the same copy of this library", end);
}
