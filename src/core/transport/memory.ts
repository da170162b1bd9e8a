/**
 * Transports in memory: two ends that are connected with each other, with no network and no stream between them.
 *
 * They behave as the two sockets of a TCP connection on one machine do. Bytes arrive in a later turn of the event loop,
 * never within the call that sends them. Each direction holds a limited number of bytes; what is sent beyond that waits
 * until the peer reads. Closing an end sends FIN, or RST if bytes are unread there. An end that is closed answers bytes
 * with RST.
 */
import { AsyncResource } from "node:async_hooks";
import { ByteQueue } from "../bytes/byte-queue.js";
import { memoryChanged } from "../bytes/given-bytes.js";
import type { Payload } from "../bytes/payload.js";
import { Rest } from "../bytes/rest.js";
import { refill } from "../timing/budget.js";
import { clock } from "../timing/clock.js";
import { failed, type Outcome, type Taken } from "./outcome.js";
import { systemError } from "./system-error.js";
import { TransportStream } from "./transport-stream.js";
import type { HandOver, Sink, Transport, TransportEvents } from "./transport.js";

/** Most bytes that one direction holds, unless the pair is made with another capacity. */
export const CAPACITY_BYTES = 64 * 1024;

/** Most bytes that arrive in one piece: as many as are read from a socket at once. */
const MAX_CHUNK_BYTES = 64 * 1024;

/** What follows the bytes that are on their way to an end: more `bytes` perhaps, FIN, RST, or `nothing` after either. */
type Behind = "bytes" | "end" | "reset" | "nothing";

/** The sending half of an end. */
type Output =
  | { readonly kind: "open" }
  /** The peer's side has no room for the rest of a payload. */
  | { readonly kind: "sending"; readonly rest: Rest; readonly taken: Taken }
  /** FIN is sent in the next turn, or when the end is closed before. */
  | { readonly kind: "ending"; readonly done: Taken }
  | { readonly kind: "ended" }
  /** The peer has reset the connection: what is sent fails. The next turn tells the call that was waiting then. */
  | { readonly kind: "broken"; readonly waiting: Taken; readonly code: "ECONNRESET" | "EPIPE" }
  | { readonly kind: "broken"; readonly waiting: null };

/** What an end that was closed sends in the next turn: FIN or RST. */
type Farewell = "end" | "reset";

const OPEN: Output = { kind: "open" };
const ENDED: Output = { kind: "ended" };
const BROKEN: Output = { kind: "broken", waiting: null };

/** Makes both ends of a connection. Each direction holds up to `capacity` bytes that its reader has not taken. */
export function memoryTransports(capacity = CAPACITY_BYTES): [Transport, Transport] {
  return MemoryTransport.pair(capacity);
}

class MemoryTransport implements Transport {
  /** The stream that it was handed over as. */
  stream: TransportStream | null = null;
  readonly descriptor = undefined;
  readonly connecting = false;
  readonly spent = false;
  readonly holdsProcess = false;
  readonly unreferred = false;
  readonly callsBackAtOnce = true;
  destroyed = false;
  bytesTaken = 0;
  readonly #capacity: number;
  /** Runs the turns of this end in its own async scope; otherwise a reader would see the AsyncLocalStorage of the writer. */
  readonly #scope = new AsyncResource("tcp6.memory");
  #peer: MemoryTransport = this;
  #sink: Sink | null = null;
  #events: TransportEvents | null = null;
  /** Bytes on their way to this end. */
  readonly #incoming = new ByteQueue();
  #behind: Behind = "bytes";
  #reads = false;
  #output: Output = OPEN;
  #farewell: Farewell | null = null;
  /** A turn was asked for. */
  #isScheduled = false;

  private constructor(capacity: number) {
    this.#capacity = capacity;
  }

  static pair(capacity: number): [MemoryTransport, MemoryTransport] {
    const a = new MemoryTransport(capacity);
    const b = new MemoryTransport(capacity);
    a.#peer = b;
    b.#peer = a;
    return [a, b];
  }

  get unsent(): number {
    return this.#output.kind === "sending" ? this.#output.rest.size : 0;
  }

  get drained(): boolean {
    return this.unsent === 0;
  }

  attach(sink: Sink, events: TransportEvents): void {
    this.#sink = sink;
    this.#events = events;
  }

  startReading(): void {
    if (this.destroyed) return;
    this.#reads = true;
    if (this.#incoming.length > 0 || this.#behind === "end" || this.#behind === "reset") this.#schedule();
  }

  stopReading(): void {
    this.#reads = false;
  }

  send(payload: Payload, taken: Taken): Outcome {
    if (this.destroyed) return "pending";
    if (this.#output.kind === "broken") return failed(systemError("EPIPE", "write"));
    const rest = new Rest(payload);
    this.#sendOn(rest);
    if (rest.size === 0) return "taken";
    this.#output = { kind: "sending", rest, taken };
    return "pending";
  }

  refused(): void {
    // `bytesTaken` has never counted them.
  }

  end(done: Taken): Outcome {
    if (this.#output.kind !== "open") return "taken";
    this.#output = { kind: "ending", done };
    this.#schedule();
    return "pending";
  }

  destroy(): void {
    this.#close(this.#incoming.length > 0 ? "reset" : "end");
  }

  reset(): void {
    this.#close("reset");
  }

  release(handOver: HandOver): TransportStream {
    const output = this.#output;
    const rest = output.kind === "sending" ? output.rest : null;
    if (output.kind === "sending") this.#output = OPEN;
    if (output.kind === "ending") this.#sendEnd();
    if (output.kind === "broken") this.#output = BROKEN;
    this.#reads = false;
    const stream = (this.stream = new TransportStream(this, handOver.allowHalfOpen));
    const ending = handOver.ending || output.kind === "ending" || output.kind === "ended";
    stream.takeOver({ ...handOver, ending }, rest);
    return stream;
  }

  // There is no socket to set, and no stream to drain.

  discardInput(): void {
    // All bytes go to the sink.
  }

  whenConnected(): () => void {
    return ignore;
  }

  setNoDelay(): void {
    // Small writes are never held back.
  }

  setKeepAlive(): void {
    // A peer in memory cannot vanish without FIN or RST.
  }

  ref(): void {
    // It never keeps the process alive.
  }

  unref(): void {
    // It never keeps the process alive.
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    clock.setImmediate(runTurn, this);
  }

  /** Does what is due at this end: the only place that calls the sink, the events or a writer's callback. */
  takeTurn(): void {
    this.#isScheduled = false;
    this.#scope.runInAsyncScope(this.#act, this);
  }

  #act(): void {
    refill();
    if (!this.destroyed) this.#deliver();
    if (!this.destroyed) this.#settle();
    if (this.destroyed) this.#sayFarewell();
  }

  /** Gives the sink the bytes that were here when the turn began, and then reports what came behind them. */
  #deliver(): void {
    const size = this.#incoming.length;
    for (let left = size; left > 0 && this.#reads;) {
      const chunk = this.#incoming.takeRun();
      left -= chunk.length;
      if (this.#sink?.arrive(chunk, chunk.length, false) !== true) this.#reads = false;
    }
    if (this.#incoming.length < size && this.#peer.#output.kind === "sending") this.#peer.#schedule();
    if (!this.#reads || this.#incoming.length > 0) return;
    const behind = this.#behind;
    if (behind === "bytes") return;
    this.#behind = "nothing";
    if (behind === "end") this.#events?.peerEnded();
    if (behind === "reset") this.#events?.failed(systemError("ECONNRESET", "read"));
  }

  /** Sends as much as there is room for by now, and calls back a writer whose payload or end is sent, or has failed. */
  #settle(): void {
    const output = this.#output;
    if (output.kind === "sending") {
      const error = this.#sendOn(output.rest);
      if (error === undefined && output.rest.size > 0) return;
      this.#output = OPEN;
      output.taken(error);
    } else if (output.kind === "ending") {
      this.#sendEnd();
      output.done();
    } else if (output.kind === "broken" && output.waiting !== null) {
      this.#output = BROKEN;
      output.waiting(systemError(output.code, "write"));
    }
  }

  #sendEnd(): void {
    this.#output = ENDED;
    this.#peer.#receiveEnd();
  }

  /** Copies as much of a payload to the peer as its side has room for. */
  #sendOn(rest: Rest): Error | undefined {
    const peer = this.#peer;
    while (rest.size > 0) {
      const room = Math.min(this.#capacity - peer.#incoming.length, MAX_CHUNK_BYTES);
      if (room <= 0) return undefined;
      const chunk = rest.take(room);
      if (chunk === null) return memoryChanged();
      this.bytesTaken += chunk.length;
      peer.#incoming.copy(chunk, chunk.length);
      if (peer.#reads || peer.destroyed) peer.#schedule();
    }
    return undefined;
  }

  #close(farewell: Farewell): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#reads = false;
    this.#incoming.clear();
    if (this.#output.kind === "ending") this.#sendEnd();
    this.#output = ENDED;
    this.#sink = null;
    this.#farewell = farewell;
    this.#schedule();
  }

  /** Sends FIN or RST for an end that was closed; bytes that have arrived there since are lost, and answered with RST. */
  #sayFarewell(): void {
    const events = this.#events;
    if (this.#farewell === "end") this.#peer.#receiveEnd();
    if (this.#farewell === "reset" || this.#incoming.length > 0) this.#peer.#receiveReset();
    this.#incoming.clear();
    this.#farewell = this.#events = null;
    events?.streamClosed();
  }

  #receiveEnd(): void {
    if (this.destroyed || this.#behind !== "bytes") return;
    this.#behind = "end";
    if (this.#reads) this.#schedule();
  }

  /**
   * As with sockets of the kernel's, a reader that was sent FIN before reads the end and not the reset; writes fail. Linux has
   * EPIPE then for the one that waits (tcp_reset).
   */
  #receiveReset(): void {
    if (this.destroyed) return;
    const code = this.#behind === "bytes" ? "ECONNRESET" : "EPIPE";
    if (this.#behind === "bytes") this.#behind = "reset";
    const output = this.#output;
    if (output.kind === "open") this.#output = BROKEN;
    if (output.kind === "sending") this.#output = { kind: "broken", waiting: output.taken, code };
    this.#schedule();
  }
}

function runTurn(end: MemoryTransport): void {
  end.takeTurn();
}

function ignore(): void {
  // There is nothing to cancel.
}
