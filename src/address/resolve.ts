import { checkBoolean, checkFunction, isUrl, oneOf, wrongType, wrongValue } from "../options/checks.js";
import { OPERATION, type OperationOptions } from "../options/operation.js";
import { checkedOptions, schemaOf, type Checks } from "../options/schema.js";
import { described } from "../options/described.js";
import {
  lookupHints,
  network,
  resultOrder,
  type LookupCallback,
  type LookupRequest,
} from "../core/network.js";
import { failingInTime, LOOKUP_UNITS, nextTurn, spend } from "../core/timing/budget.js";
import { bounded, stoppable } from "../core/timing/bounded.js";
import { aborted, refused, translated, type Subject } from "../errors.js";
import { familyOf, joinHostPort, checkHost, normalAddress, type AddressInfo } from "./endpoint.js";
import { portOf } from "./services.js";

/**
 * A name lookup of Node's shape: `dns.lookup`, `cacheable-lookup`, or a function of your own. It answers with a list, or
 * with one address, each as text or as an object. It calls back, or returns a promise of that answer; a promise that
 * rejects is an answer too. Anything else that it returns, or that its promise resolves to, is ignored.
 */
export type LookupFunction = (hostname: string, options: LookupRequest, callback: LookupCallback) => unknown;

/** How a name is looked up. */
export interface LookupOptions {
  /**
   * `4` or `6`: only addresses of that family. `0`: those of both.
   *
   * @default 0
   * @example await resolve("example.com", 80, { family: 6 });
   */
  family?: 0 | 4 | 6 | undefined;
  /**
   * Whether a host of `null` stands for the addresses to listen on, `::` and `0.0.0.0`, rather than for those of the
   * loopback, `::1` and `127.0.0.1`.
   *
   * @default false
   * @example await resolve(null, 80, { passive: true });
   */
  passive?: boolean | undefined;
  /**
   * Whether the host must be a literal address: a name is never looked up, and fails with `ENOTFOUND`.
   *
   * @default false
   * @example await resolve("192.0.2.1", 80, { numericHost: true });
   */
  numericHost?: boolean | undefined;
  /**
   * Flags of getaddrinfo(3): `dns.ADDRCONFIG`, `dns.V4MAPPED`, `dns.ALL`, or several of them, joined by `|`.
   *
   * @default no flags
   * @example await resolve("example.com", 80, { hints: dns.ADDRCONFIG });
   */
  hints?: number | undefined;
  /**
   * A function of the shape of `dns.lookup`, called in its place. It answers with all addresses or with one.
   *
   * @default dns.lookup
   * @example await resolve("example.com", 80, { lookup: new CacheableLookup().lookup });
   */
  lookup?: LookupFunction | undefined;
}

/** How to resolve. Without a `timeout` the call has no bound. */
export interface ResolveOptions extends LookupOptions, OperationOptions {}

/** How the options of a lookup are checked. */
export const LOOKUP_CHECKS: Checks<LookupOptions> = {
  family: oneOf(0, 4, 6),
  passive: checkBoolean,
  numericHost: checkBoolean,
  hints: checkHints,
  lookup: checkFunction,
};

const RESOLVE = schemaOf<ResolveOptions>({ ...OPERATION.checks, ...LOOKUP_CHECKS }, OPERATION);

/** What stands for all addresses of this machine. */
export const UNSPECIFIED: readonly string[] = ["::", "0.0.0.0"];
const LOOPBACK = ["::1", "127.0.0.1"];

/**
 * Resolves to the addresses of a host and service, in the resolver's order (or Node's `--dns-result-order`, if that is
 * another) and without duplicates; never to none. CHICKEN's `address-information`.
 *
 * A literal address (no brackets; a zone is kept) is its own answer and needs no lookup. A `host` of `null` is this
 * machine: `::1` and `127.0.0.1`, or with `passive` the unspecified addresses, `::` and `0.0.0.0`, to listen on.
 *
 * @param service - a port, as a number or in digits, or the name of a service, such as `"https"`
 * @param options.timeout - ms for the whole call; `0` = only what needs no lookup; `Infinity`, the default: no bound
 * @param options.signal - cancels the call, and the lookup too if that is one of your own that heeds its signal.
 *   `dns.lookup` cannot be cancelled: its late answer is ignored, but until then it occupies a thread of libuv's pool and
 *   keeps the process alive
 * @throws NetTimeoutError, and whatever `signal` was aborted with
 * @throws NetError `ENOTFOUND`: no such host, no address of that family, or no literal where `numericHost` demands one;
 *   `EAI_SERVICE`: no such service; `ERR_INVALID_IP_ADDRESS`: the `lookup` answered something else; else the resolver's
 *   code, such as `EAI_AGAIN`
 * @throws TypeError, RangeError for wrong arguments
 */
export async function resolve(
  host: string | null,
  service: number | string,
  options: ResolveOptions = {},
): Promise<AddressInfo[]> {
  return await failingInTime(async () => {
    const found = await resolved(host, service, options);
    if (!spend(LOOKUP_UNITS)) await nextTurn();
    return found;
  });
}

async function resolved(
  host: string | null,
  service: number | string,
  options: ResolveOptions,
): Promise<AddressInfo[]> {
  checkHostOrNull("host", host);
  const asked = checkedOptions(
    options,
    RESOLVE,
    ({ timeout, signal, family, passive, numericHost, hints, lookup }) => ({
      timeout,
      signal,
      family,
      passive,
      numericHost,
      hints,
      lookup,
    }),
  );
  const question = { host, port: portOf(service, host ?? undefined), options: asked };
  const subject = subjectOf(question);
  if (asked.signal?.aborted === true) throw aborted("resolve", subject, asked.signal);
  return await answered(question, (name) =>
    bounded("resolve", subject, asked, (stop) => ask(name, asked, stop)),
  );
}

/**
 * {@link resolve} without a deadline of its own, for arguments that were checked: settles with `signal.reason` as soon as
 * `signal` is aborted, whatever the lookup does then. A literal address is its own answer, at once; a mapped one stands for
 * the IPv4 address that it maps.
 */
export function lookupAddresses(
  host: string,
  port: number,
  options: LookupOptions,
  signal: AbortSignal | undefined,
): AddressInfo[] | Promise<AddressInfo[]> {
  const question = { host, port, options };
  if (familyOf(host) !== 0) return matching([normalAddress(host)], question);
  return answered(question, (name) => ask(name, options, signal));
}

function checkHostOrNull(name: string, value: unknown): void {
  if (value === null) return;
  if (typeof value !== "string" && !isUrl(value)) throw wrongType(name, "a string or null", value);
  checkHost(name, value);
}

function checkHints(name: string, value: unknown): void {
  if (typeof value !== "number") throw wrongType(name, "a number", value);
  if ((value & lookupHints()) !== value) throw wrongValue(name, "made of the flags in node:dns", value);
}

interface Question {
  readonly host: string | null;
  readonly port: number;
  readonly options: LookupOptions;
}

/** What a lookup answered: that it failed, or what should be literal addresses. */
type Answer = { readonly error: unknown } | { readonly found: readonly unknown[] };

function subjectOf({ host, port }: Question): Subject {
  return { host: host ?? undefined, port, text: joinHostPort(host ?? "localhost", port) };
}

/** The addresses, which are `asked` for only where there is a name to look up. */
async function answered(
  question: Question,
  asked: (name: string) => Promise<Answer>,
): Promise<AddressInfo[]> {
  const { host, options } = question;
  if (host === null) return matching(options.passive === true ? UNSPECIFIED : LOOPBACK, question);
  if (familyOf(host) !== 0) return matching([host], question);
  if (options.numericHost === true) {
    throw refused("resolve", subjectOf(question), "ENOTFOUND", "not a literal address");
  }
  return addressesIn(await asked(host), question);
}

/**
 * Resolves to the first thing that the lookup does: it may throw, reject, answer twice or never. What it said becomes an
 * error in {@link addressesIn} only, where the caller's stack is at hand.
 */
function ask(
  name: string,
  { family, hints, lookup = network.lookup }: LookupOptions,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  const order = resultOrder();
  const request: LookupRequest = {
    all: true,
    ...(family === 4 || family === 6 ? { family } : {}),
    ...(hints === undefined ? {} : { hints }),
    order,
    verbatim: order === "verbatim",
    signal: signal ?? new AbortController().signal,
  };
  return stoppable<Answer>(signal, (settle) => {
    const call = async (): Promise<void> => {
      // In a microtask of its own: `signal` is listened to by then, should the lookup itself abort it.
      await Promise.resolve();
      if (signal?.aborted === true) return;
      const returned = lookup(name, request, (error, found) => settle(error ? { error } : answerOf(found)));
      if (!isThenable(returned)) return;
      const found = await returned;
      if (mayBeAnswer(found)) settle(answerOf(found));
    };
    call().catch((error: unknown) => settle({ error }));
    return () => undefined;
  });
}

function addressesIn(answer: Answer, question: Question): AddressInfo[] {
  const subject = subjectOf(question);
  if ("error" in answer) throw translated("resolve", subject, answer.error);
  const wrong = answer.found.findIndex((found) => typeof found !== "string" || familyOf(found) === 0);
  if (wrong !== -1) {
    const reason = `the lookup answered ${described(answer.found[wrong])}, no IP address`;
    throw refused("resolve", subject, "ERR_INVALID_IP_ADDRESS", reason);
  }
  return matching(answer.found as string[], question);
}

/** What was found, as it is when the lookup answers: it may use its list again. */
function answerOf(found: unknown): Answer {
  try {
    const entries: unknown[] = Array.isArray(found) ? [...(found as unknown[])] : [found];
    return { found: entries.filter((entry) => entry != null).map(addressOf) };
  } catch (error) {
    return { error }; // A getter of its own has thrown.
  }
}

function isThenable(value: unknown): boolean {
  return typeof (value as Partial<PromiseLike<unknown>> | null | undefined)?.then === "function";
}

/** Whether a promise has an answer: one of an `async` function that calls back may resolve to what `dns.lookup` returns. */
function mayBeAnswer(value: unknown): boolean {
  return typeof value === "string" || Array.isArray(value) || addressOf(value) !== value;
}

function addressOf(entry: unknown): unknown {
  return typeof entry === "object" && entry !== null && "address" in entry ? entry.address : entry;
}

/** Those of the family asked for, each once. */
function matching(literals: readonly string[], question: Question): AddressInfo[] {
  const { family = 0 } = question.options;
  const addresses = [...new Set(literals)]
    .map((address) => ({ address, port: question.port, family: familyOf(address) as 4 | 6 }))
    .filter((candidate) => family === 0 || candidate.family === family);
  if (addresses.length > 0) return addresses;
  const reason = family === 0 ? "the lookup answered no address" : `no IPv${String(family)} address`;
  throw refused("resolve", subjectOf(question), "ENOTFOUND", reason);
}
