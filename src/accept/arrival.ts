/**
 * The way of a client from the kernel to `accept()`. There may be steps on it: a filter, a header to be read, a
 * handshake. The steps of several clients run beside each other, so a client that is slow or silent holds up no other.
 */
import type { Socket } from "node:net";
import { isPromise } from "node:util/types";
import { Addresses, type LocalEnd } from "../address/addresses.js";
import { currentAlarm } from "../core/timing/alarm.js";
import type { Sleeper } from "../core/timing/wake-queue.js";
import type { Transport } from "../core/transport/transport.js";
import { ignore, resetClient, type AcceptQueue, type Arrival } from "./queue.js";

/** Most ms for all steps of one client together, which is enough for a handshake over a slow link. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What a step has replaced. What it leaves out stays as it was. */
export interface Replacement {
  readonly transport?: Transport;
  readonly addresses?: Addresses;
}

/** A step does not want the client. */
export interface Refused {
  /** Why, for the count of such clients. */
  readonly refused: string;
}

/** What a step comes to; `undefined` lets the client go on as it is. */
export type StepResult = Replacement | Refused | undefined;

/**
 * One step of a client. It gets the client as the steps before have left it. Its signal is aborted when the client has
 * left, the client's time is up, or the listener is closed; the socket has been reset by then, and a transport that the
 * step still returns is reset as well. If a step throws or rejects, its client is reset.
 *
 * A transport that a step returns has no listeners until the client is accepted, so its errors must not be uncaught.
 */
export type Step = (client: Arrival, signal: AbortSignal) => StepResult | Promise<StepResult>;

/** Why a client was reset: its step failed, it left, its time was up, or whatever reason its step gave. */
export type Reason = "failed" | "left" | "timeout" | (string & {});

/** Leads clients from the kernel through their steps into the queue. */
export class Pipeline {
  /** Where clients go when all their steps are done. */
  readonly queue: AcceptQueue;
  /** How many clients were reset for each reason. */
  readonly refused = new Map<Reason, number>();

  readonly #steps: readonly Step[];
  readonly #timeout: number;
  readonly #underWay = new Set<Passage>();

  /** @param timeout - most ms for all steps of one client; 10 000 by default, `Infinity` for no bound */
  constructor(queue: AcceptQueue, steps: readonly Step[] = [], timeout = HANDSHAKE_TIMEOUT_MS) {
    this.queue = queue;
    this.#steps = steps;
    this.#timeout = timeout;
  }

  /** How many clients are on their way. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /**
   * Takes in a client. Without steps it is in the queue when this returns.
   *
   * @param local - the address that the client has connected to, where that is known
   */
  arrive(socket: Socket, local?: LocalEnd): void {
    const arrival: Arrival = { socket, addresses: new Addresses(socket, local), transport: null };
    if (!this.queue.hasRoom(this.#underWay.size)) this.queue.drop(arrival);
    else if (this.#steps.length === 0) this.queue.put(arrival);
    else {
      const passage = new Passage(arrival, this.#steps, this.#ended);
      this.#underWay.add(passage);
      passage.begin(this.#timeout);
    }
  }

  /** Closes the queue, and resets the clients in it and those on their way. */
  close(): void {
    this.queue.close();
    for (const passage of this.#underWay) passage.abandon();
    this.#underWay.clear();
  }

  readonly #ended = (passage: Passage, reason: Reason | null): void => {
    this.#underWay.delete(passage);
    if (reason === null) this.queue.put(passage.arrival);
    else this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
  };
}

/** Told how the way of a client has ended: `null` if all steps are done, or else why it was reset. */
type End = (passage: Passage, reason: Reason | null) => void;

/** One client on its way. */
class Passage implements Sleeper {
  due = Infinity;
  place = -1;
  /** The client as its steps have left it so far. */
  arrival: Arrival;

  readonly #alarm = currentAlarm();
  readonly #steps: readonly Step[];
  readonly #end: End;
  readonly #controller = new AbortController();
  #isOver = false;

  /** @param end - is called once, unless {@link abandon} was called before */
  constructor(arrival: Arrival, steps: readonly Step[], end: End) {
    this.arrival = arrival;
    this.#steps = steps;
    this.#end = end;
  }

  begin(timeout: number): void {
    const { socket } = this.arrival;
    socket.on("error", ignore);
    socket.on("close", this.#onClose);
    this.#alarm.wakeBy(this, this.#alarm.deadlineIn(timeout));
    this.#runSteps(0);
  }

  /** Resets the client, whose time is up. */
  expire(): number {
    this.#refuse("timeout");
    return Infinity;
  }

  /** Resets the client, and aborts its step. */
  abandon(): void {
    if (this.#isOver) return;
    this.#finish();
    resetClient(this.arrival);
    this.#controller.abort();
  }

  /** Runs the steps from `index` on, until one has to wait or the client was reset. */
  #runSteps(index: number): void {
    for (let i = index; i < this.#steps.length; i++) {
      const outcome = this.#run(this.#steps[i] as Step);
      if (isPromise(outcome)) {
        outcome.then(
          (settled) => this.#apply(settled) && this.#runSteps(i + 1),
          () => this.#refuse("failed"),
        );
        return;
      }
      if (!this.#apply(outcome)) return;
    }
    this.#finish();
    this.#end(this, null);
  }

  #run(step: Step): StepResult | Promise<StepResult> {
    try {
      return step(this.arrival, this.#controller.signal);
    } catch {
      this.#refuse("failed");
      return undefined;
    }
  }

  /** Puts in place what a step has replaced; answers whether the client goes on. */
  #apply(outcome: StepResult): boolean {
    const replaced = outcome !== undefined && !("refused" in outcome) ? outcome : undefined;
    if (this.#isOver) {
      replaced?.transport?.reset();
      return false;
    }
    if (replaced !== undefined) {
      const { socket, transport, addresses } = this.arrival;
      this.arrival = {
        socket,
        transport: replaced.transport ?? transport,
        addresses: replaced.addresses ?? addresses,
      };
    }
    if (outcome !== undefined && "refused" in outcome) this.#refuse(outcome.refused);
    else if (this.arrival.socket.destroyed) this.#refuse("left");
    return !this.#isOver;
  }

  #refuse(reason: Reason): void {
    if (this.#isOver) return;
    this.abandon();
    this.#end(this, reason);
  }

  /** Ends the way, and leaves no timer and no listener behind. */
  #finish(): void {
    this.#isOver = true;
    this.#alarm.letSleep(this);
    const { socket } = this.arrival;
    socket.off("error", ignore);
    socket.off("close", this.#onClose);
  }

  readonly #onClose = (): void => this.#refuse("left");
}
