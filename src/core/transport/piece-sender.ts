import { nextTick } from "node:process";
import { piecesOf } from "../bytes/pieces.js";
import { sizeOf, type Payload } from "../bytes/payload.js";
import { causeOfFailure, failed, type Outcome, type Taken } from "./outcome.js";

/** Sends one payload after the other, piece by piece: each piece when the one before was taken. */
export class PieceSender {
  /** Bytes that were taken, of all payloads. */
  taken: number;
  /** Bytes of the payload that were not given away yet. */
  ahead = 0;
  /** Bytes of the piece that was given away, and was not taken yet. */
  #given = 0;
  readonly #maxBytes: number;
  readonly #give: (piece: Payload, taken: Taken) => Outcome;
  /** The pieces that were not given away yet. */
  #left: Generator<Payload, void> | null = null;
  #settled: Taken | null = null;

  /** `give` gives a piece of at most `maxBytes` bytes away; `taken` bytes were taken before. */
  constructor(maxBytes: number, give: (piece: Payload, taken: Taken) => Outcome, taken = 0) {
    this.#maxBytes = maxBytes;
    this.#give = give;
    this.taken = taken;
  }

  /** Bytes of the payload that were not taken. */
  get unsent(): number {
    return this.ahead + this.#given;
  }

  /** Whether a piece was given away, and was not taken yet. */
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
    // What fails at once counts as not sent at all, and some of this was.
    const error = causeOfFailure() as Error;
    nextTick(() => this.#settle(error));
    return "pending";
  }

  /**
   * Takes out what was not given away, to be sent in another way. Of the piece that is waiting `taken` is told, in place of
   * the one who was to be told of the whole.
   */
  rest(taken: Taken | null = null): Iterable<Payload> {
    const left = this.#left ?? [];
    this.#left = null;
    this.#settled = taken;
    this.ahead = 0;
    return left;
  }

  /** Gives away piece after piece, for as long as they are taken at once. */
  #sendOn(): Outcome {
    for (;;) {
      let next: IteratorResult<Payload, void> | undefined;
      try {
        next = this.#left?.next();
      } catch (error) {
        return failed(error);
      }
      // What is left was taken out, perhaps inside of `give`: it runs the program where a stream does.
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

  /** A piece has failed: behind the gap nothing follows. */
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
