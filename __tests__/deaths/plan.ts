/** What happens in one life of a TLS connection, as plain data, made of a seed: it can be printed and lived again. */

export type Who = "client" | "server";

/** How TLS comes to be. */
export const ROUTES = [
  /** `connect` and `listen` with `tls`. */
  "listener",
  /** The same over a Unix socket. */
  "unix",
  /** Both ends call `startTls` at once. */
  "startTls",
  /** Both ends call `startTls` in the middle of a conversation, the server while much of what it wrote is not sent. */
  "conversation",
  /** `startTls` on a connection that has TLS. */
  "tlsInTls",
  /** `Connection.from` of TLS sockets that are in their handshake, or have done it. */
  "adopted",
  /** `startTls` over a Duplex that is no socket. */
  "stream",
  /** `startTls` over a connection in memory. */
  "memory",
] as const;

export type Route = (typeof ROUTES)[number];

/** What is done to an end. */
export const DEEDS = [
  "reset",
  "close",
  "abort",
  "destroyTls",
  "destroyRaw",
  "resetRaw",
  "destroyBoth",
  "resetBoth",
  "destroyTlsAndReset",
  "resetAndDestroyTls",
  "endTls",
  "endRaw",
  "writeTls",
  "detachAndDestroy",
  "closeListener",
] as const;

export type Deed = (typeof DEEDS)[number];

/**
 * When it is done: so many turns of the event loop after the life has begun, or after the promise of the secure connection
 * has resolved; or when Node calls back in the handshake: then at once, in a microtask, or a turn later.
 */
export type Moment =
  | { readonly after: "birth" | "secure"; readonly turns: number }
  | {
      readonly after: "connection" | "sni" | "alpn" | "identity" | "secureEvent";
      readonly then: "now" | "microtask" | "tick" | "turn";
    };

export interface Death {
  readonly who: Who;
  readonly deed: Deed;
  readonly moment: Moment;
}

/** What a proxy between the two does once it has passed on so many bytes in one direction. */
export interface Cut {
  readonly from: Who;
  readonly bytes: number;
  readonly how: "fin" | "finBoth" | "rst" | "rstOne" | "junk" | "flip" | "stall";
}

/** What an end does once it is secure. */
export interface Script {
  /** How many bytes it writes, in pieces of that size, each awaited or not. */
  readonly bytes: number;
  readonly piece: number;
  readonly isAwaited: boolean;
  /** By which method it reads, and whether it begins only when the deaths are done. */
  readonly reads: "read" | "readInto" | "chunks" | "recycled";
  readonly readsLate: boolean;
  /** How it ends when all is written. */
  readonly ending: "close" | "closeWrite" | "reset";
  /** What it does when a call has failed. */
  readonly failing: "close" | "reset" | "destroyTls";
}

export interface Plan {
  readonly seed: number;
  readonly route: Route;
  readonly protocol: "TLSv1.2" | "TLSv1.3";
  /** Whether the client may resume a session. */
  readonly resumes: boolean;
  /** Whether the client shows a certificate. */
  readonly isMutual: boolean;
  /** Who does not trust the certificate of the other. */
  readonly distrusting: Who | undefined;
  readonly allowTruncation: boolean;
  /** Of adopted TLS sockets: whether they are adopted in the handshake. */
  readonly adoptsEarly: boolean;
  /** Milliseconds: of the call that makes it secure, and of reads and writes. */
  readonly timeout: number;
  readonly patience: number;
  /** Whether the proxy passes on small pieces, each in a turn of its own. */
  readonly chops: boolean;
  readonly cut: Cut | undefined;
  readonly deaths: readonly Death[];
  readonly client: Script;
  readonly server: Script;
}

/** Longer than a life may take: a call that waits for nothing is found by the life, which does not end. */
export const PATIENT_MS = 3_600_000;

/** Most bytes of a script: more than the kernel and the library take for a peer that does not read. */
const MAX_BYTES = 6 * 1024 * 1024;

export function planOf(seed: number): Plan {
  const dice = new Dice(seed);
  const route = dice.weighted<Route>({
    listener: 10,
    unix: 2,
    startTls: 4,
    conversation: 4,
    tlsInTls: 3,
    adopted: 4,
    stream: 2,
    memory: 1,
  });
  const hasProxy = route !== "memory" && route !== "unix";
  const cut = hasProxy && dice.chance(0.35) ? cutOf(dice) : undefined;
  const deaths = Array.from({ length: dice.weighted({ 0: 2, 1: 6, 2: 2 }) }, () => deathOf(dice));
  return {
    seed,
    route,
    protocol: dice.one("TLSv1.2", "TLSv1.3"),
    resumes: dice.chance(0.3),
    isMutual: dice.chance(0.15),
    distrusting: dice.chance(0.04) ? dice.one("client", "server") : undefined,
    allowTruncation: dice.chance(0.1),
    adoptsEarly: dice.chance(0.5),
    timeout: dice.chance(0.1) ? dice.below(12) : PATIENT_MS,
    patience: dice.chance(0.1) ? 1 + dice.below(30) : PATIENT_MS,
    chops: hasProxy && dice.chance(0.08),
    cut,
    deaths,
    client: scriptOf(dice),
    server: scriptOf(dice),
  };
}

function cutOf(dice: Dice): Cut {
  const how = dice.one("fin", "finBoth", "rst", "rstOne", "junk", "flip", "stall");
  // In the flights of the handshake, behind them, or much later.
  const most = dice.weighted({ 700: 3, 2_500: 4, 60_000: 2, 1_500_000: 1 });
  return { from: dice.one("client", "server"), bytes: dice.below(most), how };
}

function deathOf(dice: Dice): Death {
  const who = dice.one("client", "server");
  const deed = dice.weighted<Deed>({
    reset: 4,
    close: 4,
    abort: 4,
    destroyTls: 3,
    destroyRaw: 3,
    resetRaw: 2,
    destroyBoth: 1,
    resetBoth: 1,
    destroyTlsAndReset: 1,
    resetAndDestroyTls: 1,
    endTls: 1,
    endRaw: 1,
    writeTls: 1,
    detachAndDestroy: 1,
    closeListener: 0.3,
  });
  return { who, deed, moment: momentOf(dice, who) };
}

function momentOf(dice: Dice, who: Who): Moment {
  if (dice.chance(0.3)) return { after: "birth", turns: dice.below(14) };
  if (dice.chance(0.55)) return { after: "secure", turns: dice.chance(0.4) ? 0 : dice.below(8) };
  const then = dice.one("now", "microtask", "tick", "turn");
  const after =
    who === "client"
      ? dice.one("identity", "secureEvent")
      : dice.one("connection", "sni", "alpn", "secureEvent");
  return { after, then };
}

function scriptOf(dice: Dice): Script {
  const most = dice.weighted({ 1: 2, 2_000: 5, 100_000: 3, [MAX_BYTES]: 0.5 });
  const bytes = dice.below(most);
  const piece = Math.max(
    Math.ceil(bytes / 40),
    dice.weighted({ 100: 2, 20_000: 2, 400_000: 1, [MAX_BYTES]: 1 }),
  );
  return {
    bytes,
    piece,
    isAwaited: dice.chance(0.6),
    reads: dice.weighted({ read: 4, readInto: 1, chunks: 2, recycled: 1 }),
    readsLate: dice.chance(0.25),
    ending: dice.weighted({ close: 4, closeWrite: 4, reset: 1 }),
    failing: dice.one("close", "reset", "destroyTls"),
  };
}

/** A plan as a person reads it. */
export function textOf(plan: Plan): string {
  return JSON.stringify(plan);
}

/** Picks at random, the same at every run of a seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  }

  /** A number from 0 up to 1. */
  roll(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `bound`. */
  below(bound: number): number {
    return Math.floor(this.roll() * bound);
  }

  chance(share: number): boolean {
    return this.roll() < share;
  }

  one<T extends string>(...values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** One of the keys, each as likely as its weight; a number if the keys are numbers. */
  weighted<K extends string | number>(weights: Readonly<Record<K, number>>): K {
    const entries = Object.entries<number>(weights);
    let rest = this.roll() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    const [name = ""] = entries.find(([, weight]) => (rest -= weight) < 0) ?? entries[0] ?? [];
    const number = Number(name);
    return (Number.isNaN(number) ? name : number) as K;
  }
}
