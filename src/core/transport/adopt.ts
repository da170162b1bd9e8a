import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { wrongType, wrongValue } from "../../options/checks.js";
import { adoptSocket } from "./adopted-socket.js";
import { isKernelSocket, worksPastStreams } from "./node-internals.js";
import { EVENTS, readsElsewhere } from "./stream-socket.js";
import { rememberSettings } from "./socket-settings.js";
import { SocketStreamTransport } from "./socket-stream.js";
import { StreamTransport } from "./duplex.js";
import { secureTransport, type SecureOptions } from "./tls/secure-transport.js";
import type { Transport } from "./transport.js";

/** All that is used of a stream, by its type. What is left out can be done without, or follows from these. */
const USED: Readonly<Record<string, "boolean" | "function" | "number">> = {
  on: "function",
  once: "function",
  addListener: "function",
  removeListener: "function",
  push: "function",
  read: "function",
  unshift: "function",
  resume: "function",
  write: "function",
  end: "function",
  destroy: "function",
  readable: "boolean",
  readableLength: "number",
  writable: "boolean",
  writableLength: "number",
  allowHalfOpen: "boolean",
  destroyed: "boolean",
};

const DUPLEX = "a stream.Duplex (Duplex.from and Duplex.fromWeb make one of two streams)";

/** A transport over a stream that the program has made, and perhaps used. */
export function adopt(stream: Duplex, options: SecureOptions = { allowTruncation: false }): Transport {
  checkDuplex(stream);
  if ((stream as { [EVENTS]?: unknown })[EVENTS] !== undefined) {
    throw wrongValue("stream", "one that is not in use by another connection", stream);
  }
  if (stream instanceof Socket && readsElsewhere(stream)) {
    throw wrongValue(
      "stream",
      "one that can be read as a stream: its bytes go to the callback of onread",
      stream,
    );
  }
  rememberSettings(stream);
  if (isEncrypted(stream)) return secureTransport(stream, options);
  if (!isKernelSocket(stream)) return new StreamTransport(stream);
  return worksPastStreams() ? adoptSocket(stream) : new SocketStreamTransport(stream);
}

/** Whether a stream is a TLS socket, known without loading `node:tls`. */
function isEncrypted(stream: Duplex): stream is TLSSocket {
  return stream instanceof Socket && "encrypted" in stream;
}

/** Whether it behaves like a Duplex of Node's: those of the `readable-stream` package do from release 3 on. */
export function checkDuplex(value: unknown): asserts value is Duplex {
  if (typeof value !== "object" || value === null) throw wrongType("stream", DUPLEX, value);
  const stream = value as Record<string, unknown>;
  const lacking = Object.keys(USED).filter((name) => typeof stream[name] !== USED[name]);
  if (lacking.length === 0) return;
  // Of what is no stream at all it need not be said what it lacks to be one.
  const isStream = typeof stream["on"] === "function" && typeof stream["write"] === "function";
  const reason = `a stream.Duplex, or have what this uses of one: it lacks ${lacking.join(", ")}`;
  throw wrongType("stream", isStream ? reason : DUPLEX, value);
}
