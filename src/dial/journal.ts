import type { AddressInfo } from "../address/endpoint.js";
import { clock } from "../core/timing/clock.js";
import { NetError, timedOut, translated } from "../errors.js";
import type { Candidate } from "../core/network.js";
import { subjectOf } from "./attempt.js";
import { channels, nextId, type AttemptEvent, type DialEvent } from "../diagnostics.js";

/** What a lookup finds, or the promise of it. */
type Found = AddressInfo[] | Promise<AddressInfo[]>;

interface Trial {
  readonly to: Candidate;
  readonly begun: number;
  error?: NetError;
}

/** What one call has tried so far: publishes it on the diagnostics channels, and lists it for the error of the call. */
export class Journal {
  readonly #id = nextId();
  readonly #host: string | undefined;
  readonly #begun = clock.now();
  readonly #trials: Trial[] = [];
  /** The first attempt that has connected. */
  #winner: Trial | undefined;
  /** Whether the handshake of the winner has begun: all other attempts have failed or lost. */
  #hasHandshake = false;

  constructor(host: string | undefined) {
    this.#host = host;
  }

  /** The addresses of the attempts so far, `"127.0.0.1:80"`, in their order; none for a Unix socket. */
  get attempted(): string[] {
    return this.#trials.flatMap(({ to }) => ("path" in to ? [] : subjectOf(to).text));
  }

  /** Publishes how a lookup ends: at once for a literal address, which needs none. */
  lookup(find: () => Found): Found {
    try {
      const found = find();
      if (!(found instanceof Promise)) return this.#found(found);
      return found.then(
        (addresses) => this.#found(addresses),
        (error: unknown) => this.#notFound(error),
      );
    } catch (error) {
      return this.#notFound(error);
    }
  }

  /** Runs an attempt, and notes how it ends: it has lost if it rejects once `signal` is aborted. */
  async attempt<T>(to: Candidate, signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    const trial: Trial = { to, begun: clock.now() };
    this.#trials.push(trial);
    if (channels.start.hasSubscribers) channels.start.publish(this.#attemptEvent(trial));
    try {
      const won = await run();
      this.#winner ??= trial;
      if (channels.win.hasSubscribers) channels.win.publish(this.#ended(trial));
      return won;
    } catch (error) {
      if (error instanceof NetError && signal?.aborted !== true) {
        trial.error = error;
        error.duration = clock.now() - trial.begun;
        if (channels.fail.hasSubscribers) channels.fail.publish({ ...this.#ended(trial), error });
      } else if (channels.lose.hasSubscribers) {
        channels.lose.publish(this.#ended(trial));
      }
      throw error;
    }
  }

  /** Runs the handshake of the winner, and notes how it fails, unless it was given up: `signal` is aborted then. */
  async handshake<T>(signal: AbortSignal | undefined, run: () => Promise<T>): Promise<T> {
    this.#hasHandshake = true;
    try {
      return await run();
    } catch (cause) {
      const winner = this.#winner;
      if (winner === undefined || signal?.aborted === true) throw cause;
      const error = cause instanceof NetError ? cause : translated("connect", subjectOf(winner.to), cause);
      error.duration = clock.now() - winner.begun;
      winner.error = error;
      throw error;
    }
  }

  /**
   * The failures, in the order of the attempts. An attempt that still runs has timed out, and so has a handshake; attempts
   * that the winner has overtaken have not failed.
   */
  errors(): NetError[] {
    const trials = this.#hasHandshake
      ? this.#trials.filter((trial) => trial === this.#winner || trial.error !== undefined)
      : this.#trials;
    return trials.map((trial) => trial.error ?? this.#expired(trial));
  }

  #expired({ to, begun }: Trial): NetError {
    const duration = clock.now() - begun;
    const { text, ...where } = subjectOf(to);
    const subject = { ...where, text: this.#hasHandshake ? `${text}, in the handshake` : text };
    const error = timedOut("connect", subject, Math.round(duration));
    error.duration = duration;
    return error;
  }

  #found(addresses: AddressInfo[]): AddressInfo[] {
    if (channels.lookup.hasSubscribers) channels.lookup.publish({ ...this.#event(), addresses });
    return addresses;
  }

  #notFound(error: unknown): never {
    if (channels.lookup.hasSubscribers) channels.lookup.publish({ ...this.#event(), error });
    throw error;
  }

  #event(): DialEvent {
    return { id: this.#id, host: this.#host, elapsed: clock.now() - this.#begun };
  }

  #attemptEvent({ to }: Trial): AttemptEvent {
    const where = "path" in to ? { address: to.path } : to;
    return { ...this.#event(), ...where };
  }

  #ended(trial: Trial): AttemptEvent {
    return { ...this.#attemptEvent(trial), duration: clock.now() - trial.begun };
  }
}
