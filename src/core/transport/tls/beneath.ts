/** The streams that TLS sockets are made on. */
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { clock } from "../../timing/clock.js";
import { BorrowedMethods } from "../borrowed-methods.js";
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
  for (let below = streamBeneath(stream); below !== undefined; below = streamBeneath(stream)) {
    closeBehindBeneath(stream);
    stream = below;
  }
  if (stream.destroyed) return;
  if (isKernelSocket(stream)) resetSocket(stream);
  else if (stream instanceof TransportStream) stream.reset();
  else stream.destroy();
}

/**
 * Has a TLS socket on which another one is made close in a turn of its own when the stream beneath it has closed. Node has it
 * close within the `'close'` of that, and the one above would then wait for a `'close'` that was emitted already. It does
 * nothing to other streams.
 */
export function closeBehindBeneath(raw: Duplex): void {
  const beneath = streamBeneath(raw);
  // A connection or a handshake that has taken the method does the same.
  if (beneath === undefined || Object.hasOwn(raw, "destroy")) return;
  const destroy = raw.destroy.bind(raw);
  raw.destroy = (error) => {
    if (beneath.destroyed) clock.setImmediate(() => destroy(error));
    else destroy(error);
    return raw;
  };
}

/**
 * Calls `taken` when TLS ends a stream of JavaScript beneath that has taken everything before the end. Some streams finish only
 * when their other side has read the end, which the other side does not if the close_notify was enough for it.
 */
export function onceEndTaken(raw: Duplex, taken: () => void): void {
  type End = (...args: unknown[]) => Duplex;
  const giveBack = (): void => methods.giveBack();
  const methods = new BorrowedMethods<{ end: End }, "end">(
    raw as { end: End },
    (own) => ({
      end: (...args) => {
        raw.off("close", giveBack);
        giveBack();
        const isTaken = raw.writableLength === 0;
        own.end.apply(raw, args);
        if (isTaken) nextTick(taken);
        return raw;
      },
    }),
    ["end"],
  );
  // TLS does not end a stream that closes before.
  raw.once("close", giveBack);
}
