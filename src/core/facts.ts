import type { Addresses } from "../address/addresses.js";
import { translated } from "../errors.js";
import { withoutUndefined, type Shown } from "../inspection.js";
import { isDecided, type Failure } from "./life.js";
import type { Link } from "./link.js";

/**
 * Where a connection stands. `"half-closed here"`: our FIN is sent or queued, after `closeWrite()`. `"closed for reading"`:
 * after `closeRead()`. `"closing"`: both sides have ended or are about to, and the socket is not closed yet. `"failed"`: it
 * cannot be written any more; what the peer had sent before can still be read.
 */
export type ConnectionState =
  | "open"
  | "half-closed by the peer"
  | "half-closed here"
  | "closed for reading"
  | "closing"
  | "closed"
  | "reset"
  | "failed"
  | "detached";

/** What a connection says of itself: {@link Connection.toJSON}. */
export interface ConnectionFacts {
  /** Where its two ends are, as `toString()` returns it. */
  readonly name: string;
  /** Our own address; left out for a Unix socket. */
  readonly localAddress?: string;
  /** Our own port; left out for a Unix socket. */
  readonly localPort?: number;
  /** The peer's address; left out for a Unix socket. */
  readonly remoteAddress?: string;
  /** The peer's port; left out for a Unix socket. */
  readonly remotePort?: number;
  /** Where it stands. */
  readonly state: ConnectionState;
  /** The code of its failure. */
  readonly code?: string;
  /** What the TLS handshake has agreed on, without certificates; left out without TLS. */
  readonly tls?: {
    /** The version: `"TLSv1.3"`. */
    readonly protocol: string;
    /** The name that the client has asked for, if it has. */
    readonly servername?: string;
    /** The protocol that was agreed on, if one was: `"h2"`. */
    readonly alpnProtocol?: string;
  };
  /** Bytes that have arrived, read or not. */
  readonly bytesRead: number;
  /** Bytes that the kernel, or the stream beneath, has taken. */
  readonly bytesWritten: number;
  /** Bytes that have arrived and are unread. */
  readonly readableLength: number;
  /** Bytes that were written and are unsent. */
  readonly writableLength: number;
}

type ShownTls = NonNullable<ConnectionFacts["tls"]>;
interface AgreedTls {
  readonly protocol: string;
  readonly servername: string | undefined;
  readonly alpnProtocol: string | undefined;
}

/** @internal `"127.0.0.1:5000 -> 127.0.0.1:80"`; the path of a Unix socket; what was adopted. */
export function nameOf({ subject }: Link, addresses: Addresses): string {
  // The addresses of a socket that was adopted while it connected are known later than its subject.
  return addresses.remotePort === undefined ? subject.text : addresses.text;
}

/** @internal */
export function factsOf(link: Link, addresses: Addresses, tls: AgreedTls | undefined): ConnectionFacts {
  const { localAddress, localPort, remoteAddress, remotePort } = addresses;
  return withoutUndefined<ConnectionFacts>({
    name: nameOf(link, addresses),
    localAddress,
    localPort,
    remoteAddress,
    remotePort,
    state: stateOf(link),
    code: codeOf(link),
    tls: tls === undefined ? undefined : shownTls(tls),
    bytesRead: link.input.received,
    bytesWritten: link.transport.bytesTaken,
    readableLength: link.input.readable,
    writableLength: link.output.length,
  });
}

interface Counted extends Pick<
  ConnectionFacts,
  "bytesRead" | "bytesWritten" | "readableLength" | "writableLength"
> {
  readonly state: string;
  readonly code?: string | undefined;
  readonly tls?: ShownTls | undefined;
}

function shownTls({ protocol, servername, alpnProtocol }: AgreedTls): ShownTls {
  return withoutUndefined<ShownTls>({ protocol, servername, alpnProtocol });
}

/** @internal The facts that one line shows beside the name; counts of unread and unsent bytes only if there are such bytes. */
export function shownOf({ state, code, tls, ...counts }: Counted): Shown {
  const { bytesRead, bytesWritten, readableLength, writableLength } = counts;
  return {
    state,
    code,
    tls: tls?.protocol,
    servername: tls?.servername,
    alpnProtocol: tls?.alpnProtocol,
    bytesRead,
    bytesWritten,
    readableLength: readableLength === 0 ? undefined : readableLength,
    writableLength: writableLength === 0 ? undefined : writableLength,
  };
}

function stateOf({ life, input, output }: Link): ConnectionState {
  if (life.kind === "over") return life.outcome.end;
  if (life.kind === "destroyed") return life.outcome.end === "closed" ? "closing" : life.outcome.end;
  if (output.failure !== null) return "failed";
  if (life.kind !== "open") return "closing";
  const hasEnded = output.ending || output.ended;
  if (hasEnded) return input.peerEnded || input.isShut ? "closing" : "half-closed here";
  if (input.peerEnded) return "half-closed by the peer";
  return input.isShut ? "closed for reading" : "open";
}

function codeOf({ life, output, subject }: Link): string | undefined {
  const failure: Pick<Failure, "cause"> | null = isDecided(life) ? life.outcome.failure : output.failure;
  return failure === null ? undefined : translated("read", subject, failure.cause).code;
}
