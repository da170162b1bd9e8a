/**
 * What RFC 8305 ("Happy Eyeballs Version 2") and docs/connecting.md say of a race of addresses, from a table of how each of
 * them behaves: which attempt begins when, how it ends, and what the call settles with. It shares no code with the library.
 */

/** An address, and what an attempt to connect to it comes to. */
export interface Behaviour {
  readonly address: string;
  readonly family: 4 | 6;
  /** Ms after which it answers, or the system gives up. */
  readonly after: number;
  /** What it fails with; `null` if it connects. */
  readonly code: string | null;
}

export interface Bounds {
  readonly attemptDelay?: number;
  readonly attemptTimeout?: number;
  /** Ms for the whole call. */
  readonly timeout?: number;
}

export interface ExpectedAttempt {
  readonly address: string;
  /** Ms from the start of the call. */
  readonly begun: number;
  /** `"won"`; `"lost"` if it was given up; or the code that it has failed with. */
  readonly outcome: string;
  readonly duration: number;
}

export interface ExpectedRace {
  /** In the order in which they begin. */
  readonly attempts: readonly ExpectedAttempt[];
  /** What the call resolves to, or the code that it rejects with. */
  readonly settles: { readonly address: string } | { readonly code: string };
  /** Ms that the call takes. */
  readonly total: number;
}

/** RFC 8305, section 5: the Connection Attempt Delay that it recommends, and the least that it allows. */
const RECOMMENDED_DELAY_MS = 250;
const LEAST_DELAY_MS = 10;

/** docs/connecting.md: at most so many attempts run beside each other. */
const MOST_AT_ONCE = 16;

/** RFC 8305, section 4, with a First Address Family Count of 1: v6, v4, v6, v4, or the other way round, and the rest of one. */
export function sorted(addresses: readonly Behaviour[]): Behaviour[] {
  const rest = [...addresses];
  const order: Behaviour[] = [];
  while (rest.length > 0) {
    const wanted = rest.findIndex(({ family }) => family !== order.at(-1)?.family);
    order.push(...rest.splice(Math.max(0, wanted), 1));
  }
  return order;
}

/** Goes through a race of RFC 8305, section 5, from one event to the next. */
export function expectedRace(found: readonly Behaviour[], bounds: Bounds = {}): ExpectedRace {
  const { attemptTimeout = Infinity, timeout = Infinity } = bounds;
  const delay = Math.max(LEAST_DELAY_MS, bounds.attemptDelay ?? RECOMMENDED_DELAY_MS);
  const trials: { address: string; begun: number; ends: number; code: string | null; isOver: boolean }[] = [];
  const waiting = sorted(found);
  let now = 0;

  const begin = (): void => {
    const next = waiting.shift();
    if (next === undefined) return;
    const { address, after } = next;
    const ends = now + Math.min(after, attemptTimeout);
    const code = attemptTimeout < after ? "ETIMEDOUT" : next.code;
    trials.push({ address, begun: now, ends, code, isOver: false });
  };
  const settled = (settles: ExpectedRace["settles"]): ExpectedRace => ({
    settles,
    total: now,
    attempts: trials.map(({ address, begun, ends, code, isOver }) => ({
      ...{ address, begun },
      outcome: isOver ? (code ?? "won") : "lost",
      duration: isOver ? ends - begun : now - begun,
    })),
  });

  begin();
  for (;;) {
    const running = trials.filter(({ isOver }) => !isOver);
    const [ended] = [...running].sort((a, b) => a.ends - b.ends);
    const last = trials.at(-1);
    if (ended === undefined || last === undefined) throw new TypeError("a race of no addresses");
    const mayBegin = waiting.length > 0 && running.length < MOST_AT_ONCE;
    const nextBegins = mayBegin ? last.begun + delay : Infinity;
    now = Math.min(nextBegins, ended.ends, timeout);
    if (now === timeout) return settled({ code: "ETIMEDOUT" });
    if (now < ended.ends) begin();
    else {
      ended.isOver = true;
      if (ended.code === null) return settled({ address: ended.address });
      if (waiting.length === 0 && running.length === 1) return settled({ code: ended.code });
      begin();
    }
  }
}
