/** Pairs of connections with TLS between them, in all the ways in which this library begins it. */
import type { ConnectionOptions, TlsOptions } from "node:tls";
import type { Connection } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "./certificates.js";

// The same objects for all pairs, so that their contexts are made once, and sessions are resumed.
const OF_CLIENT: ConnectionOptions = { ca: AUTHORITY, servername: "localhost" };
const OF_SERVER: TlsOptions = LOCALHOST;
// A case may set a readTimeout of 0, which no handshake meets.
const AS_CLIENT = { ...OF_CLIENT, timeout: Infinity };
const AS_SERVER = { ...OF_SERVER, timeout: Infinity, isServer: true };

/** What both ends of a pair are given: the options `tls` of `connect` and of `listen`. */
export interface TlsEnds {
  readonly client: ConnectionOptions;
  readonly server: TlsOptions;
}

/** TLS of one version only. */
export function onlyTls(version: "TLSv1.2" | "TLSv1.3"): TlsEnds {
  const only = { minVersion: version, maxVersion: version } as const;
  return { client: { ...OF_CLIENT, ...only }, server: { ...OF_SERVER, ...only } };
}

export const ANY_TLS: TlsEnds = { client: OF_CLIENT, server: OF_SERVER };

/** Begins TLS on both ends of a connection. */
export function startedTls([a, b]: readonly [Connection, Connection]): Promise<[Connection, Connection]> {
  return Promise.all([a.startTls(AS_CLIENT), b.startTls(AS_SERVER)]);
}
