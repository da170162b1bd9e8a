import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { checkSize, outOfRange, wrongType, wrongValue } from "../options/checks.js";
import { described } from "../options/described.js";
import { refused } from "../errors.js";
import { familyOf, joinHostPort } from "./endpoint.js";

const LAST_PORT = 65_535;
const SERVICES_FILE = "/etc/services";
/** The error for an unknown service repeats only text that looks like a name. */
const NAME = /^ ?[!-?A-~]{1,64} ?$/;

/**
 * Names that the registry lacks as it is here, since it keeps one name for each port; and `http-alt`, which IANA gives to
 * three ports, and `/etc/services` to 8080.
 */
const ALSO_REGISTERED: ReadonlyMap<string, number> = new Map([
  ["http", 80],
  ["www", 80],
  ["ipp", 631],
  ["x11", 6000],
  ["http-alt", 8080],
]);

/** Protocols of URLs that say how bytes are carried, and not what for. */
const TRANSPORTS: ReadonlySet<string> = new Set(["ssl", "tcp", "tcp4", "tcp6", "tls"]);

let local: ReadonlyMap<string, number> | undefined;

/** What registered-services.cjs exports, which scripts/services.mjs makes. */
interface RegisteredServices {
  readonly ports: ReadonlyMap<string, number>;
}

/**
 * The port that a number, a numeric string or the name of a service stands for.
 *
 * Names are looked up in `/etc/services`, where it exists, then in IANA's registry: TCP only, aliases included, first as
 * written and then without regard to case. Synchronous. Each of the two is read when the first name needs it, and kept.
 *
 * @param host - for the error: whose port it is
 * @param lowest - the lowest port that is of use: no peer has 0
 * @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` (an empty string); RangeError `ERR_SOCKET_BAD_PORT`
 * @throws NetError `EAI_SERVICE`: no such service
 */
export function portOf(service: number | string, host?: string, lowest: 0 | 1 = 0): number {
  if (typeof service === "number") return checkedPort(service, lowest);
  if (typeof service !== "string") throw wrongType("port", "a number or the name of a service", service);
  if (service === "") throw wrongValue("port", "a number or the name of a service", service);
  if (/^-?\d+$/.test(service)) return checkedPort(Number(service), lowest);
  const name = NAME.test(service) ? `"${service}"` : described(service);
  const subject = { host, text: joinHostPort(host ?? "*", NAME.test(service) ? service : "?") };
  const port = find(localServices(), service) ?? find(ALSO_REGISTERED, service);
  if (port !== undefined) return port;
  let cause: unknown;
  try {
    const found = find(registeredServices(), service);
    if (found !== undefined) return found;
  } catch (error) {
    cause = error; // The registry is a module of its own, which a bundler may have left behind.
  }
  const reason = cause === undefined ? "" : ", and IANA's registry could not be read";
  const message = `no service named ${name}${reason}${hintFor(service)}`;
  throw refused("resolve", subject, "EAI_SERVICE", message, { cause });
}

/** What is most likely meant, where that can be told. */
function hintFor(service: string): string {
  if (familyOf(service) !== 0) return ": that is an address, and the port is missing";
  if (!TRANSPORTS.has(service)) return "";
  return ": many services use it, so it has no port of its own; give the port, as a number or the name of a service";
}

/**
 * The TCP services in the text of a file in the format of services(5), by name and alias. The first line that has a name
 * counts, as for getservbyname(3). Each name is also there in lower case, unless that is the name of another service.
 * Lines that are no entries are skipped.
 */
export function parseServices(text: string): ReadonlyMap<string, number> {
  const entries = text.split("\n").flatMap((line): [name: string, port: number][] => {
    const [name = "", port = "", ...aliases] = line.replace(/#.*/s, "").trim().split(/\s+/);
    const digits = /^(\d{1,5})\/tcp$/i.exec(port)?.[1];
    if (digits === undefined || Number(digits) > LAST_PORT) return [];
    return [name, ...aliases].map((each) => [each, Number(digits)]);
  });
  return firstOfEach([...entries, ...entries.map(([name, port]) => [name.toLowerCase(), port] as const)]);
}

/** A port as a number; the names of services are not taken. */
export function checkPort(name: string, value: unknown): asserts value is number {
  checkSize(name, value, LAST_PORT);
}

function checkedPort(port: number, lowest: 0 | 1): number {
  if (!Number.isInteger(port) || port < lowest || port > LAST_PORT) {
    const hint = port === 0 ? " (0 is for listen: connect to its listener.port)" : "";
    const expected = `a whole number from ${String(lowest)} to ${String(LAST_PORT)}${hint}`;
    throw outOfRange("port", expected, port, "ERR_SOCKET_BAD_PORT");
  }
  return port + 0; // -0 becomes 0.
}

function find(services: ReadonlyMap<string, number>, name: string): number | undefined {
  return services.get(name) ?? services.get(name.toLowerCase());
}

function localServices(): ReadonlyMap<string, number> {
  if (local !== undefined) return local;
  try {
    return (local = parseServices(readFileSync(SERVICES_FILE, "utf8")));
  } catch {
    return new Map(); // Not kept: a lack of descriptors passes.
  }
}

/** Throws whatever goes wrong with the module, which a bundler may have left behind. */
function registeredServices(): ReadonlyMap<string, number> {
  const loaded = createRequire(import.meta.url)("./registered-services.cjs") as RegisteredServices;
  return loaded.ports;
}

function firstOfEach(
  entries: readonly (readonly [name: string, port: number])[],
): ReadonlyMap<string, number> {
  return new Map(entries.toReversed());
}
