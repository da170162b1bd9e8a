/** The streams to a server that can be handed to a client library. */
import { connect as netConnect } from "node:net";
import type { Duplex } from "node:stream";
import type { ConnectionOptions as TlsOptions } from "node:tls";
import { connect, connectDuplex } from "../../src/index.js";
import { AUTHORITY, OTHER_AUTHORITY } from "./certificates.js";

/** Where a client is to connect to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** How streams are made. */
export interface Streams {
  /** A stream at once, which connects by and by; `undefined` where only streams are to be had that are connected. */
  readonly openAtOnce?: (place: Place) => Duplex;
  /** A stream that is connected; `undefined` where {@link openAtOnce} is. */
  readonly openConnected?: (place: Place) => Promise<Duplex>;
}

export interface StreamSource extends Streams {
  readonly name: string;
  /** Whether it is Node's own, as what the others are compared with. */
  readonly isPlain?: boolean;
  /** Whether it stays open when its peer has ended. */
  readonly isHalfOpen?: boolean;
  /** Whether it fails when its peer's side ends without TLS's close_notify, as the end of a server that was killed does. */
  readonly tellsTruncation?: boolean;
  /** The same, with trust in no certificate that the servers of the tests have; `undefined` without TLS. */
  readonly distrusting?: Streams;
}

/** The streams that docs/libraries.md advises to hand to a library. */
export const ADVISED_SOURCES: readonly StreamSource[] = [
  { name: "connectDuplex", openAtOnce: ({ host, port }) => connectDuplex(host, port) },
  {
    name: "connect and detach",
    openConnected: async ({ host, port }) => (await connect(host, port)).detach(),
  },
];

export const STREAM_SOURCES: readonly StreamSource[] = [
  { name: "net.connect", openAtOnce: ({ host, port }) => netConnect({ host, port }), isPlain: true },
  ...ADVISED_SOURCES,
  {
    name: "connect and duplex",
    openConnected: async ({ host, port }) => (await connect(host, port)).duplex,
    isHalfOpen: true,
  },
  {
    name: "connect and duplex, with allowHalfOpen = false",
    openConnected: async ({ host, port }) =>
      Object.assign((await connect(host, port)).duplex, { allowHalfOpen: false }),
  },
];

/**
 * The same as {@link ADVISED_SOURCES} with TLS of this library's, which trusts the authority of the tests. A socket that is
 * detached is Node's own, and ends as Node's do.
 */
export function tlsSources(options: TlsOptions = {}): readonly StreamSource[] {
  const trust = (ca: string): Required<Streams> => {
    const tls = { ...options, ca };
    return {
      openAtOnce: ({ host, port }) => connectDuplex(host, port, { tls }),
      openConnected: async ({ host, port }) => (await connect(host, port, { tls })).detach(),
    };
  };
  const [trusting, distrusting] = [trust(AUTHORITY), trust(OTHER_AUTHORITY)];
  return [
    {
      name: "connectDuplex with tls",
      openAtOnce: trusting.openAtOnce,
      tellsTruncation: true,
      distrusting: { openAtOnce: distrusting.openAtOnce },
    },
    {
      name: "connect with tls, and detach",
      openConnected: trusting.openConnected,
      distrusting: { openConnected: distrusting.openConnected },
    },
  ];
}
