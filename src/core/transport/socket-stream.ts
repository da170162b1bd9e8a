import type { Socket } from "node:net";
import { StreamTransport } from "./duplex.js";
import { descriptorOf, isUnreferred } from "./node-internals.js";
import { resetSocket } from "./reset-socket.js";

/** A transport over a socket of the kernel's by what any Duplex shows, where nothing else of it can be used. */
export class SocketStreamTransport extends StreamTransport {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super(socket);
    this.#socket = socket;
  }

  override get descriptor(): number | undefined {
    return descriptorOf(this.#socket);
  }

  override get holdsProcess(): boolean {
    return true;
  }

  override get unreferred(): boolean {
    return isUnreferred(this.#socket);
  }

  protected override get endsAtOnce(): boolean {
    return true;
  }

  protected override resetStream(): void {
    resetSocket(this.#socket);
  }
}
