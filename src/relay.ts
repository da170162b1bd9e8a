import { checkSignal, checkTimeout, wrongType, wrongValue } from "./options/checks.js";
import { checkedOptions, schemaOf, type Complete } from "./options/schema.js";
import { waited } from "./core/timing/bounded.js";
import { cancel, clock } from "./core/timing/clock.js";
import { Connection, linkOf } from "./connection.js";
import { IdleTimer } from "./core/timing/idle-timer.js";
import { LINGER_TIMEOUT_MS } from "./core/link.js";
import { aborted, NetError, refused, timedOut, type Subject } from "./errors.js";

/** How long, and until when, to pass bytes on. */
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

/** How many bytes went each way. */
export type RelayResult = [aToB: number, bToA: number];

/**
 * Of a direction whose receiver is gone, how much is still taken from its sender: enough to write an ordinary request to
 * its end, and to hear the answer that has come already.
 */
const MAX_DISCARDED_BYTES = 1024 * 1024;

const RELAY = schemaOf<RelayOptions>(
  { signal: checkSignal, idleTimeout: checkTimeout },
  { insteadOfNumber: "a time without bytes is { idleTimeout }" },
);

const UNBOUNDED = { timeout: Infinity };
const RECYCLED = { ...UNBOUNDED, recycle: true };

/**
 * Passes on what either connection receives to the other, in both directions at once, and resolves to how many bytes went
 * each way when both directions have ended: a proxy in one line.
 *
 * An end of stream is passed on as one (half-close), while the other direction goes on. A connection that does not take
 * its bytes stops the reading of the other. The connections' `readTimeout` and `writeTimeout` do not apply. Both belong to
 * the relay: when it settles they are closed.
 *
 * @throws NetError how one of them failed; the other is reset. A peer that takes nothing any more may have sent a reply
 *   before: that is passed on first. `ERR_BUSY`: a read waits on one of them; both are left as they were
 * @throws NetTimeoutError after `idleTimeout`, and whatever `signal` was aborted with: both are reset
 * @throws TypeError, RangeError for wrong arguments: both are left as they were
 */
export async function relay(a: Connection, b: Connection, options: RelayOptions = {}): Promise<RelayResult> {
  checkConnections(a, b);
  const { signal, idleTimeout = Infinity } = checkedOptions(options, RELAY, copyOf);
  const subject = subjectOf(a, b);
  if (signal?.aborted === true) throw aborted("relay", subject, signal);
  if (linkOf(a).input.isBusy() || linkOf(b).input.isBusy()) throw refused("relay", subject, "ERR_BUSY");
  const moved = (): number => a.bytesRead + a.bytesWritten + b.bytesRead + b.bytesWritten;
  try {
    if (idleTimeout === 0) throw timedOut("relay", subject, 0);
    return await waited<RelayResult>("relay", subject, { signal }, (resolve, reject) => {
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

/** Passes on all that comes, and then the end; resolves to how many bytes that were. */
async function forward(from: Connection, to: Connection): Promise<number> {
  let bytes = 0;
  for await (const chunk of from.chunks(RECYCLED)) {
    await to.write(chunk, UNBOUNDED);
    bytes += chunk.length;
  }
  await to.closeWrite(UNBOUNDED);
  return bytes;
}

/** The outcome of one direction. If its receiver takes nothing any more, it fails after what that receiver has sent. */
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

/** Takes a little more from one who still sends, and has been sent a reply: a reset would destroy that on its way. */
async function discardRest(from: Connection): Promise<void> {
  const lingered = new AbortController();
  const timer = clock.setTimeout(() => lingered.abort(), LINGER_TIMEOUT_MS);
  let bytes = 0;
  try {
    for await (const chunk of from.chunks({ ...RECYCLED, signal: lingered.signal })) {
      bytes += chunk.length;
      if (bytes >= MAX_DISCARDED_BYTES) break;
    }
  } catch {
    // The failure that led here is the one to tell.
  } finally {
    cancel(timer);
  }
}

function subjectOf(a: Connection, b: Connection): Subject {
  return { text: `(${linkOf(a).subject.text}), (${linkOf(b).subject.text})` };
}

function checkConnections(a: unknown, b: unknown): void {
  if (!(a instanceof Connection)) throw wrongType("a", "a Connection", a);
  if (!(b instanceof Connection)) throw wrongType("b", "a Connection", b);
  if (a === b) throw wrongValue("b", "another connection than a", b);
}

function copyOf({ signal, idleTimeout }: RelayOptions): Complete<RelayOptions> {
  return { signal, idleTimeout };
}
