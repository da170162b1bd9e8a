/** TLS on a connection that is there: STARTTLS, TLS behind a PROXY header or a CONNECT, TLS in TLS. */
import type { Duplex } from "node:stream";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import type { Link } from "../core/link.js";
import { bounded } from "../core/timing/bounded.js";
import { clock } from "../core/timing/clock.js";
import { letArrive } from "../core/timing/let-arrive.js";
import { withEitherSignal } from "../core/timing/either-signal.js";
import { resetBeneath } from "../core/transport/tls/beneath.js";
import type { Transport } from "../core/transport/transport.js";
import { refused, translated, type Subject } from "../errors.js";
import type { OperationOptions } from "../options/operation.js";
import { TlsClient } from "./client.js";
import { isSame } from "./contexts.js";
import { endedInHandshake, tlsFailed } from "./failures.js";
import { identityOf } from "./identity.js";
import { TlsServer, type Handshaken } from "./server.js";

/** Which end of the handshake we are, and with which options. */
export type TlsSide =
  | { readonly isServer: false; readonly options: ConnectionOptions; readonly given: object }
  | { readonly isServer: true; readonly options: TlsOptions; readonly given: object };

/** The first byte of a handshake (RFC 8446, section 5.1). */
const HANDSHAKE = 0x16;

const TAKEN_OVER = "startTls has taken over the connection";

/** The connections that a startTls has begun on: none goes on as it was. */
const taken = new WeakSet<Link>();

const PLAINTEXT = "bytes have arrived in the clear, before the handshake";

type Handshake = (raw: Duplex, signal: AbortSignal | undefined) => Promise<Transport>;

/**
 * Sends what was written, takes the stream of a connection and does a handshake over it. Resolves to the secure transport.
 * From the call on, the connection takes no more writes, and gives nothing more to read. If this rejects later than that, the
 * connection is reset: it never goes on in the clear.
 *
 * @throws TypeError, NetError the connection is as it was
 */
export async function startTls(
  link: Link,
  side: TlsSide,
  operation: OperationOptions,
  allowTruncation?: boolean,
): Promise<Transport> {
  const { subject, settings } = link;
  checkFree(link);
  const inherited = settings.inherited;
  const handshake = handshakeOf(
    link,
    side,
    allowTruncation ?? inherited?.allowTruncation ?? false,
    inherited?.host,
  );
  const { timeout = settings.readTimeout, signal } = operation;
  try {
    const sent = sendAll(link, side.isServer);
    // It may reject when nothing waits for it any more.
    sent.catch(ignore);
    const work = async (stop: AbortSignal | undefined): Promise<Transport> => {
      await sent;
      // The program may have closed it meanwhile.
      if (!link.live || link.transport.destroyed) throw refused("tls", subject, "ERR_CLOSED");
      return await unlessDropped(link, link.detach(true, TAKEN_OVER), (raw) => handshake(raw, stop));
    };
    return await withEitherSignal(signal, inherited?.closeOn, (either) =>
      bounded("tls", subject, { timeout, signal: either }, work, (late) => late.reset()),
    );
  } catch (error) {
    link.reset();
    throw error;
  }
}

/** Refuses a connection that has ended, or that something reads. */
function checkFree(link: Link): void {
  const { live, life, subject, input, output, transport } = link;
  if (life.kind === "over" || life.kind === "destroyed") {
    const { failure } = life.outcome;
    if (failure !== null) throw translated("tls", subject, failure.cause);
  }
  if (output.failure !== null) throw translated("tls", subject, output.failure.cause);
  if (!live || transport.destroyed) throw refused("tls", subject, "ERR_CLOSED");
  if (taken.has(link)) throw refused("tls", subject, "ERR_CLOSED", TAKEN_OVER);
  if (output.ending || output.ended) throw refused("tls", subject, "ERR_CLOSED", "the output is closed");
  if (input.isShut) throw refused("tls", subject, "ERR_CLOSED", "the input is closed");
  if (input.closed || input.isBusy()) throw refused("tls", subject, "ERR_BUSY");
}

/**
 * Resolves when all is sent that was written, and the stream can be taken. From the call on the connection takes no writes
 * and gives nothing to read: what arrives stays in the stream.
 */
async function sendAll(link: Link, isServer: boolean): Promise<void> {
  const { subject, input, output } = link;
  const arrived = { inTheClear: false };
  const check = (): void => {
    // It would be taken for a part of what is secure (STARTTLS injection, CVE-2011-0411).
    if (input.first === undefined || (isServer && input.first === HANDSHAKE)) return;
    arrived.inTheClear = true;
    link.reset();
  };
  taken.add(link);
  input.claim(TAKEN_OVER, check);
  check();
  // The end of the output is no end of the stream then.
  output.abandoned = true;
  try {
    await output.end({ timeout: Infinity });
  } catch {
    // What has failed is told below.
  }
  if (arrived.inTheClear) throw refused("tls", subject, "ERR_TLS_PLAINTEXT", PLAINTEXT);
  if (output.failure !== null) throw tlsFailed(output.failure.cause, subject);
  if (input.peerEnded) throw tlsFailed(endedInHandshake(), subject);
}

/** Does a handshake over the stream of a connection, unless the program closes or resets the connection meanwhile. */
async function unlessDropped(
  link: Link,
  raw: Duplex,
  handshake: (raw: Duplex) => Promise<Transport>,
): Promise<Transport> {
  let state: "under way" | "dropped" | "done" = "under way";
  link.onDropped(() => {
    if (state !== "under way") return;
    state = "dropped";
    resetSoon(raw);
  });
  const [ended] = await Promise.allSettled([handshake(raw)]);
  if ((state as string) === "dropped") {
    if (ended.status === "fulfilled") ended.value.reset();
    throw refused("tls", link.subject, "ERR_CLOSED");
  }
  state = "done";
  if (ended.status === "rejected") throw ended.reason;
  return ended.value;
}

/** Resets a stream in the next turn. In the program's callbacks TLS is on the stack, and that would be a fault of memory in Node. */
function resetSoon(raw: Duplex): void {
  clock.setImmediate(() => resetBeneath(raw));
}

function handshakeOf({ subject }: Link, side: TlsSide, allowTruncation: boolean, host?: string): Handshake {
  if (!side.isServer) {
    identityOf(host, side.options, "; the server of the handshake gives isServer: true");
    const client = new TlsClient(side.options, host, subject, allowTruncation, side.given);
    return (raw, signal) => client.handshake(raw, signal);
  }
  const server = serverOf(side, subject, allowTruncation);
  return (raw, signal) => serverHandshake(server, raw, signal, subject);
}

/** Resolves to a transport over the secure stream. If this rejects, `raw` is reset, or closes by itself. */
function serverHandshake(
  server: TlsServer,
  raw: Duplex,
  signal: AbortSignal | undefined,
  subject: Subject,
): Promise<Transport> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      signal?.removeEventListener("abort", onAbort);
      raw.removeListener("close", onClose);
      raw.removeListener("end", onEnd);
    };
    const onAbort = (): void => {
      leave();
      resetSoon(raw);
      reject(signal?.reason as Error);
    };
    // The server may know more of why, and say so in this turn of the event loop.
    const onClose = (): void => {
      clock.setImmediate(() => ended({ failure: endedInHandshake() }));
    };
    // With the peer's end the stream ends its own side, and closes. Some never do: those that Duplex.from makes of a socket.
    const onEnd = (): void => {
      letArrive(clock, () => {
        if (isOver) return;
        resetSoon(raw);
        ended({ failure: endedInHandshake() });
      });
    };
    const ended = (how: Handshaken): void => {
      if (isOver) return;
      leave();
      if ("transport" in how) resolve(how.transport);
      else reject(tlsFailed(how.failure, subject));
    };
    raw.on("error", ignore);
    if (signal?.aborted === true) {
      onAbort();
      return;
    }
    signal?.addEventListener("abort", onAbort, { once: true });
    raw.on("close", onClose);
    raw.on("end", onEnd);
    server.handshake(raw, ended);
  });
}

interface KeptServer {
  readonly server: TlsServer;
  /** The options as they were when it was made. */
  readonly options: object;
}

const servers = new WeakMap<object, KeptServer>();

/** The server of an object of options: making one costs more than a handshake. */
function serverOf(
  { options, given }: TlsSide & { isServer: true },
  subject: Subject,
  allowTruncation: boolean,
): TlsServer {
  const kept = servers.get(given);
  const now = { ...options, allowTruncation };
  if (kept !== undefined && isSame(kept.options, now)) return kept.server;
  const server = new TlsServer(options, subject, allowTruncation);
  servers.set(given, { server, options: now });
  return server;
}

function ignore(): void {
  // The handshake fails with it.
}
