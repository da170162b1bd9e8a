import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { wrongType, wrongValue } from "../arguments.js";
import { adoptSocket, isKernelSocket } from "./socket-transport.js";
import { OWNER, readsElsewhere } from "./stream-socket.js";
import { StreamTransport } from "./stream-transport.js";
import type { Transport } from "./transport.js";

const METHODS = ["read", "push", "unshift", "write", "end", "on", "off", "destroy"] as const;

/** A transport over a stream that somebody else has made, and perhaps used. */
export function adopt(stream: Duplex): Transport {
  if (!isDuplex(stream)) throw wrongType("stream", "a stream.Duplex", stream);
  if ((stream as { [OWNER]?: unknown })[OWNER] !== undefined) {
    throw wrongValue("stream", "one that is not in use by another connection", stream);
  }
  if (stream instanceof Socket && readsElsewhere(stream)) {
    throw wrongValue(
      "stream",
      "one that can be read as a stream: its bytes go to the callback of onread",
      stream,
    );
  }
  return isKernelSocket(stream) ? adoptSocket(stream) : new StreamTransport(stream);
}

/** Anything that behaves like a Duplex of Node's, also one of the `readable-stream` package. */
function isDuplex(value: unknown): value is Duplex {
  if (typeof value !== "object" || value === null) return false;
  const methods = value as Record<string, unknown>;
  return METHODS.every((name) => typeof methods[name] === "function");
}
