/**
 * The way of a client from the kernel to `accept()`. Between the two there may be steps: a filter, a header to read, a
 * handshake. Each client takes its own steps, beside those of the others, so that one that is slow or silent holds up
 * none of them.
 */
import type { Socket } from "node:net";
import { isPromise } from "node:util/types";
import { Addresses, type LocalEnd } from "../address/addresses.js";
import { currentAlarm } from "../core/timing/alarm.js";
import type { Sleeper } from "../core/timing/wake-queue.js";
import type { Transport } from "../core/transport/transport.js";
import { ignore, resetClient, type AcceptQueue, type Arrival } from "./queue.js";

/** Most ms for all steps of one client together: enough for a handshake over the slowest link. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What a step has put in place of what was there; what it leaves out stays. */
export interface Replacement {
  readonly transport?: Transport;
  readonly addresses?: Addresses;
}

/** The client is not wanted, for a reason that is counted. */
export interface Refusal {
  readonly refused: string;
}

/** `undefined`: the client goes on as it is. */
export type Outcome = Replacement | Refusal | undefined;

/**
 * One step of a client. It is given what the steps before have made of the client, and a signal that is aborted when the
 * client has left, its time is up, or the listener is closed: the socket has been reset by then, and what the step still
 * comes to is reset as well. A step that throws or rejects costs its client, which is reset.
 *
 * Nobody listens to the events of a transport that a step returns before the client is accepted. It must not emit
 * `'error'` until then.
 */
export type Step = (client: Arrival, signal: AbortSignal) => Outcome | Promise<Outcome>;

/** Why a client has not reached `accept()`, but for the reasons that its steps give. */
export type Reason = "failed" | "left" | "timeout" | (string & {});

/** Takes clients from the kernel, and puts them into the queue when they have taken all steps. */
export class Pipeline {
  /** Where clients are once they have taken all steps. */
  readonly queue: AcceptQueue;
  /** How many clients were refused for which reason. */
  readonly refused = new Map<Reason, number>();

  readonly #steps: readonly Step[];
  readonly #timeout: number;
  readonly #underWay = new Set<Passage>();

  /** @param timeout - most ms for all steps of one client; `Infinity`: no bound */
  constructor(queue: AcceptQueue, steps: readonly Step[] = [], timeout = HANDSHAKE_TIMEOUT_MS) {
    this.queue = queue;
    this.#steps = steps;
    this.#timeout = timeout;
  }

  /** Clients that are taking their steps. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /** A client has come, to `ours` if that is known. Without steps it is in the queue when this returns. */
  arrive(socket: Socket, ours?: LocalEnd): void {
    const arrival: Arrival = { socket, addresses: new Addresses(socket, ours), transport: null };
    if (!this.queue.hasRoom(this.#underWay.size)) this.queue.drop(arrival);
    else if (this.#steps.length === 0) this.queue.put(arrival);
    else {
      const passage = new Passage(arrival, this.#steps, this.#ended);
      this.#underWay.add(passage);
      passage.begin(this.#timeout);
    }
  }

  /** Closes the queue, and resets the clients in it and those under way. */
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

/** How the way of a client has ended: `null` if it is ready, else why it was refused. */
type End = (passage: Passage, reason: Reason | null) => void;

/** One client under way. */
class Passage implements Sleeper {
  due = Infinity;
  place = -1;
  /** What the steps have made of the client so far. */
  arrival: Arrival;

  readonly #alarm = currentAlarm();
  readonly #steps: readonly Step[];
  readonly #end: End;
  readonly #controller = new AbortController();
  #isOver = false;

  /** @param end - called once, unless {@link abandon} is called before */
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
    this.#takeSteps(0);
  }

  /** The time of the client is up. */
  expire(): number {
    this.#refuse("timeout");
    return Infinity;
  }

  /** Resets the client, and tells its step to stop. */
  abandon(): void {
    if (this.#isOver) return;
    this.#leave();
    resetClient(this.arrival);
    this.#controller.abort();
  }

  /** Takes the steps from the one at `index` on, until one has to wait or ends the way. */
  #takeSteps(index: number): void {
    for (let i = index; i < this.#steps.length; i++) {
      const outcome = this.#outcomeOf(this.#steps[i] as Step);
      if (isPromise(outcome)) {
        outcome.then(
          (settled) => this.#apply(settled) && this.#takeSteps(i + 1),
          () => this.#refuse("failed"),
        );
        return;
      }
      if (!this.#apply(outcome)) return;
    }
    this.#leave();
    this.#end(this, null);
  }

  #outcomeOf(step: Step): Outcome | Promise<Outcome> {
    try {
      return step(this.arrival, this.#controller.signal);
    } catch {
      this.#refuse("failed");
      return undefined;
    }
  }

  /** Answers whether the client goes on. */
  #apply(outcome: Outcome): boolean {
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

  /** Leaves nothing of the way behind: no timer, and no listener on the socket. */
  #leave(): void {
    this.#isOver = true;
    this.#alarm.letSleep(this);
    const { socket } = this.arrival;
    socket.off("error", ignore);
    socket.off("close", this.#onClose);
  }

  readonly #onClose = (): void => this.#refuse("left");
}
