import { inspect } from "node:util";
import { Connection, linkOf } from "./connection.js";
import type { ConnectionFacts } from "./core/facts.js";
import { bounded } from "./core/timing/bounded.js";
import { failingInTime, rejectedInTime } from "./core/timing/budget.js";
import { clock } from "./core/timing/clock.js";
import { markHandled } from "./core/timing/fail-at-caller.js";
import { rejectedQuietly } from "./core/writing/write-promise.js";
import { aborted } from "./errors.js";
import { lineOf, type Style } from "./inspection.js";
import type { Messages } from "./messages/codec.js";
import { checkFunction, checkLimit, checkRoom, notOurs, wrongType } from "./options/checks.js";
import { checkedOperation, type OperationOptions } from "./options/operation.js";
import { checkedOptions, schemaOf, type Complete } from "./options/schema.js";
import type { PipelineOptions } from "./requesting/options.js";
import { Pipeline } from "./requesting/pipeline.js";

/** How requests are sent, and which reply belongs to which. */
export interface RequestOptions<Q, R> {
  /**
   * Most requests that are with the peer at a time. Further ones wait until a reply has come, also one that is thrown away
   * because its caller has given up. `1`: the next request is sent when the last one is answered. `Infinity`: requests are
   * sent at once (pipelining).
   *
   * @default Infinity
   * @example requests(messages, { concurrency: 1 });
   */
  concurrency?: number | undefined;
  /**
   * Most requests that wait to be sent, because of the `concurrency` or because the peer takes nothing. Further ones reject
   * with `ERR_BUSY`, at once. `0`: none waits. `Infinity`: no bound.
   *
   * @default 1_024
   * @example requests(messages, { concurrency: 8, queue: 100 });
   */
  queue?: number | undefined;
  /**
   * Keys by which replies belong to requests, compared as the keys of a `Map` are. Requests that have the same key are answered
   * in their order. `reply` returns `undefined` for a message that answers no request. Without `match` replies come in the
   * order of all requests: a push that comes while a reply is due is taken for that reply.
   *
   * If `request` throws, or returns `undefined`, the call rejects and nothing is sent. If `reply` throws, the connection
   * fails.
   *
   * @example
   * requests(messages, { match: { request: ({ id }) => id, reply: ({ id }) => id } });
   * @example
   * // In the order of the requests, except for pushes.
   * requests(messages, { match: { request: () => "reply", reply: (m) => (m.isPush ? undefined : "reply") }, unsolicited });
   */
  match?:
    | {
        /** Returns the key of a request, before it is sent. */
        request(message: Q): unknown;
        /** Returns the key of a message that has come; `undefined` if it answers no request. */
        reply(message: R): unknown;
      }
    | undefined;
  /**
   * Is called with each message that answers no request: one whose key no request has, or that has come, or has begun to
   * come, before the request was sent. With it the connection is read at all times, without a timeout while no reply is due.
   * Without it such a message fails the connection (`ERR_INVALID_MESSAGE`). If it throws, or returns a promise that rejects,
   * the connection fails with `ERR_INVALID_MESSAGE` and the error as `cause`.
   *
   * @example requests(messages, { match, unsolicited: (push) => events.emit("push", push) });
   */
  unsolicited?: ((message: R) => void) | undefined;
}

/** Requests over one connection, which any number of callers share. */
export interface Requests<Q, R> extends AsyncDisposable {
  /**
   * Resolves to the reply to `message`, which must not be changed before.
   *
   * A request is sent at once if no other is with the peer. Requests that are made in the same tick are sent together at its
   * end, before whatever the program writes to the connection after it has made them; those of which nothing is known but
   * `messages.send`, as of an object of the program, one by one.
   *
   * A reply reaches the caller whose request it answers, or no caller. A timeout or an abort rejects the call at once. A request
   * that was not sent by then is never sent (`written` of the error is `"nothing"`). The reply of a request that was sent is
   * read and thrown away when it comes; until then the request counts for the `concurrency`.
   *
   * @param options.timeout - most ms for the whole call, the wait to be sent included. `0`: the call rejects at once, and
   *   nothing is sent. `Infinity`: no bound. Without it, the `readTimeout` of the connection bounds each wait for progress:
   *   that a reply comes, or a part of one
   * @throws NetTimeoutError, or what `signal` was aborted with. The connection can still be used, unless the reply does not
   *   come within its `readTimeout` either: see {@link requests}
   * @throws NetError `ERR_BUSY`, at once: too many requests wait to be sent; `ERR_CLOSED`; or how the connection has failed. Of
   *   each call that a failure rejects `written` says whether its request may be sent again: `"nothing"` if it was not sent,
   *   `"partly"` if the peer may have got some of it, perhaps all
   * @throws what `messages.send` refuses the message with, such as a `TypeError`; nothing is sent. If `send` is an own function,
   *   and fails after it has begun to write, the connection fails: `ERR_INVALID_MESSAGE`, with the error as `cause`
   */
  request(message: Q, options?: OperationOptions): Promise<R>;
  /** How many calls wait: their requests are sent or wait to be sent. */
  readonly pending: number;
  /**
   * Waits for the calls that wait, then closes the connection as `connection.close()` does, and resolves when it is closed.
   * Further requests reject with `ERR_CLOSED`. All calls of `close` wait for the same. It resolves too if the connection fails
   * meanwhile: those that wait have been told.
   *
   * @param options.timeout - most ms for all of it. `0`: calls that wait reject at once. Without it, the calls take as long as
   *   their own bounds allow
   * @throws NetTimeoutError, or what `signal` was aborted with: the connection was reset, and calls that waited have rejected
   *   with `ERR_CLOSED`
   */
  close(options?: OperationOptions): Promise<void>;
  /**
   * Resolves when the connection is closed; rejects with the {@link NetError} of a failure that was not of our making. It never
   * is an unhandled rejection. When the peer ends its side while no caller waits, the connection is closed, and this resolves;
   * a read of the connection then rejects with `ERR_CLOSED`.
   */
  readonly closed: Promise<void>;
  /** `await using`: {@link close}. */
  [Symbol.asyncDispose](): Promise<void>;
  /** `toString()` of the connection. */
  toString(): string;
  /** The connection and the count of `pending`, which `console.log` and `util.inspect` print in one line. */
  toJSON(): RequestsFacts;
}

/** What {@link Requests} say of themselves: {@link Requests.toJSON}. */
export interface RequestsFacts {
  /** What the connection says of itself. */
  readonly connection: ConnectionFacts;
  /** How many requests were sent, or wait to be, and are not settled. */
  readonly pending: number;
}

/** Most requests that wait to be sent by default. */
const QUEUE = 1_024;

const REQUESTS = schemaOf<RequestOptions<unknown, unknown>>(
  { concurrency: checkRoom, queue: checkLimit, match: checkMatch, unsolicited: checkFunction },
  {
    insteadOfFunction: "a handler of what answers no request is { unsolicited }",
    insteadOfNumber: "a limit is { concurrency }",
  },
);

/**
 * Sends requests over a connection, and hands each reply to the caller whose request it answers. Callers share it, and each may
 * give up at any time: the reply of a request that was given up is never handed to another caller.
 *
 * The connection is read only while a reply is due, or at all times if `unsolicited` is given: an idle connection does not run
 * into its `readTimeout`. A message that had begun to come before a request was sent does not answer that request. Without
 * `match`, a push that comes while a reply is due is taken for that reply. A message that has no reply (a notification) is sent
 * by `messages.send`.
 *
 * A reply that no caller waits for any more, and that does not come within the `readTimeout` of the connection, fails the
 * connection with a {@link NetTimeoutError}: no reply after it could be believed. With `match` requests with other keys go on,
 * and the request counts no longer for the `concurrency`. Its key stays reserved: should its reply come after all, it is thrown
 * away; should another reply with that key be overdue, the connection fails. It also fails when more than 65 536 replies are
 * missing that were given up (`ERR_LIMIT`), when the peer ends the stream before a reply (`ERR_UNEXPECTED_EOF`), and when the
 * peer takes nothing for the `writeTimeout`.
 *
 * A connection that fails is reset. Every call rejects with an error of its own, with the same code, message and cause.
 *
 * @throws TypeError, RangeError for wrong arguments
 *
 * @example
 * await using redis = requests(framed(connection, resp));
 * const [name, visits] = await Promise.all([
 *   redis.request(["GET", "name"], { timeout: 1_000 }),
 *   redis.request(["INCR", "visits"], { signal }),
 * ]);
 */
export function requests<Q, R>(
  messages: Messages<R, Q, unknown>,
  options: RequestOptions<Q, R> = {},
): Requests<Q, R> {
  checkMessages(messages);
  const {
    concurrency = Infinity,
    queue = QUEUE,
    match,
    unsolicited,
  } = checkedOptions(options, REQUESTS, copyOf);
  return new SharedConnection<Q, R>(messages, { concurrency, queue, match, unsolicited });
}

function copyOf({
  concurrency,
  queue,
  match,
  unsolicited,
}: RequestOptions<unknown, unknown>): Complete<RequestOptions<unknown, unknown>> {
  return { concurrency, queue, match, unsolicited };
}

function checkMessages(messages: unknown): void {
  const { connection, receive, send } = (messages ?? {}) as Partial<Messages<unknown>>;
  if (connection instanceof Connection && typeof receive === "function" && typeof send === "function") return;
  const expected = "messages over a Connection (framed and lengthPrefixed make them)";
  throw notOurs("Framed", "messages", expected, messages);
}

function checkMatch(name: string, value: unknown): void {
  const { request, reply } = (value ?? {}) as { request?: unknown; reply?: unknown };
  if (typeof value !== "object")
    throw wrongType(name, "an object with the functions request and reply", value);
  checkFunction(`${name}.request`, request);
  checkFunction(`${name}.reply`, reply);
}

const NO_OPTIONS = { timeout: undefined, signal: undefined };

class SharedConnection<Q, R> implements Requests<Q, R> {
  readonly #connection: Connection;
  readonly #pipeline: Pipeline<Q, R>;
  #closing: Promise<void> | null = null;

  constructor(messages: Messages<R, Q, unknown>, options: PipelineOptions<Q, R>) {
    this.#connection = messages.connection;
    this.#pipeline = new Pipeline(messages, options);
  }

  get pending(): number {
    return this.#pipeline.pending;
  }

  request(message: Q, options?: OperationOptions): Promise<R> {
    let checked = NO_OPTIONS as Complete<OperationOptions>;
    if (options !== undefined) {
      try {
        checked = checkedOperation(options);
      } catch (error) {
        return rejectedInTime(error);
      }
    }
    return this.#pipeline.request(message, checked);
  }

  close(options?: OperationOptions): Promise<void> {
    let checked: Complete<OperationOptions>;
    try {
      checked = checkedOperation(options);
    } catch (error) {
      return rejectedInTime(error);
    }
    const { timeout, signal } = checked;
    const { subject } = linkOf(this.#connection);
    if (signal?.aborted === true) return rejectedQuietly(aborted("close", subject, signal));
    this.#pipeline.refuse();
    if (timeout === undefined && signal === undefined) {
      if (this.#closing === null) markHandled((this.#closing = this.#close()));
      return this.#closing;
    }
    const within = this.#closeWithin(checked);
    markHandled(within);
    return within;
  }

  get closed(): Promise<void> {
    const throwFailure = (error?: unknown): void => {
      const failure = this.#pipeline.failure ?? error;
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- it is a NetError
      if (failure !== undefined) throw failure;
    };
    const closed = this.#connection.closed.then(() => throwFailure(), throwFailure);
    markHandled(closed);
    return closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toString(): string {
    return #pipeline in this ? this.#connection.toString() : Object.prototype.toString.call(this);
  }

  toJSON(): RequestsFacts {
    if (!(#pipeline in this)) return {} as RequestsFacts;
    return { connection: this.#connection.toJSON(), pending: this.pending };
  }

  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#pipeline in this)) return this;
    const { connection, pending } = this.toJSON();
    return lineOf("Requests", this.toString(), { state: connection.state, pending }, depth, style);
  }

  async #close(): Promise<void> {
    await this.#pipeline.drained;
    await this.#closeConnection({});
  }

  async #closeWithin({ timeout, signal }: OperationOptions): Promise<void> {
    const { subject } = linkOf(this.#connection);
    const begun = clock.now();
    if (this.pending > 0) {
      try {
        await failingInTime(() =>
          bounded("close", subject, { timeout, signal }, () => this.#pipeline.drained),
        );
      } catch (error) {
        this.#pipeline.reset();
        throw error;
      }
    }
    const left = timeout === undefined ? undefined : Math.max(0, timeout - (clock.now() - begun));
    await this.#closeConnection({ timeout: left, signal });
  }

  /** A failure of the connection is no failure of closing: the calls that waited have rejected with it. */
  async #closeConnection(options: OperationOptions): Promise<void> {
    try {
      await this.#connection.close(options);
    } catch (error) {
      if (this.#pipeline.failure === null) throw error;
    }
  }
}
