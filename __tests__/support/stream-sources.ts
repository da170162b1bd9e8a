/** The streams to a server that can be handed to a client library. */
import { connect as netConnect } from "node:net";
import type { Duplex } from "node:stream";
import { connect, connectDuplex } from "../../src/index.js";

/** Where a client is to connect to. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

export interface StreamSource {
  readonly name: string;
  /** A stream at once, which connects by and by; `undefined` where only streams are to be had that are connected. */
  readonly openAtOnce?: (place: Place) => Duplex;
  /** A stream that is connected; `undefined` where {@link openAtOnce} is. */
  readonly openConnected?: (place: Place) => Promise<Duplex>;
  /** Whether it is Node's own, as what the others are compared with. */
  readonly isPlain?: boolean;
  /** Whether it stays open when its peer has ended. */
  readonly isHalfOpen?: boolean;
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
