import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { takenFrom } from "./node-internals.js";
import { SharedMethods, type Loan, type OwnOf } from "./shared-methods.js";
import { EVENTS, received, handOverToStream, SINK, TAKEN, type HandedSocket } from "./stream-socket.js";

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as Node's own types have it
type Listener = (...args: any[]) => void;

/** Methods of reading, and those that the connection hears of, also while the program reads the socket as a stream. */
export type Handing = Pick<Duplex, "push" | "read" | "resume" | "on" | "addListener"> &
  Pick<Socket, "destroy" | "ref" | "unref">;

/**
 * The methods by which a socket of the program's, or of Node's server, hands over what arrives, as a `StreamSocket` does. They
 * pass their calls on while it has no connection: a program may have wrapped them.
 */
export function handing(ownOf: OwnOf<Handing>): Handing {
  const methods = {
    push(this: HandedSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
      const sink = this[SINK];
      if (sink === undefined) return ownOf(this).push.call(this, chunk, encoding);
      return received(this, sink, chunk);
    },
    read(this: HandedSocket, size?: number): unknown {
      if (this[SINK] !== undefined) {
        // Node calls read(0) itself to start reading, also after the end of the stream.
        if (size === 0) return null;
        handOverToStream(this);
      }
      return ownOf(this).read.call(this, size) as unknown;
    },
    resume(this: HandedSocket) {
      handOverToStream(this);
      return ownOf(this).resume.call(this);
    },
    on(this: HandedSocket, event: string, listener: Listener) {
      if (event === "data" || event === "readable") handOverToStream(this);
      return ownOf(this).on.call(this, event, listener);
    },
    addListener(this: HandedSocket, event: string, listener: Listener) {
      if (event === "data" || event === "readable") handOverToStream(this);
      return ownOf(this).addListener.call(this, event, listener);
    },
    destroy(this: HandedSocket, error?: Error) {
      if (!this.destroyed && this[EVENTS] !== undefined) this[TAKEN] = takenFrom(this);
      return ownOf(this).destroy.call(this, error);
    },
    ref(this: HandedSocket) {
      this[EVENTS]?.refer(true);
      return ownOf(this).ref.call(this);
    },
    unref(this: HandedSocket) {
      this[EVENTS]?.refer(false);
      return ownOf(this).unref.call(this);
    },
  };
  return methods;
}

/** What was put on a socket by {@link HANDING}. */
export type HandingLoan = Loan<Handing>;

export const HANDING = new SharedMethods(handing);
