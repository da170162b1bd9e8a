import { nextTick } from "node:process";
import { piecesOf } from "../bytes/pieces.js";
import { sizeOf, type Payload } from "../bytes/payload.js";
import { causeOfFailure, failed, type Outcome, type Taken } from "./outcome.js";

/**
 * Sends payloads piece by piece, each piece when the one before was taken. It serves sockets with payloads of more than
 * 128 MiB, sockets whose handles do not tell what the kernel has taken, and streams that are no sockets.
 */
export class PieceSender {
  /** Bytes of all payloads that were taken so far. */
  taken: number;
  /** Bytes of the payload that were not given to the stream yet. */
  ahead = 0;
  /** Bytes of the piece that the stream was given and has not taken. */
  #given = 0;
  readonly #maxBytes: number;
  readonly #give: (piece: Payload, taken: Taken) => Outcome;
  /** The pieces that the stream was not given yet; `null` when nothing is being sent. */
  #left: Generator<Payload, void> | null = null;
  #settled: Taken | null = null;

  /** `give` gives a piece of at most `maxBytes` bytes to the stream; `taken` bytes were taken before. */
  constructor(maxBytes: number, give: (piece: Payload, taken: Taken) => Outcome, taken = 0) {
    this.#maxBytes = maxBytes;
    this.#give = give;
    this.taken = taken;
  }

  /** Bytes of the payload that the stream has not taken. */
  get unsent(): number {
    return this.ahead + this.#given;
  }

  /** Whether the stream has a piece that it has not taken. */
  get isWaiting(): boolean {
    return this.#given > 0;
  }

  send(payload: Payload, taken: Taken): Outcome {
    const before = this.taken;
    this.#left = piecesOf(payload, this.#maxBytes);
    this.#settled = taken;
    this.ahead = sizeOf(payload);
    this.#given = 0;
    const outcome = this.#sendOn();
    if (outcome !== "failed" || this.taken === before) return outcome;
    // `"failed"` would mean that no byte was sent.
    const error = causeOfFailure() as Error;
    nextTick(() => this.#settle(error));
    return "pending";
  }

  /**
   * Takes out the pieces that the stream was not given, to be sent in another way. The callback of {@link send} is then
   * never called. `taken` is called once the stream has taken the piece that it was given.
   */
  rest(taken: Taken | null = null): Iterable<Payload> {
    const left = this.#left ?? [];
    this.#left = null;
    this.#settled = taken;
    this.ahead = 0;
    return left;
  }

  /** Gives piece after piece to the stream, for as long as it takes them at once. */
  #sendOn(): Outcome {
    for (;;) {
      let next: IteratorResult<Payload, void> | undefined;
      try {
        next = this.#left?.next();
      } catch (error) {
        return failed(error);
      }
      // Code of the program that a stream ran inside `give` has called `rest`.
      if (next === undefined) return "pending";
      if (next.done === true) return "taken";
      const size = sizeOf(next.value);
      this.ahead -= size;
      this.#given = size;
      const outcome = this.#give(next.value, this.#onTaken);
      if (outcome === "pending") return outcome;
      if (outcome === "failed") {
        this.#stop();
        return outcome;
      }
      this.#took();
    }
  }

  readonly #onTaken: Taken = (error) => {
    if (error) {
      this.#stop();
      this.#settle(error);
      return;
    }
    this.#took();
    const outcome = this.#left === null ? "taken" : this.#sendOn();
    if (outcome !== "pending") this.#settle(outcome === "failed" ? (causeOfFailure() as Error) : null);
  };

  #took(): void {
    this.taken += this.#given;
    this.#given = 0;
  }

  /** A piece has failed: no later piece may be sent behind the gap. */
  #stop(): void {
    this.#left = null;
    this.#given = 0;
  }

  #settle(error: Error | null): void {
    const settled = this.#settled;
    this.#settled = null;
    settled?.(error);
  }
}
