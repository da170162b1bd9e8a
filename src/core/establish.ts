import { subjectOf, type Addresses } from "../address/addresses.js";
import type { ConnectionOrigin } from "../diagnostics.js";
import type { Subject } from "../errors.js";
import { announceOpen } from "./announce.js";
import { noteMaker } from "./forgotten.js";
import { Link } from "./link.js";
import type { LinkSettings } from "./link-settings.js";
import { endOn } from "./timing/end-on.js";
import type { Transport } from "./transport/transport.js";

/**
 * Makes a connection from a transport, the addresses of its two ends and its settings. Connecting, accepting and adopting
 * all end here, and nothing else makes a {@link Link}. So what is to happen for every new connection belongs here.
 *
 * @param construct - makes the object that the program holds
 * @param subject - how errors name the connection; by its addresses if this is left out
 */
export function establish<Connection extends object>(
  construct: (link: Link, addresses: Addresses) => Connection,
  origin: ConnectionOrigin,
  transport: Transport,
  addresses: Addresses,
  settings: LinkSettings,
  subject: Subject = subjectOf(addresses),
): Connection {
  const link = new Link(origin, transport, subject, settings);
  const connection = construct(link, addresses);
  noteMaker(connection, link, settings.maker);
  const closeOn = settings.inherited?.closeOn;
  announceOpen(link);
  if (closeOn !== undefined) endOn(closeOn, () => link.reset(), link.closed);
  return connection;
}
