import { Socket } from "node:net";
import { checkTimeout, outOfRange, unavailable, wrongType } from "./checks.js";
import { checkedOptions, schemaOf } from "./schema.js";
import type { Settable } from "../core/transport/transport.js";

/** Below a second, Node would tell the kernel 0 s, which it refuses in silence. */
const MIN_WAIT_MS = 1_000;

/** The kernel's own bounds (MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT, see tcp(7)). */
const MAX_WAIT_MS = 32_767_000;
const MAX_COUNT = 127;

/** The delay of most systems. Node has to be told one where it is to set the interval or the count. */
const TWO_HOURS_MS = 7_200_000;

/** When the kernel asks an idle peer if it is still there, how often, and when it gives up. */
export interface KeepAliveOptions {
  /**
   * Milliseconds of silence before the kernel first asks: whole seconds, from 1_000 up to 32_767_000, to which other numbers
   * are moved.
   *
   * @default two hours
   * @example await connect("example.com", 80, { keepAlive: { delay: 30_000 } });
   */
  delay?: number | undefined;
  /**
   * Milliseconds between two questions, while the peer does not answer: whole seconds, within the bounds of `delay`. Node
   * 24.21 and 26.10 can set it; Node 20 and 22, Bun and Deno cannot.
   *
   * @default 1_000 where `delay` or `count` is given, else the system's own
   * @example await connect("example.com", 80, { keepAlive: { delay: 30_000, interval: 5_000 } });
   */
  interval?: number | undefined;
  /**
   * How many questions without an answer end the connection with `ETIMEDOUT`: a whole number from 1 to 127. It can be
   * set where `interval` can.
   *
   * @default 10 where `delay` or `interval` is given, else the system's own
   * @example await connect("example.com", 80, { keepAlive: { delay: 30_000, count: 3 } });
   */
  count?: number | undefined;
}

export type KeepAlive = boolean | number | KeepAliveOptions;

const KEEP_ALIVE = schemaOf<KeepAliveOptions>(
  {
    delay: (name, value) => checkTimeout(`keepAlive.${name}`, value),
    interval: (name, value) => {
      checkTimeout(`keepAlive.${name}`, value);
      checkAvailable(name);
    },
    count: (name, value) => {
      checkCount(`keepAlive.${name}`, value);
      checkAvailable(name);
    },
  },
  { argument: "keepAlive" },
);

/** The value as it is at the call: an object of options is copied and checked. */
export function copyOfKeepAlive(given: KeepAlive | undefined): KeepAlive | undefined {
  return typeof given === "object" && (given as unknown) !== null ? checkedKeepAlive(given) : given;
}

export function checkedKeepAlive(given: KeepAliveOptions): KeepAliveOptions {
  return checkedOptions(given, KEEP_ALIVE, ({ delay, interval, count }) => ({ delay, interval, count }));
}

/** Checks what {@link copyOfKeepAlive} has returned. */
export function checkKeepAlive(name: string, value: unknown): void {
  if (typeof value === "boolean" || (typeof value === "object" && value !== null)) return;
  if (typeof value === "number") checkTimeout(name, value);
  else throw wrongType(name, "a boolean, a number of milliseconds or { delay, interval, count }", value);
}

function checkCount(name: string, value: unknown): void {
  const expected = `a whole number from 1 to ${String(MAX_COUNT)}`;
  if (typeof value !== "number") throw wrongType(name, expected, value);
  if (!Number.isInteger(value) || value < 1 || value > MAX_COUNT) throw outOfRange(name, expected, value);
}

/** Refuses what this runtime would ignore in silence. */
function checkAvailable(name: string): void {
  if (setsIntervals()) return;
  throw unavailable(`keepAlive.${name}`, "this runtime cannot set it; Node 24.21 and 26.10 can");
}

/** Whether this runtime can set the interval and the count. */
export function setsIntervals(): boolean {
  // It is `setKeepAlive(enable, initialDelay, interval, count)` where they can be set.
  return Socket.prototype.setKeepAlive.length >= 4;
}

/** The options for what a `net.Socket`'s `setKeepAlive` is given, which ignores what it cannot use. */
export function keepAliveOf(delay: unknown, interval: unknown, count: unknown): KeepAliveOptions {
  const options: KeepAliveOptions = { delay: usable(delay, Infinity) };
  if (!setsIntervals()) return options;
  const most = usable(count, MAX_COUNT);
  return { ...options, interval: usable(interval, Infinity), count: most && Math.floor(most) };
}

function usable(value: unknown, most: number): number | undefined {
  const number = Number(value);
  return number >= 1 && number <= most ? number : undefined;
}

/** Sets or clears SO_KEEPALIVE, and what belongs to it. */
export function setKeepAlive(socket: Settable, keepAlive: KeepAlive): void {
  if (typeof keepAlive !== "object") {
    socket.setKeepAlive?.(keepAlive !== false, typeof keepAlive === "number" ? keptWithin(keepAlive) : 0);
    return;
  }
  const { delay, interval, count } = keepAlive;
  if (interval === undefined && count === undefined) {
    setKeepAlive(socket, delay ?? true);
    return;
  }
  const between = interval === undefined ? undefined : keptWithin(interval);
  socket.setKeepAlive?.(true, keptWithin(delay ?? TWO_HOURS_MS), between, count);
}

function keptWithin(ms: number): number {
  return Math.min(Math.max(ms, MIN_WAIT_MS), MAX_WAIT_MS);
}
