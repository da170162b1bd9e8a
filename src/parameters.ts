import { AsyncLocalStorage } from "node:async_hooks";
import { checkBoolean, checkSize, checkTimeout, wrongType } from "./options/checks.js";
import { checkOptions, refuseUnknown, schemaOf } from "./options/schema.js";

/**
 * CHICKEN's parameters: what holds where a call or a connection has no option of its own. A call reads them when it is
 * made. A connection keeps the `readTimeout`, `writeTimeout`, `lingerTimeout` and `bufferSize` that were in force when it was
 * made.
 */
export interface NetParameters {
  /**
   * Most milliseconds that a read waits for more bytes. `Infinity`: forever. `0`: it takes what is here and never waits.
   *
   * @default 60_000
   * @example setParameters({ readTimeout: 5_000 });
   */
  readTimeout: number;
  /**
   * Most milliseconds that a write waits for the kernel to take more bytes. `Infinity`: forever. `0`: it never waits.
   *
   * @default 60_000
   * @example setParameters({ writeTimeout: 5_000 });
   */
  writeTimeout: number;
  /**
   * Most milliseconds that `close()` waits for the peer's end of stream, once all is sent. `Infinity`: as long as the peer
   * takes. `0`: it waits for nothing.
   *
   * @default 2_000
   * @example setParameters({ lingerTimeout: 500 });
   */
  lingerTimeout: number;
  /**
   * Most milliseconds for a `connect`: name lookup and all attempts together. `Infinity`: as long as the system tries.
   * `0`: no connect can succeed.
   *
   * @default Infinity
   * @example setParameters({ connectTimeout: 10_000 });
   */
  connectTimeout: number;
  /**
   * Most milliseconds for the attempt at each address of a `connect`. `Infinity`: as long as the system tries. `0`: no
   * attempt can succeed.
   *
   * @default Infinity
   * @example setParameters({ attemptTimeout: 3_000 });
   */
  attemptTimeout: number;
  /**
   * Most milliseconds that `accept()` waits for a client. `Infinity`: forever. `0`: it takes only a client that is here.
   * `for await` loops ignore it.
   *
   * @default Infinity
   * @example setParameters({ acceptTimeout: 60_000 });
   */
  acceptTimeout: number;
  /**
   * Bytes that writes gather before the connection sends them. `0`: each write is sent at once.
   *
   * @default 0
   * @example setParameters({ bufferSize: 4_096 });
   */
  bufferSize: number;
  /**
   * Whether a listener on an IPv6 address takes IPv6 clients only.
   *
   * @default false
   * @example setParameters({ ipv6Only: true });
   */
  ipv6Only: boolean;
}

const OF_CONNECTIONS = "it is an option of connect, listen and Connection.from";

const PARAMETERS = schemaOf<NetParameters>(
  {
    readTimeout: checkTimeout,
    writeTimeout: checkTimeout,
    lingerTimeout: checkTimeout,
    connectTimeout: checkTimeout,
    attemptTimeout: checkTimeout,
    acceptTimeout: checkTimeout,
    bufferSize: checkSize,
    ipv6Only: checkBoolean,
  },
  {
    kind: "parameter",
    argument: "values",
    elsewhere: {
      timeout: "there is one for each kind of wait, such as readTimeout and connectTimeout",
      noDelay: OF_CONNECTIONS,
      keepAlive: OF_CONNECTIONS,
    },
  },
);

let base: Readonly<NetParameters> = Object.freeze({
  readTimeout: 60_000,
  writeTimeout: 60_000,
  lingerTimeout: 2_000,
  connectTimeout: Infinity,
  attemptTimeout: Infinity,
  acceptTimeout: Infinity,
  bufferSize: 0,
  ipv6Only: false,
});

/** Made by the first `withParameters`: while there is none, promises cost nothing extra. */
let scope: AsyncLocalStorage<Readonly<Partial<NetParameters>>> | undefined;

/** The parameters in force here: those of the innermost `withParameters`, then of `setParameters`, then the defaults. */
export function getParameters(): Readonly<NetParameters> {
  const inner = scope?.getStore();
  return inner === undefined ? base : { ...base, ...inner };
}

/**
 * Sets parameters for the whole process, from now on: CHICKEN's `(tcp-read-timeout 5000)`. Connections that exist keep
 * what they captured, and an enclosing `withParameters` still goes first for the parameters that it names.
 *
 * @throws TypeError for an unknown parameter or a wrong type, RangeError for a negative number or NaN; none is set then
 */
export function setParameters(values: Partial<NetParameters>): void {
  base = Object.freeze({ ...base, ...checked(values) });
}

/**
 * Runs `body` and gives back what it returns; inside it, and in everything it awaits or starts, the given parameters
 * are in force: CHICKEN's `parameterize`.
 *
 * Built on `AsyncLocalStorage`. Until its first call this costs nothing. From then on every promise of the process
 * costs more on Node 20 (about half again the user CPU of an echo server) and 22 (about a fifth); nothing on 24 and 26.
 * Where that matters, pass options to `connect` and `listen` instead.
 *
 * @throws TypeError for an unknown parameter, a wrong type or a `body` that is no function, RangeError for a negative
 *   number or NaN; `body` is not run then
 */
export function withParameters<T>(values: Partial<NetParameters>, body: () => T): T {
  if (typeof (body as unknown) !== "function")
    throw wrongType("body", "a function, the second argument", body);
  const inner = checked(values);
  scope ??= new AsyncLocalStorage();
  return scope.run({ ...scope.getStore(), ...inner }, body);
}

/** The given values that are not `undefined`, checked by name and value. */
function checked(values: unknown): Partial<NetParameters> {
  if (values === undefined) throw wrongType("values", "an object of parameters", values);
  checkOptions(values, PARAMETERS);
  refuseUnknown(values, PARAMETERS);
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) PARAMETERS.checks[name as keyof NetParameters](name, value);
  return Object.fromEntries(given);
}
