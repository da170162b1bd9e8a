import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { clock } from "../../timing/clock.js";
import { Interception } from "../interception.js";
import { wasReset } from "../node-internals.js";
import { faultOfEnd } from "../stream-kinds.js";
import { connectionReset, EVENTS, type HandedSocket } from "../stream-socket.js";
import { hasEndedCleanly, streamBeneath } from "../tls-internals.js";
import type { Sink } from "../transport.js";

/** Makes a TLS socket hand over what it decrypts, and tell whether the end of it was the peer's. */
export class TlsInterception extends Interception {
  readonly #socket: TLSSocket & HandedSocket;
  readonly #allowTruncation: boolean;

  constructor(socket: TLSSocket, allowTruncation: boolean) {
    super(socket);
    this.#socket = socket;
    this.#allowTruncation = allowTruncation;
  }

  protected override received(sink: Sink, chunk: unknown): boolean {
    if (chunk !== null) return super.received(sink, chunk);
    const socket = this.#socket;
    if (socket.destroyed) return false;
    const fault = this.#faultOfEnd();
    if (fault === null) socket[EVENTS]?.peerEnded();
    else socket[EVENTS]?.failed(fault);
    return false;
  }

  /**
   * When the stream beneath was destroyed first, the TLS socket follows in a turn of its own: both in one turn, within an
   * event of the handshake, are a fault of memory in Node (nodejs/node #44563).
   */
  protected override destroy(destroy: Socket["destroy"], error: Error | undefined): void {
    if (streamBeneath(this.#socket)?.destroyed !== true) super.destroy(destroy, error);
    else clock.setImmediate(() => super.destroy(destroy, error));
  }

  /** What an end that has arrived just now stands for; `null` if the peer has ended its side properly. */
  #faultOfEnd(): Error | null {
    const socket = this.#socket;
    const fault = faultOfEnd(socket);
    if (fault !== null || hasEndedCleanly(socket)) return fault;
    if (wasReset(socket)) return connectionReset();
    return this.#allowTruncation ? null : truncated();
  }
}

function truncated(): Error {
  const message =
    "the peer ended the connection without TLS's close_notify: what it sent may have been cut off";
  return Object.assign(new Error(message), { code: "ERR_TLS_TRUNCATED" });
}
