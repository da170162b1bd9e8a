/** What has to be known of the kinds of streams that can be adopted, where they differ from each other. */
import type { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { oldEncodingOf } from "./node-internals.js";

/** What only some streams have. */
interface KindOfStream {
  /** Of Node's streams, and those of `readable-stream` from release 4 on. */
  readonly readableEnded?: boolean;
  readonly writableEnded?: boolean;
  readonly readableEncoding?: BufferEncoding | null;
  /** Of a TLS socket: its handshake is not done, or it is a server's that no `tls.Server` has made. */
  readonly secureConnecting?: boolean;
  /** Of a TLS socket: the last message of the peer's handshake. */
  getPeerFinished?(): Buffer | undefined;
  /** Of a stream of HTTP/2: why it was reset, if it was; 0 if it was not, or without a reason. */
  readonly rstCode?: number;
}

/** Whether those who read the stream were told that it has ended. */
export function hasEnded(stream: Duplex): boolean {
  return (stream as KindOfStream).readableEnded ?? !stream.readable;
}

/** Whether `end()` was called. */
export function wasEnded(stream: Duplex): boolean {
  return (stream as KindOfStream).writableEnded ?? !stream.writable;
}

/** The encoding of the text that a stream yields. */
export function encodingOf(stream: Duplex): BufferEncoding | null {
  return (stream as KindOfStream).readableEncoding ?? oldEncodingOf(stream);
}

/** Whether the peer neither takes nor sends anything more although the stream is not destroyed, as HTTP/2 has it. */
export function isOver(stream: Duplex): boolean {
  return stream.closed && !stream.destroyed;
}

/** What is wrong with an end that has come just now, if it is none of what the peer had to say. */
export function faultOfEnd(stream: Duplex & KindOfStream): Error | null {
  if (stream.secureConnecting !== true || stream.destroyed) return null;
  if (stream.getPeerFinished?.() !== undefined) return null;
  // As Node's `tls.connect` has it, which does not see the end that is withheld.
  return resetError("the peer ended the stream before the TLS handshake was done");
}

/** What is wrong with the close of a stream that says nothing of it otherwise. */
export function faultOfClose(stream: Duplex & KindOfStream): Error | null {
  return stream.rstCode ? resetError(`the HTTP/2 stream was reset, code ${String(stream.rstCode)}`) : null;
}

function resetError(message: string): Error {
  return Object.assign(new Error(message), { code: "ECONNRESET" });
}
