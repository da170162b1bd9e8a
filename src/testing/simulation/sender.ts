import { Buffer } from "node:buffer";
import { ByteQueue } from "../../core/bytes/byte-queue.js";
import type { Part } from "./packet.js";
import type { FakeTimer } from "./fake-timers.js";
import type { Random } from "./random.js";

/** Most bytes that were sent, or are to be sent, and that the peer has not acknowledged. */
const SEND_BUFFER_BYTES = 128 * 1024;

/** Most bytes of one part: what Linux hands a network card at once. */
const MAX_PART_BYTES = 64 * 1024;

/** How often something is sent again, as Linux does it (tcp_retries2): the last wait ends after 924 s. */
const MAX_RETRIES = 15;
const MIN_RETRY_MS = 200;
const MAX_RETRY_MS = 120_000;

/** What a sender needs of the connection that it belongs to. */
export interface SenderHost {
  readonly random: Random;
  /** The longest way to the peer and back, in ms: as the link is now, and behind what is on its way. */
  readonly longestRoundTrip: number;
  transmit(number: number, part: Part): void;
  probe(): void;
  /** There is room for more bytes, or all that was sent has arrived. */
  progress(): void;
  /** The peer has not answered for as long as the kernel waits. */
  gaveUp(): void;
  schedule(callback: () => void, ms: number): FakeTimer;
  cancel(timer: FakeTimer | undefined): void;
}

/** Sends one direction of a connection: what is lost is sent again, until the peer has acknowledged it. */
export class Sender {
  readonly #host: SenderHost;
  readonly #unsent = new ByteQueue();
  /** What was sent and is not acknowledged. */
  #parts: Part[] = [];
  /** The number of the first of these. */
  #first = 0;
  #bytesUnderWay = 0;
  /** Bytes that the peer has room for, those under way among them. */
  #room = MAX_PART_BYTES;
  #end: "none" | "asked" | "sent" = "none";
  /** How often the same was sent, or a peer without room asked, since it has last answered. */
  #retries = 0;
  /** How often the wait for the peer was doubled. */
  #backoff = 0;
  #timer: FakeTimer | undefined;
  #isStopped = false;

  constructor(host: SenderHost) {
    this.#host = host;
  }

  /** How many bytes may be given to {@link write} now. */
  get room(): number {
    return Math.max(0, SEND_BUFFER_BYTES - this.#unsent.length - this.#bytesUnderWay);
  }

  /** Whether the peer has acknowledged everything, the end included. */
  get isDone(): boolean {
    return this.#end === "sent" && this.#parts.length === 0;
  }

  /** Whether the peer has acknowledged everything so far. */
  get isIdle(): boolean {
    return this.#parts.length === 0 && this.#unsent.length === 0;
  }

  /** Sends the last step of the handshake. */
  open(): void {
    this.#send({ kind: "open" });
  }

  write(bytes: Buffer): void {
    this.#unsent.copy(bytes, bytes.length);
    this.#pump();
  }

  end(): void {
    if (this.#end === "none") this.#end = "asked";
    this.#pump();
  }

  /** The peer has all parts below `next`, and room for `room` bytes. */
  acknowledged(next: number, room: number): void {
    if (this.#isStopped) return;
    const count = Math.min(next - this.#first, this.#parts.length);
    for (const part of this.#parts.splice(0, Math.max(0, count))) this.#bytesUnderWay -= lengthOf(part);
    if (count > 0) this.#first = next;
    this.#room = room;
    const hadRetried = this.#retries > 0;
    this.#retries = 0;
    // A peer that has no room is asked less and less often, although it answers.
    if (count > 0 || room > 0) this.#backoff = 0;
    this.#stopWaiting();
    // What came behind a part that was lost may have been lost as well.
    if (hadRetried) this.#parts.forEach((part, index) => this.#host.transmit(this.#first + index, part));
    this.#pump();
    if (count > 0) this.#host.progress();
  }

  /** Sends nothing any more. */
  stop(): void {
    this.#isStopped = true;
    this.#stopWaiting();
    this.#unsent.clear();
    this.#parts = [];
  }

  #pump(): void {
    if (this.#isStopped) return;
    while (this.#unsent.length > 0) {
      const most = Math.min(this.#unsent.length, this.#room - this.#bytesUnderWay, MAX_PART_BYTES);
      if (most <= 0) break;
      const { random } = this.#host;
      const size = random.chance(0.25) ? random.integer(1, most) : most;
      this.#send({ kind: "bytes", bytes: this.#unsent.take(size) });
    }
    if (this.#end === "asked" && this.#unsent.length === 0) {
      this.#end = "sent";
      this.#send({ kind: "end" });
    }
    this.#wait();
  }

  #send(part: Part): void {
    const number = this.#first + this.#parts.push(part) - 1;
    this.#bytesUnderWay += lengthOf(part);
    this.#host.transmit(number, part);
    this.#wait();
  }

  #wait(): void {
    const waits = this.#parts.length > 0 || this.#unsent.length > 0;
    if (!waits || this.#timer !== undefined || this.#isStopped) return;
    const least = MIN_RETRY_MS + this.#host.longestRoundTrip;
    this.#timer = this.#host.schedule(
      () => this.#retry(),
      Math.max(least, Math.min(least * 2 ** this.#backoff, MAX_RETRY_MS)),
    );
  }

  #stopWaiting(): void {
    this.#host.cancel(this.#timer);
    this.#timer = undefined;
  }

  #retry(): void {
    this.#timer = undefined;
    this.#backoff++;
    if (++this.#retries > MAX_RETRIES) {
      this.#host.gaveUp();
      return;
    }
    const [part] = this.#parts;
    if (part === undefined) this.#host.probe();
    else this.#host.transmit(this.#first, part);
    this.#wait();
  }
}

function lengthOf(part: Part): number {
  return part.kind === "bytes" ? part.bytes.length : 0;
}
