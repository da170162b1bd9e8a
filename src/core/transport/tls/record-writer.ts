import type { Payload } from "../../bytes/payload.js";
import { clock } from "../../timing/clock.js";
import type { Taken } from "../outcome.js";
import { isHandshaking } from "../stream-kinds.js";
import type { Loan, OwnOf } from "../shared-methods.js";
import { systemError } from "../system-error.js";
import {
  hasClosedBeneath,
  hasTakenAll,
  isSendingBeneath,
  unsentRecordsOf,
  writePast,
  WRITES,
  type TlsWrites,
} from "../tls-internals.js";
import { TLS_HANDING, type HandedTlsSocket, type TlsHanding } from "./tls-interception.js";

/** After this number of turns the outcome of every write that is not under way beneath is known. */
const TURNS_TO_SETTLE = 3;
/** How often to look whether the stream beneath has taken records of TLS itself, when the peer takes nothing. */
const POLL_MS = 20;

/**
 * Gives writes to a TLS socket one by one: those of the connection past the socket's own queue, and those of the program that
 * come out of that queue. Node aborts if it gets a second write before the first has called back.
 */
export class RecordWriter implements TlsWrites {
  readonly #socket: HandedTlsSocket;
  /** What the socket has of ours, until nothing is under way. */
  readonly loan: Loan<TlsHanding>;
  /**
   * What is under way. `settling`: a write that the kernel has taken, and Node has not called back. `due`: the FIN was asked
   * for, and nothing has been done yet.
   */
  #busy: "no" | "writing" | "settling" | "due" | "ending" = "no";
  /** What comes next behind a write that settles. */
  #held: { readonly payload: Payload; readonly taken: Taken } | null = null;
  /** What the socket's own queue asks for meanwhile: it asks for one thing at a time. */
  #next: (() => void) | null = null;
  /** Called back when what is under way is done. */
  #done: Taken | null = null;
  /** Counts what was under way: the calls of the connection all have one callback. */
  #serial = 0;
  #isLeaving = false;

  private constructor(socket: HandedTlsSocket) {
    this.#socket = socket;
    this.loan = TLS_HANDING.lendTo(socket);
    socket[WRITES] = this;
  }

  get ownOf(): OwnOf<TlsHanding> {
    return this.loan.ownOf;
  }

  /** The writer of a socket: one that has not left it yet is used again. */
  static of(socket: HandedTlsSocket): RecordWriter {
    const left = socket[WRITES];
    if (!(left instanceof RecordWriter)) return new RecordWriter(socket);
    left.#isLeaving = false;
    return left;
  }

  /** Whether nothing may be written past the socket's queue. */
  get isBusy(): boolean {
    return this.#busy !== "no" && (this.#busy !== "settling" || this.#next !== null || this.#held !== null);
  }

  /** Whether a write has not called back, be it ours or one of the program's. */
  get isWriting(): boolean {
    return this.#busy === "writing" || this.#held !== null;
  }

  /** Whether the FIN is on its way. */
  get isEnding(): boolean {
    return this.#busy === "ending";
  }

  /** What the socket's queue gives. */
  write(give: (done: Taken) => void, done: Taken): void {
    this.#inTurn(() => this.#begin("writing", give, done));
  }

  /** The end that the socket's queue gives. */
  end(give: (done: Taken) => void, done: Taken): void {
    this.#inTurn(() => this.#end(give, done));
  }

  /**
   * Writes a payload; the writer must not be busy. Answers whether the kernel has taken all of it: `taken` is not called then.
   * Node says so a turn later, and takes no other write before.
   *
   * @param isSmall - whether its records are given to the kernel in one call, and nothing of the handshake is
   */
  writePast(payload: Payload, isSmall: boolean, taken: Taken): boolean {
    if (this.#busy === "settling") {
      this.#held = { payload, taken };
      return false;
    }
    this.#busy = "writing";
    this.#done = taken;
    const serial = ++this.#serial;
    const isBehind = unsentRecordsOf(this.#socket) > 0;
    writePast(this.#socket, this.loan.ownOf(this.#socket), payload, this.#onDone);
    if (isBehind) this.#whenSent(serial, null);
    // One that has failed is done by now.
    else if (isSmall && this.isWriting && hasTakenAll(this.#socket)) {
      this.#busy = "settling";
      this.#done = null;
      return true;
    }
    return false;
  }

  /** Gives the socket its own methods back, once nothing is under way or the socket is destroyed. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#busy === "no" || this.#socket.destroyed) this.#giveBack();
  }

  /** Some writes and ends are never called back: those to a socket whose stream beneath has closed. */
  destroyed(): void {
    if (this.#isLeaving) this.#giveBack();
  }

  #giveBack(): void {
    if (this.#socket[WRITES] !== this) return;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- as in SharedMethods
    delete this.#socket[WRITES];
    this.loan.giveBack(this.#socket);
  }

  /** Begins what the socket's queue asks for, when that is next. */
  #inTurn(begin: () => void): void {
    if (this.#busy === "no") begin();
    else this.#next = begin;
  }

  #begin(kind: "writing" | "ending", give: (done: Taken) => void, done: Taken): void {
    this.#busy = kind;
    this.#done = done;
    const serial = ++this.#serial;
    const isBehind = unsentRecordsOf(this.#socket) > 0;
    give(this.#onDone);
    if (isBehind) this.#whenSent(serial, null);
  }

  /**
   * Ends the stream in an event of its own: an end from within a read would throw away the records that arrived with that.
   * And it waits for the records that TLS sends by itself: the close_notify would be sent behind them, after the FIN.
   */
  #end(give: (done: Taken) => void, done: Taken): void {
    this.#busy = "due";
    this.#done = done;
    const serial = ++this.#serial;
    const act = (): void => {
      // Node asserts that it is open, if it is a stream of JavaScript. The TLS socket is about to close with it.
      if (!hasClosedBeneath(this.#socket)) this.#begin("ending", give, done);
    };
    const later = (): void => void clock.setImmediate(() => this.#whenSent(serial, act));
    if (isHandshaking(this.#socket)) this.#socket.once("secure", later);
    else later();
  }

  readonly #onDone: Taken = (error) => {
    const held = this.#held;
    if (held !== null) {
      this.#held = null;
      this.#busy = "no";
      this.writePast(held.payload, false, held.taken);
      return;
    }
    const done = this.#done;
    const next = this.#next;
    this.#done = this.#next = null;
    this.#busy = "no";
    // The socket's queue goes first: the connection gives what it has next in its turn.
    if (next !== null) next();
    else if (this.#isLeaving) this.#giveBack();
    done?.(error);
  };

  /**
   * Calls `act` once all records were sent, unless what is under way is another by then. If they cannot be sent, it fails
   * what is under way: Node does not tell of records of its own, and never calls back what is behind them.
   */
  #whenSent(
    serial: number,
    act: (() => void) | null,
    turns = 0,
    before = Infinity,
    wasSending = false,
  ): void {
    const socket = this.#socket;
    const unsent = unsentRecordsOf(socket);
    if (this.#done === null || this.#serial !== serial) return;
    if (unsent === 0 || socket.destroyed) {
      act?.();
      return;
    }
    // A write beneath that has just ended counts as progress: it is not reported here yet.
    const isSending = isSendingBeneath(socket);
    const isSame = unsent === before && isSending === wasSending;
    if (!isSame || turns < TURNS_TO_SETTLE)
      clock.setImmediate(() => this.#whenSent(serial, act, isSame ? turns + 1 : 0, unsent, isSending));
    else if (isSending) clock.setTimeout(() => this.#whenSent(serial, act), POLL_MS).unref();
    else this.#onDone(systemError("EPIPE", "write"));
  }
}
