/** The connections of a simulated host: what `core/transport/kernel.ts` is to the kernel's sockets. */
import { AsyncResource } from "node:async_hooks";
import { memoryChanged } from "../../core/bytes/given-bytes.js";
import type { Payload } from "../../core/bytes/payload.js";
import { Rest } from "../../core/bytes/rest.js";
import { Link } from "../../core/link.js";
import { refill } from "../../core/timing/budget.js";
import type { Clock } from "../../core/timing/clock.js";
import { failed, type Outcome, type Taken } from "../../core/transport/outcome.js";
import { systemError } from "../../core/transport/system-error.js";
import type { HandOver, Sink, TransportEvents } from "../../core/transport/transport.js";
import type { Endpoint, EndpointUser, FailureCode } from "./endpoint.js";
import type { Waiting } from "./kernel.js";
import { textOf, type End } from "./packet.js";
import type { SimulatedProcess } from "./process.js";
import { SimulatedSocket, type Beneath } from "./simulated-socket.js";

/** The sending half. */
type Output =
  | { readonly kind: "open" }
  /** There is no room for the rest of a payload. */
  | { readonly kind: "sending"; readonly rest: Rest; readonly taken: Taken }
  | { readonly kind: "ended"; readonly done: Taken | null }
  /** The connection has failed: what is sent fails. The next turn tells the call that was waiting then. */
  | { readonly kind: "broken"; readonly waiting: Taken | null };

const OPEN: Output = { kind: "open" };
const ENDED: Output = { kind: "ended", done: null };

/** How often bytes that have arrived are given in two pieces, or wait for more. */
const CHANCE_OF_SPLIT = 0.2;
const CHANCE_OF_MERGE = 0.2;
const MERGE_MS = 2;

/** Between two questions of a keep-alive, and how many of them Node has the kernel ask, if it is told a delay alone. */
const NODE_INTERVAL_MS = 1_000;
const NODE_COUNT = 10;

export class SimulatedTransport implements Beneath, EndpointUser, Waiting {
  /** The socket that it was handed over as. */
  stream: SimulatedSocket | null = null;
  readonly descriptor = undefined;
  readonly connecting = false;
  readonly spent = false;
  readonly holdsProcess = false;
  readonly unreferred = false;
  readonly callsBackAtOnce = true;
  destroyed = false;
  bytesTaken = 0;
  bytesRead = 0;
  bytesDispatched = 0;
  onActivity: Beneath["onActivity"] = ignore;
  readonly #endpoint: Endpoint;
  readonly #process: SimulatedProcess;
  readonly #scope = new AsyncResource("tcp6.simulated");
  readonly #forget: () => void;
  #sink: Sink | null = null;
  #events: TransportEvents | null = null;
  #reads = false;
  #output: Output = OPEN;
  #hasReportedEnd = false;
  #failure: FailureCode | null = null;
  #hasReportedFailure = false;
  #isScheduled = false;
  #peer: End | undefined;
  #onClosed: (() => void) | null = null;

  constructor(endpoint: Endpoint, process: SimulatedProcess) {
    this.#endpoint = endpoint;
    this.#process = process;
    endpoint.user = this;
    // It may have failed before the program was told of it.
    this.#failure = endpoint.failure;
    if (endpoint.failure !== null) this.#output = { kind: "broken", waiting: null };
    const { transports } = endpoint.host;
    transports.add(this);
    const forgetProcess = process.whenGone(() => this.#events?.refer(false));
    this.#forget = () => {
      transports.delete(this);
      forgetProcess();
    };
  }

  get unsent(): number {
    return this.#output.kind === "sending" ? this.#output.rest.size : 0;
  }

  get drained(): boolean {
    return this.unsent === 0;
  }

  get local(): End | undefined {
    return this.destroyed ? undefined : this.#endpoint.local;
  }

  get peer(): End | undefined {
    if (!this.destroyed && this.#endpoint.hasPeer) this.#peer = this.#endpoint.remote;
    return this.#peer;
  }

  get clock(): Clock {
    return this.#process.clock;
  }

  get waits(): readonly string[] {
    const events = this.#events;
    if (this.destroyed) return [];
    const peer = textOf(this.#endpoint.remote);
    const [reads, writes] =
      events instanceof Link
        ? [events.input.waits, events.output.waits]
        : [this.stream?.isRead === true, (this.stream?.writableLength ?? 0) > 0];
    return [...(reads ? [`reads from ${peer}`] : []), ...(writes ? [`writes to ${peer}`] : [])];
  }

  attach(sink: Sink, events: TransportEvents): void {
    this.#sink = sink;
    this.#events = events;
  }

  startReading(): void {
    if (this.destroyed) return;
    this.#reads = true;
    const { bytes, ended } = this.#endpoint.receiver;
    if (bytes.length > 0 || ended || this.#failure !== null) this.#schedule();
  }

  stopReading(): void {
    this.#reads = false;
  }

  send(payload: Payload, taken: Taken): Outcome {
    if (this.destroyed) return "pending";
    const rest = new Rest(payload);
    const { size } = rest;
    this.bytesDispatched += size;
    if (this.#output.kind === "broken") return failed(systemError("EPIPE", "write"));
    const error = this.#sendOn(rest);
    if (error !== undefined) return failed(error);
    this.onActivity(rest.size === 0 ? 0 : size);
    if (rest.size === 0) return "taken";
    this.#output = { kind: "sending", rest, taken };
    return "pending";
  }

  refused(): void {
    // `bytesTaken` has never counted them.
  }

  end(done: Taken): Outcome {
    if (this.#output.kind !== "open") return "taken";
    this.#endpoint.end();
    this.#output = { kind: "ended", done };
    this.#schedule();
    return "pending";
  }

  destroy(): void {
    this.#close(() => this.#endpoint.close());
  }

  reset(): void {
    this.#close(() => this.#endpoint.reset());
  }

  release(handOver: HandOver): SimulatedSocket {
    const output = this.#output;
    const rest = output.kind === "sending" ? output.rest : null;
    // The socket sends the rest again.
    this.bytesDispatched -= rest?.size ?? 0;
    if (output.kind === "sending") this.#output = OPEN;
    if (output.kind === "ended") this.#output = ENDED;
    if (output.kind === "broken") this.#output = { kind: "broken", waiting: null };
    this.#reads = false;
    const stream = (this.stream = new SimulatedSocket(this, handOver.allowHalfOpen));
    const ending = handOver.ending || output.kind === "ended";
    stream.takeOver({ ...handOver, ending }, rest);
    return stream;
  }

  reclaim(closed: () => void): void {
    this.stream = null;
    this.#onClosed = closed;
  }

  setKeepAlive(on: boolean, delay: number, interval = NODE_INTERVAL_MS, count = NODE_COUNT): void {
    if (this.destroyed) return;
    // Node sets all three once it is told a delay, and none of them otherwise.
    const given = delay > 0 && interval > 0 && count > 0 ? { delay, interval, count } : {};
    this.#endpoint.setKeepAlive(on ? given : null);
  }

  discardInput(): void {
    // All bytes go to the sink.
  }

  whenConnected(): () => void {
    return () => undefined;
  }

  setNoDelay(): void {
    // Small writes are never held back.
  }

  ref(): void {
    // The simulation keeps the process alive.
  }

  unref(): void {
    // The simulation keeps the process alive.
  }

  // Called by the endpoint

  arrived(): void {
    const { random } = this.#endpoint;
    if (random.chance(CHANCE_OF_MERGE)) this.#endpoint.schedule(() => this.#schedule(), MERGE_MS);
    else this.#schedule();
  }

  progress(): void {
    if (this.#output.kind === "sending") this.#schedule();
  }

  failed(code: FailureCode): void {
    this.#failure = code;
    const output = this.#output;
    if (output.kind === "open") this.#output = { kind: "broken", waiting: null };
    if (output.kind === "sending") this.#output = { kind: "broken", waiting: output.taken };
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#process.soon(() => {
      this.#isScheduled = false;
      this.#scope.runInAsyncScope(() => this.#act());
    });
  }

  /** Does what is due: the only place that calls the sink, the events or a writer's callback. */
  #act(): void {
    refill();
    if (!this.destroyed) this.#deliver();
    if (!this.destroyed) this.#settle();
    if (!this.destroyed) return;
    const events = this.#events;
    this.#events = null;
    this.#forget();
    events?.streamClosed();
    this.#onClosed?.();
  }

  #deliver(): void {
    const { receiver, random } = this.#endpoint;
    const size = receiver.bytes.length;
    for (let left = size; left > 0 && this.#reads && !this.destroyed;) {
      const isSplit = left > 1 && random.chance(CHANCE_OF_SPLIT);
      const chunk = isSplit ? receiver.bytes.take(random.integer(1, left - 1)) : receiver.bytes.takeRun();
      left -= chunk.length;
      this.bytesRead += chunk.length;
      this.onActivity();
      if (this.#sink?.arrive(chunk, chunk.length, false) !== true) this.#reads = false;
    }
    if (this.destroyed) return;
    if (receiver.bytes.length < size) this.#endpoint.read();
    if (!this.#reads || receiver.bytes.length > 0) return;
    if (receiver.ended) {
      if (!this.#hasReportedEnd) {
        this.#hasReportedEnd = true;
        this.onActivity();
        this.#events?.peerEnded();
      }
    } else if (this.#failure !== null && !this.#hasReportedFailure) {
      this.#hasReportedFailure = true;
      this.#events?.failed(systemError(this.#failure, "read"));
    }
  }

  #settle(): void {
    const output = this.#output;
    if (output.kind === "sending") {
      const error = this.#sendOn(output.rest);
      if (error === undefined && output.rest.size > 0) return;
      this.#output = OPEN;
      this.onActivity(0);
      output.taken(error);
    } else if (output.kind === "ended" && output.done !== null) {
      this.#output = ENDED;
      output.done();
    } else if (output.kind === "broken" && output.waiting !== null) {
      this.#output = { kind: "broken", waiting: null };
      output.waiting(systemError(this.#failure ?? "ECONNRESET", "write"));
    }
  }

  /** Copies as much of a payload as the endpoint has room for. */
  #sendOn(rest: Rest): Error | undefined {
    while (rest.size > 0) {
      const { room } = this.#endpoint;
      if (room <= 0) return undefined;
      const chunk = rest.take(room);
      if (chunk === null) return memoryChanged();
      this.bytesTaken += chunk.length;
      this.#endpoint.send(chunk);
    }
    return undefined;
  }

  #close(close: () => void): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#reads = false;
    this.#output = ENDED;
    this.#sink = null;
    close();
    this.#schedule();
  }
}

function ignore(): void {
  // No socket has been made of it.
}
