/** Binds all addresses of a name to one port, or none. */
import type { AddressInfo } from "node:net";
import { attemptsFailed, NetError, type Subject } from "../errors.js";
import { onPort } from "./places.js";
import type { Place, Servers } from "./server.js";

/**
 * How many ports of the system's choice are tried: the one that is free at the first address may be taken at another.
 * AnyIO tries as many.
 */
const MAX_PORTS_TRIED = 10;

/**
 * The codes of an address that this machine does not have, or cannot use: of IPv6 where that is disabled, or of an interface
 * that is down. Linux fails with EINVAL for a link-local address without a zone, which is what some resolvers answer for
 * the machine's own name. asyncio and AnyIO skip such addresses, too.
 */
const UNUSABLE = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

/**
 * Resolves to servers that listen at all places that this machine has, on one port. If this rejects nothing is left
 * listening. Where the system chooses the port, another is tried if the first is in use at one of the places.
 *
 * @param newServers - makes those for one try
 */
export async function bindAll(
  places: readonly Place[],
  asked: Subject,
  signal: AbortSignal | undefined,
  newServers: () => Servers,
): Promise<Servers> {
  for (let triesLeft = MAX_PORTS_TRIED - 1; ; triesLeft--) {
    const servers = newServers();
    try {
      await bindEach(places, asked, signal, servers);
      return servers;
    } catch (error) {
      const isOtherPortFree = isOfSystem(places) && servers.bound.length > 0 && isInUse(error);
      servers.close();
      if (!isOtherPortFree || triesLeft === 0) throw error;
    }
  }
}

async function bindEach(
  places: readonly Place[],
  asked: Subject,
  signal: AbortSignal | undefined,
  servers: Servers,
): Promise<void> {
  const failures: NetError[] = [];
  for (const place of places) {
    try {
      const port = portOf(servers);
      await servers.bind(port === undefined ? place : onPort(place, port));
    } catch (error) {
      if (places.length === 1 || signal?.aborted === true || !(error instanceof NetError)) throw error;
      failures.push(error);
      if (!UNUSABLE.has(error.code)) throw attemptsFailed(asked, error, failures);
    }
  }
  const last = failures.at(-1);
  if (servers.bound.length === 0 && last !== undefined) throw attemptsFailed(asked, last, failures);
}

/** The port of those that listen, if any does. */
function portOf({ at: [first] }: Servers): number | undefined {
  return (first as AddressInfo | null | undefined)?.port;
}

/** Whether the system chooses the port. */
function isOfSystem(places: readonly Place[]): boolean {
  return places.some(({ where }) => where.port === 0);
}

function isInUse(error: unknown): boolean {
  return error instanceof NetError && error.code === "EADDRINUSE";
}
