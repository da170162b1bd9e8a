/** TLS on a connection that is there: STARTTLS, TLS behind a PROXY header or a CONNECT, TLS in TLS. */
import type { Duplex } from "node:stream";
import type { ConnectionOptions, TlsOptions } from "node:tls";
import type { Link } from "../core/link.js";
import { bounded } from "../core/timing/bounded.js";
import { resetBeneath } from "../core/transport/tls/beneath.js";
import type { Transport } from "../core/transport/transport.js";
import { refused } from "../errors.js";
import type { OperationOptions } from "../options/operation.js";
import { TlsClient } from "./client.js";
import { isSame } from "./contexts.js";
import { tlsFailed } from "./failures.js";
import { identityOf } from "./identity.js";
import { TlsServer, type Handshaken } from "./server.js";

/** Which end of the handshake we are, and with which options. */
export type TlsSide =
  | { readonly isServer: false; readonly options: ConnectionOptions; readonly given: object }
  | { readonly isServer: true; readonly options: TlsOptions; readonly given: object };

/** The first byte of a handshake (RFC 8446, section 5.1). */
const HANDSHAKE = 0x16;

const TAKEN_OVER = "startTls has taken over the connection";

type Handshake = (raw: Duplex, signal: AbortSignal | undefined) => Promise<Transport>;

/**
 * Sends what was written, takes the stream of a connection and does a handshake over it. Resolves to the secure transport.
 * Once the call has begun, the connection takes no more writes; when its stream is taken its reads reject, too.
 */
export async function startTls(
  link: Link,
  side: TlsSide,
  operation: OperationOptions,
  allowTruncation = link.settings.inherited?.allowTruncation ?? false,
): Promise<Transport> {
  const { subject } = link;
  if (!link.live || link.output.ending || link.output.ended) throw refused("tls", subject, "ERR_CLOSED");
  if (link.input.isBusy()) throw refused("tls", subject, "ERR_BUSY");
  const handshake = handshakeOf(link, side, allowTruncation);
  refusePlaintext(link, side.isServer);
  const { timeout = link.settings.readTimeout, signal } = operation;
  const work = async (stop: AbortSignal | undefined): Promise<Transport> => {
    const giveUp = (): void => link.reset();
    stop?.addEventListener("abort", giveUp, { once: true });
    try {
      await sendAll(link);
      refusePlaintext(link, side.isServer);
      if (link.input.isBusy()) throw refused("tls", subject, "ERR_BUSY");
    } catch (error) {
      link.reset();
      throw error;
    } finally {
      stop?.removeEventListener("abort", giveUp);
    }
    return await handshake(link.detach(true, TAKEN_OVER), stop);
  };
  return await bounded("tls", subject, { timeout, signal }, work, (late) => late.reset());
}

/** Resolves when all is sent that was written; no more can be written then. */
async function sendAll({ output }: Link): Promise<void> {
  // Then the end of the output is no end of the stream.
  output.abandoned = true;
  await output.end({ timeout: Infinity });
}

/**
 * Refuses what has arrived in the clear: it would be taken for a part of what is secure (STARTTLS injection, CVE-2011-0411).
 * Only a server may have got the first message of the client's handshake already.
 */
function refusePlaintext(link: Link, isServer: boolean): void {
  if (link.input.readable === 0) return;
  const unread = link.input.drain();
  link.input.putBack(unread);
  if (isServer && unread[0]?.[0] === HANDSHAKE) return;
  link.reset();
  const reason = "bytes have arrived in the clear, before the handshake";
  throw refused("tls", link.subject, "ERR_TLS_PLAINTEXT", reason);
}

function handshakeOf(link: Link, side: TlsSide, allowTruncation: boolean): Handshake {
  const { subject, settings } = link;
  if (!side.isServer) {
    identityOf(settings.inherited?.host, side.options, "; the server of the handshake gives isServer: true");
    const client = new TlsClient(
      side.options,
      settings.inherited?.host,
      subject,
      allowTruncation,
      side.given,
    );
    return (raw, signal) => client.handshake(raw, signal);
  }
  const server = serverOf(side, link, allowTruncation);
  return (raw, signal) =>
    new Promise((resolve, reject) => {
      const failed = (cause: unknown): void => {
        leave();
        reject(tlsFailed(cause, subject));
      };
      const onAbort = (): void => {
        leave();
        resetBeneath(raw);
        reject(signal?.reason as Error);
      };
      const onClose = (): void => failed(endedInHandshake());
      const leave = (): void => {
        signal?.removeEventListener("abort", onAbort);
        raw.removeListener("close", onClose);
      };
      const ended = (how: Handshaken): void => {
        leave();
        if ("transport" in how) resolve(how.transport);
        else reject(tlsFailed(how.failure, subject));
      };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener("abort", onAbort, { once: true });
      raw.on("error", ignore).on("close", onClose);
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
  { subject }: Link,
  allowTruncation: boolean,
): TlsServer {
  const kept = servers.get(given);
  const now = { ...options, allowTruncation };
  if (kept !== undefined && isSame(kept.options, now)) return kept.server;
  const server = new TlsServer(options, subject, allowTruncation);
  servers.set(given, { server, options: now });
  return server;
}

function endedInHandshake(): Error {
  return Object.assign(new Error("the peer ended the connection in the handshake"), { code: "ECONNRESET" });
}

function ignore(): void {
  // The handshake fails with it.
}
