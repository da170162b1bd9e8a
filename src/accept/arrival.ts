/**
 * The way of a client from the kernel to `accept()`. There may be steps on it: a filter, a header to be read, a
 * handshake. The steps of several clients run beside each other, so a client that is slow or silent holds up no other.
 */
import type { Socket } from "node:net";
import { Addresses, subjectOf, type LocalEnd } from "../address/addresses.js";
import { Members, type Member } from "../core/members.js";
import { currentAlarm } from "../core/timing/alarm.js";
import { clock } from "../core/timing/clock.js";
import type { Sleeper } from "../core/timing/wake-queue.js";
import type { Transport } from "../core/transport/transport.js";
import { refusedClients, type RefusedReason } from "../diagnostics.js";
import { NetError, timedOut, translated, type Operation, type Subject } from "../errors.js";
import { blocked, isBlocked, limitReached, type Limits } from "./limits.js";
import { ignore, resetClient, resetTransport, type AcceptQueue, type Arrival } from "./queue.js";

/** Most ms for all steps of one client together, which is enough for a handshake over a slow link. */
export const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What a step has replaced. What it leaves out stays as it was. */
export interface Replacement {
  readonly transport?: Transport;
  readonly addresses?: Addresses;
  /** Whether the step has read from the socket as a stream. */
  readonly wasRead?: boolean;
}

/**
 * One step of a client. It gets the client as the steps before have left it, and settles it by one call of a method of its
 * passage, at once or later. It settles nothing if the client is turned away before: it has left, its time is up, or the
 * listener is closed. A step that throws has its client turned away.
 *
 * A transport that a step has made has no listeners until the client is accepted, so its errors must not be uncaught.
 */
export interface Step {
  (client: Arrival, passage: Passage): void;
  /** What the errors of clients that are refused in this step say was being done; `"accept"` by default. */
  readonly operation?: Operation;
}

/** Makes the error of a client that is turned away, which only a subscriber to such events needs. */
export type ErrorMaker = (subject: Subject) => NetError;

/** A client on its way, as a step sees it. Callbacks rather than promises: a handshake is most of what a client costs. */
export interface Passage {
  /** Is aborted when the client is turned away; its socket is reset in the next turn of the event loop. */
  readonly signal: AbortSignal;
  /** Lets the client go on. If it was turned away before, the transport is reset. */
  proceed(replaced?: Replacement): void;
  /**
   * Turns the client away, and counts it.
   *
   * @param cause - what the step has failed with: anything, since a function of the program may have thrown it
   * @param isClosing - the step has closed the socket in its own way: an alert may be on its way, which a reset would destroy
   */
  refuse(reason: RefusedReason, cause: unknown, isClosing?: boolean): void;
  /** Turns the client away with an error of the step's own. */
  refuseWith(reason: RefusedReason, errorAt: ErrorMaker): void;
}

/** Leads clients from the kernel through their steps into the queue. */
export class Pipeline {
  /** Where clients go when all their steps are done. */
  readonly queue: AcceptQueue;
  /** How many clients were turned away for each reason. */
  readonly refused: Record<RefusedReason, number> = {
    blocked: 0,
    perAddress: 0,
    maxConnections: 0,
    handshake: 0,
  };

  readonly #steps: readonly Step[];
  readonly #timeout: number;
  readonly #limits: Limits | null;
  readonly #underWay = new Members<ClientOnItsWay>();

  /**
   * @param timeout - most ms for all steps of one client; 10 000 by default, `Infinity` for no bound
   * @param limits - `null` if every client is taken for which there is room
   */
  constructor(
    queue: AcceptQueue,
    steps: readonly Step[] = [],
    timeout = HANDSHAKE_TIMEOUT_MS,
    limits: Limits | null = null,
  ) {
    this.queue = queue;
    this.#steps = steps;
    this.#timeout = timeout;
    this.#limits = limits;
  }

  /** How many clients are on their way. */
  get underWay(): number {
    return this.#underWay.size;
  }

  /**
   * Takes in a client. Without steps it is in the queue when this returns.
   *
   * @param local - the address that the client has connected to, where that is known
   * @param open - how many connections are open that were accepted
   */
  arrive(socket: Socket, local: LocalEnd | undefined, open: OpenCount): void {
    const arrival: Arrival = {
      socket,
      addresses: new Addresses(socket, local),
      transport: null,
      wasRead: false,
    };
    const refusal = this.#limits === null ? null : this.#refusalOf(arrival, this.#limits, open);
    if (refusal !== null) this.turnAway(arrival, refusal);
    else if (!this.queue.hasRoom(this.#underWay.size)) this.queue.drop(arrival);
    else if (this.#steps.length === 0) this.queue.put(arrival);
    else {
      const client = new ClientOnItsWay(arrival, this.#steps, this.#timeout, this.#ended);
      client.membership = this.#underWay.add(client);
      client.begin();
    }
  }

  /** Closes the queue, and resets the clients in it and those on their way. */
  close(): void {
    this.queue.close();
    for (const client of this.#underWay.values) {
      client.membership?.leave();
      client.abandon();
    }
  }

  readonly #ended: End = (client, refusal) => {
    client.membership?.leave();
    if (refusal === null) this.queue.put(client.arrival);
    else this.#noteRefusal(client.arrival, refusal);
  };

  /** Resets a client that is on no way, and counts it. */
  turnAway(arrival: Arrival, refusal: Refusal): void {
    resetClient(arrival);
    this.#noteRefusal(arrival, refusal);
  }

  /** A listener that is closed refuses no client: it resets all. */
  #refusalOf({ addresses }: Arrival, limits: Limits, open: OpenCount): Refusal | null {
    const { maxConnections, blockList } = limits;
    if (this.queue.closed) return null;
    try {
      if (blockList !== undefined && isBlocked(blockList, addresses))
        return { reason: "blocked", errorAt: blocked };
    } catch (error) {
      // A list of the program's own. In an event of Node's, the error would be uncaught.
      return { reason: "blocked", errorAt: makerOf("accept", error) };
    }
    const notAccepted = this.queue.pending + this.#underWay.size;
    if (!open.isAtLeast(maxConnections - notAccepted)) return null;
    const errorAt = limitReached(`maxConnections: ${String(maxConnections)} connections are open`);
    return { reason: "maxConnections", errorAt };
  }

  #noteRefusal({ addresses }: Arrival, { reason, errorAt }: Refusal): void {
    this.refused[reason]++;
    if (!refusedClients.hasSubscribers) return;
    const { remoteAddress, remotePort } = addresses;
    const error = errorAt(subjectOf(addresses, this.queue.path));
    refusedClients.publish({ reason, remoteAddress, remotePort, error });
  }
}

/** Why a client was turned away. */
export interface Refusal {
  readonly reason: RefusedReason;
  readonly errorAt: ErrorMaker;
}

/** The connections of a listener that were accepted and are open. */
export interface OpenCount {
  isAtLeast(count: number): boolean;
}

/** Told how the way of a client has ended: `null` if all steps are done. */
type End = (client: ClientOnItsWay, refusal: Refusal | null) => void;

class ClientOnItsWay implements Passage, Sleeper {
  due = Infinity;
  place = -1;
  /** Its place among those that are on their way. */
  membership: Member<ClientOnItsWay> | null = null;
  /** The client as its steps have left it so far. */
  arrival: Arrival;

  readonly #alarm = currentAlarm();
  readonly #steps: readonly Step[];
  readonly #timeout: number;
  readonly #end: End;
  #done = 0;
  #isOver = false;
  #controller: AbortController | undefined;
  /** What the client's socket has failed with. */
  #fault: unknown;

  /** @param end - is called once, unless {@link abandon} was called before */
  constructor(arrival: Arrival, steps: readonly Step[], timeout: number, end: End) {
    this.arrival = arrival;
    this.#steps = steps;
    this.#timeout = timeout;
    this.#end = end;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isOver) this.#controller.abort();
    return this.#controller.signal;
  }

  begin(): void {
    const { socket } = this.arrival;
    socket.on("error", this.#onError);
    socket.on("close", this.#onClose);
    this.#alarm.wakeBy(this, this.#alarm.deadlineIn(this.#timeout));
    this.#takeNextStep();
  }

  proceed(replaced?: Replacement): void {
    if (this.#isOver) {
      resetTransport(replaced?.transport);
      return;
    }
    if (replaced !== undefined) {
      const { socket, transport, addresses, wasRead } = this.arrival;
      this.arrival = {
        socket,
        transport: replaced.transport ?? transport,
        addresses: replaced.addresses ?? addresses,
        wasRead: replaced.wasRead ?? wasRead,
      };
    }
    this.#done++;
    if (this.arrival.socket.destroyed) this.#refuseLost();
    else this.#takeNextStep();
  }

  refuse(reason: RefusedReason, cause: unknown, isClosing = false): void {
    this.#turnAway({ reason, errorAt: makerOf(this.#operation, cause) }, isClosing);
  }

  refuseWith(reason: RefusedReason, errorAt: ErrorMaker): void {
    this.#turnAway({ reason, errorAt }, false);
  }

  /** Resets the client, whose time is up. */
  expire(): number {
    const operation = this.#operation;
    const errorAt = (subject: Subject): NetError => timedOut(operation, subject, this.#timeout);
    this.#turnAway({ reason: "handshake", errorAt }, false);
    return Infinity;
  }

  /** Resets the client. */
  abandon(): void {
    if (!this.#isOver) this.#finish(false);
  }

  #takeNextStep(): void {
    const step = this.#steps[this.#done];
    if (step === undefined) {
      this.#leave();
      this.#end(this, null);
      return;
    }
    try {
      step(this.arrival, this);
    } catch (error) {
      this.refuse("handshake", error);
    }
  }

  /** What is being done in the step that the client is in. */
  get #operation(): Operation {
    return this.#steps[this.#done]?.operation ?? "accept";
  }

  #turnAway(refusal: Refusal, isClosing: boolean): void {
    if (this.#isOver) return;
    this.#finish(isClosing);
    this.#end(this, refusal);
  }

  #finish(isClosing: boolean): void {
    this.#leave();
    const { arrival } = this;
    arrival.socket.on("error", ignore);
    // A step of TLS may be on the stack: a callback of the program has closed the listener. To close the socket there is a fault of
    // memory in Node.
    if (!isClosing) clock.setImmediate(() => resetClient(arrival));
    this.#controller?.abort();
  }

  /** Ends the way, and leaves no timer and no listener behind. */
  #leave(): void {
    this.#isOver = true;
    this.#alarm.letSleep(this);
    const { socket } = this.arrival;
    socket.off("error", this.#onError);
    socket.off("close", this.#onClose);
  }

  readonly #onError = (error: unknown): void => {
    this.#fault ??= error;
  };

  /** A step may know why the socket has closed, and say so in this turn of the event loop. */
  readonly #onClose = (): void => {
    clock.setImmediate(() => this.#refuseLost());
  };

  /** Counts the client, which has ended the connection, or whose socket the program has closed. */
  #refuseLost(): void {
    this.refuse("handshake", this.#fault ?? new Ended());
  }
}

/** Makes the error of a client from what has failed. */
function makerOf(operation: Operation, cause: unknown): ErrorMaker {
  return (subject) => (cause instanceof NetError ? cause : translated(operation, subject, cause));
}

/** The client has ended the connection, and the socket has not failed. */
export class Ended extends Error {
  readonly code = "ECONNRESET";

  constructor() {
    super("the client ended the connection");
  }
}
