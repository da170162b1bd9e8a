/** The streams that TLS sockets are made on. */
import type { Duplex } from "node:stream";
import { isKernelSocket } from "../node-internals.js";
import { resetSocket } from "../reset-socket.js";
import { streamBeneath } from "../tls-internals.js";
import { TransportStream } from "../transport-stream.js";

/**
 * Resets the stream that a TLS socket was made on, down to the kernel's socket. The TLS socket closes when that has closed.
 * The other way round, or both in one turn, is a fault of memory in Node (nodejs/node #44563).
 */
export function resetBeneath(raw: Duplex): void {
  let stream = raw;
  for (let below = streamBeneath(stream); below !== undefined; below = streamBeneath(stream)) stream = below;
  if (stream.destroyed) return;
  if (isKernelSocket(stream)) resetSocket(stream);
  else if (stream instanceof TransportStream) stream.reset();
  else stream.destroy();
}
