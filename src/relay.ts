import { checkSignal, checkTimeout, notConnection, wrongValue } from "./options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "./options/schema.js";
import { failingInTime } from "./core/timing/budget.js";
import { waitWithin } from "./core/timing/bounded.js";
import { cancel, clock, LONGEST_TIMER_MS } from "./core/timing/clock.js";
import { Connection, linkOf } from "./connection.js";
import { IdleTimer } from "./core/timing/idle-timer.js";
import { aborted, NetError, refused, timedOut, type Subject } from "./errors.js";

/** When a relay ends early. */
export interface RelayOptions {
  /**
   * Ends the relay when it is aborted: both connections are reset, and `relay` rejects with the signal's reason.
   *
   * @example await relay(client, server, { signal });
   */
  signal?: AbortSignal | undefined;
  /**
   * Most milliseconds in which no byte moves, in either direction; then both connections are reset. The relay may notice
   * a sixteenth later, or 5 ms. `Infinity`: no bound. `0`: the relay ends at once.
   *
   * @default Infinity
   * @example await relay(client, server, { idleTimeout: 60_000 });
   */
  idleTimeout?: number | undefined;
}

/** How many bytes were passed on in each direction. */
export type RelayResult = [aToB: number, bToA: number];

/**
 * How many bytes are still taken from a sender whose receiver is gone: enough for an ordinary request to be written to its
 * end, so that its sender can read the answer that came early.
 */
const MAX_DISCARDED_BYTES = 1024 * 1024;

const RELAY = schemaOf<RelayOptions>(
  { signal: checkSignal, idleTimeout: checkTimeout },
  { insteadOfNumber: "a time without bytes is { idleTimeout }" },
);

const UNBOUNDED = { timeout: Infinity };
const RECYCLED = { ...UNBOUNDED, recycle: true };

/**
 * Resolves to how many bytes were passed on in each direction, when both have ended. What one connection receives is
 * written to the other: a proxy in one line.
 *
 * The end of one direction is passed on as an end (half-close), while the other direction goes on. Bytes are read from one
 * connection only as fast as the other takes them. The `readTimeout` and `writeTimeout` of the connections do not apply.
 * Both connections belong to the relay, and are closed when it settles.
 *
 * @example
 * await using server = await connect("localhost", 8080);
 * const [sent, received] = await relay(client, server);
 *
 * @throws NetError how one connection failed; both are reset. If its peer takes nothing any more but has sent a reply, the
 *   reply is passed on first, and its receiver may go on sending up to 1 MiB for the `lingerTimeout` of its connection
 * @throws NetError `ERR_BUSY` if a read waits on one of the connections; both are left as they were
 * @throws NetTimeoutError if no byte has moved for `idleTimeout`, and what `signal` was aborted with; both are reset
 * @throws TypeError, RangeError for wrong arguments; both are left as they were
 */
export async function relay(a: Connection, b: Connection, options: RelayOptions = {}): Promise<RelayResult> {
  return await failingInTime(() => relayed(a, b, options));
}

async function relayed(a: Connection, b: Connection, options: RelayOptions): Promise<RelayResult> {
  checkConnections(a, b);
  const { signal, idleTimeout = Infinity } = checkedOptions(options, RELAY, copyOf);
  const subject = subjectOf(a, b);
  if (signal?.aborted === true) throw aborted("relay", subject, signal);
  if (linkOf(a).input.isBusy() || linkOf(b).input.isBusy()) throw refused("relay", subject, "ERR_BUSY");
  const moved = (): number => a.bytesRead + a.bytesWritten + b.bytesRead + b.bytesWritten;
  try {
    if (idleTimeout === 0) throw timedOut("relay", subject, 0);
    return await waitWithin<RelayResult>("relay", subject, { signal }, (resolve, reject) => {
      const idle = new IdleTimer(moved, () => reject(timedOut("relay", subject, idleTimeout)));
      const stop = (): void => idle.set(0);
      idle.set(idleTimeout);
      forwardBoth(a, b).finally(stop).then(resolve, reject);
      return stop;
    });
  } catch (error) {
    a.reset();
    b.reset();
    throw error;
  }
}

function forwardBoth(a: Connection, b: Connection): Promise<RelayResult> {
  const there = forward(a, b);
  const back = forward(b, a);
  return Promise.all([afterReply(there, back, a), afterReply(back, there, b)]);
}

/** Resolves to the number of bytes passed on in one direction, after its end was. */
async function forward(from: Connection, to: Connection): Promise<number> {
  let bytes = 0;
  for await (const chunk of from.chunks(RECYCLED)) {
    await to.write(chunk, UNBOUNDED);
    bytes += chunk.length;
  }
  await to.closeWrite(UNBOUNDED);
  return bytes;
}

/** The outcome of one direction. If its receiver takes nothing any more, what that receiver has sent is passed on first. */
async function afterReply(
  direction: Promise<number>,
  opposite: Promise<number>,
  from: Connection,
): Promise<number> {
  try {
    return await direction;
  } catch (error) {
    if (error instanceof NetError && error.operation !== "read") {
      await opposite;
      await discardRest(from);
    }
    throw error;
  }
}

/**
 * Takes more bytes from a sender that has just been sent a reply: a reset could destroy the reply on its way. That is what
 * `close()` does, so it lasts as long as that would.
 */
async function discardRest(from: Connection): Promise<void> {
  const { lingerTimeout } = linkOf(from);
  if (lingerTimeout === 0) return;
  const lingered = new AbortController();
  const isBounded = lingerTimeout <= LONGEST_TIMER_MS;
  const timer = isBounded ? clock.setTimeout(() => lingered.abort(), lingerTimeout) : undefined;
  let bytes = 0;
  try {
    for await (const chunk of from.chunks({ ...RECYCLED, signal: lingered.signal })) {
      bytes += chunk.length;
      if (bytes >= MAX_DISCARDED_BYTES) break;
    }
  } catch {
    // The relay rejects with the failure of the direction, not with this one.
  } finally {
    cancel(timer);
  }
}

function subjectOf(a: Connection, b: Connection): Subject {
  return { text: `(${linkOf(a).subject.text}), (${linkOf(b).subject.text})` };
}

function checkConnections(a: unknown, b: unknown): void {
  if (!(a instanceof Connection)) throw notConnection("a", a);
  if (!(b instanceof Connection)) throw notConnection("b", b);
  if (a === b) throw wrongValue("b", "another connection than a", b);
}

function copyOf({ signal, idleTimeout }: RelayOptions): Complete<RelayOptions> {
  return { signal, idleTimeout };
}
