/** Differences between the kinds of streams that can be adopted. */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { isKernelSocket, oldEncodingOf, wasReset } from "./node-internals.js";

/** Properties that only some kinds of streams have. */
interface KindOfStream {
  /** Of Node's streams, and those of `readable-stream` from release 4 on. */
  readonly readableEnded?: boolean;
  readonly readableFlowing?: boolean | null;
  readonly writableEnded?: boolean;
  readonly readableEncoding?: BufferEncoding | null;
  /** Of a TLS socket: the handshake is not done. It stays `true` for a server's socket that no `tls.Server` has made. */
  readonly secureConnecting?: boolean;
  /** Of a TLS socket: the last message of the peer's handshake. */
  getPeerFinished?(): Buffer | undefined;
  /** Of an HTTP/2 stream: the code of its reset; 0 if it was not reset, or without a reason. */
  readonly rstCode?: number;
}

/** Whether `'end'` was emitted. */
export function hasEnded(stream: Duplex): boolean {
  return (stream as KindOfStream).readableEnded ?? !stream.readable;
}

/** Whether the stream is known not to flow: it was paused, or has no reader yet. */
export function isResting(stream: Duplex): boolean {
  const { readableFlowing } = stream as KindOfStream;
  return readableFlowing !== undefined && readableFlowing !== true;
}

/** Whether `end()` was called. */
export function wasEnded(stream: Duplex): boolean {
  return (stream as KindOfStream).writableEnded ?? !stream.writable;
}

/** The encoding of the text that a stream yields. */
export function encodingOf(stream: Duplex): BufferEncoding | null {
  return (stream as KindOfStream).readableEncoding ?? oldEncodingOf(stream);
}

/** Whether the stream is closed in both directions without being destroyed: HTTP/2 does that. */
export function isOver(stream: Duplex): boolean {
  return stream.closed && !stream.destroyed;
}

/** Whether a stream is a TLS socket whose handshake is not done. */
export function isHandshaking(stream: Duplex & KindOfStream): boolean {
  return stream.secureConnecting === true && stream.getPeerFinished?.() === undefined;
}

/** The error that an end which has arrived just now stands for; `null` if the peer has ended its side properly. */
export function faultOfEnd(stream: Duplex & KindOfStream): Error | null {
  if (isKernelSocket(stream) && wasReset(stream)) return resetError("read ECONNRESET");
  if (stream.destroyed || !isHandshaking(stream)) return null;
  // Node's own check for this runs at `'end'`, which is withheld.
  return resetError("the peer ended the stream before the TLS handshake was done");
}

/** The error that a `'close'` stands for, of a stream that emits no `'error'` for it; `null` if nothing failed. */
export function faultOfClose(stream: Duplex & KindOfStream): Error | null {
  return stream.rstCode ? resetError(`the HTTP/2 stream was reset, code ${String(stream.rstCode)}`) : null;
}

function resetError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}
