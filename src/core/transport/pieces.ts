import { Buffer } from "node:buffer";
import { nextTick } from "node:process";
import { bytesOf, type Payload } from "../bytes/payload.js";
import { holdWrites, takenFrom, write } from "./node-internals.js";
import type { HandedSocket } from "./stream-socket.js";
import type { Taken } from "./transport.js";

/** Where handles do not tell what the kernel has taken of a payload, it is sent in pieces, whose callbacks do. */
const PIECE = 64 * 1024;

/** Sends payloads in pieces, and knows what of them was taken. */
export class Pieces {
  readonly #socket: HandedSocket;
  taken: number;
  unsent = 0;
  /** What is left of the payload, beginning with the piece that is being sent. */
  #bytes: Buffer = Buffer.alloc(0);
  #done: Taken = () => undefined;
  /** Told when the piece is taken that was being sent when the socket was handed over. */
  #next: Taken | null = null;

  constructor(socket: HandedSocket) {
    this.#socket = socket;
    this.taken = takenFrom(socket);
  }

  send(payload: Payload, done: Taken): void {
    const parts = typeof payload === "string" || payload instanceof Uint8Array ? [payload] : payload;
    const [only] = parts;
    this.#bytes =
      only !== undefined && parts.length === 1
        ? bytesOf(only)
        : Buffer.concat(parts.map((part) => bytesOf(part)));
    this.unsent = this.#bytes.length;
    this.#done = done;
    this.#sendOn(false);
  }

  /**
   * Tells the stream of the piece that is being sent, with a write of nothing that is done when the piece is taken: some
   * runtimes would otherwise begin the next write, or end, in the middle of it. What is left follows.
   */
  handOver(): void {
    if (this.unsent === 0) return;
    const socket = this.#socket;
    holdWrites(socket, (next) => (this.#next = next));
    const rest = this.#bytes.subarray(PIECE);
    // Its caller has been told, and may use its memory again.
    if (rest.length > 0) socket.write(Buffer.from(rest));
  }

  /** `late`: some of it was taken after `send` had returned, or at least before this. */
  #sendOn(late: boolean): void {
    while (this.unsent > 0) {
      const piece = this.#bytes.subarray(0, PIECE);
      let outcome: "none" | "taken" | "later" = "none";
      write(this.#socket, piece, (error) => {
        if (this.#next !== null) this.#next(error);
        // Something was sent of it: a payload that fails before `send` returns counts as not sent.
        else if (error) {
          if (late) nextTick(this.#done, error);
          else this.#done(error);
        } else {
          this.#took(piece.length);
          if (outcome === "later") this.#sendOn(true);
          else outcome = "taken";
        }
      });
      if ((outcome as string) !== "taken") {
        outcome = "later";
        return;
      }
      late = true;
    }
    this.#done();
  }

  #took(size: number): void {
    this.taken += size;
    this.unsent -= size;
    this.#bytes = this.#bytes.subarray(size);
  }
}
