import { clock } from "../../timing/clock.js";
import { handing, type Handing } from "../interception.js";
import { wasReset } from "../node-internals.js";
import { faultOfEnd } from "../stream-kinds.js";
import { SharedMethods } from "../shared-methods.js";
import { EVENTS, SINK, type HandedSocket } from "../stream-socket.js";
import { systemError } from "../system-error.js";
import {
  hasEndedCleanly,
  queueing,
  streamBeneath,
  WRITES,
  type Queueing,
  type QueueingSocket,
} from "../tls-internals.js";

/** Whether an end without close_notify is one. */
export const MAY_BE_CUT = Symbol("tcp6.may-be-cut");

/** A TLS socket with the methods of {@link TLS_HANDING}. */
export type HandedTlsSocket = QueueingSocket & HandedSocket & { [MAY_BE_CUT]?: boolean };

/** The methods that a TLS socket is given. */
export type TlsHanding = Handing & Queueing;

/** Makes a TLS socket hand over what it decrypts, and tell whether the end of it was the peer's. */
export const TLS_HANDING = new SharedMethods<TlsHanding>((ownOf) => {
  const { push, destroy, ...others } = handing(ownOf);
  const methods = {
    ...others,
    push(this: HandedTlsSocket, chunk: unknown, encoding?: BufferEncoding): boolean {
      if (chunk !== null || this[SINK] === undefined) return push.call(this, chunk, encoding);
      if (this.destroyed) return false;
      const fault = faultIn(this);
      if (fault === null) this[EVENTS]?.peerEnded();
      else this[EVENTS]?.failed(fault);
      return false;
    },
    /**
     * When the stream beneath was destroyed first, the TLS socket follows in a turn of its own: both in one turn, within an
     * event of the handshake, are a fault of memory in Node (nodejs/node #44563).
     */
    destroy(this: HandedTlsSocket, error?: Error): HandedTlsSocket {
      const act = (): void => {
        destroy.call(this, error);
        this[WRITES]?.destroyed();
      };
      if (streamBeneath(this)?.destroyed === true) clock.setImmediate(act);
      else act();
      return this;
    },
    ...queueing(ownOf),
  };
  return methods;
});

/** What an end that has arrived just now stands for; `null` if the peer has ended its side properly. */
function faultIn(socket: HandedTlsSocket): Error | null {
  const fault = faultOfEnd(socket);
  if (fault !== null || hasEndedCleanly(socket)) return fault;
  if (wasReset(socket)) return systemError("ECONNRESET", "read");
  return socket[MAY_BE_CUT] === true ? null : truncated();
}

function truncated(): Error {
  const message =
    "the peer ended the connection without TLS's close_notify: what it sent may have been cut off";
  return Object.assign(new Error(message), { code: "ERR_TLS_TRUNCATED" });
}
