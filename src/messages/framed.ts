import { inspect } from "node:util";
import { checkBoolean, checkFunction, checkLimit, notConnection, wrongType } from "../options/checks.js";
import { checkedOperation, SEND, type OperationOptions } from "../options/operation.js";
import type { BatchOptions } from "../options/read.js";
import { checkedOptions, schemaOf, type Complete } from "../options/schema.js";
import { Connection, linkOf } from "../connection.js";
import type { ConnectionFacts } from "../core/facts.js";
import type { Link } from "../core/link.js";
import { NEXT_MESSAGES } from "../core/reading/batches.js";
import { Loop } from "../core/reading/loops.js";
import { NEXT_MESSAGE, RECEIVE, type MessageRun, type Taker } from "../core/reading/messages.js";
import { overLimit, Refusal, type Read } from "../core/reading/reads.js";
import { payloadOf, sizeOf, type Payload } from "../core/bytes/payload.js";
import { rejectedInTime } from "../core/timing/budget.js";
import { rejectedQuietly } from "../core/writing/write-promise.js";
import { refused } from "../errors.js";
import { lineOf, type Style } from "../inspection.js";
import type { Codec, Messages } from "./codec.js";
import { Decoding } from "./decoding.js";
import { directOf, type Direct } from "./direct.js";

/** Most bytes of a message by default. */
export const MESSAGE_LIMIT = 4 * 1024 * 1024;

/** How {@link framed} takes and sends messages. */
export interface FramedOptions {
  /**
   * Most bytes of a message, received or sent. Those of a codec of the program's own are counted with all that `encode` adds:
   * what `decode` gives as `size`. The codecs of this library that put a length or a delimiter to each message do not count
   * that. `Infinity`: as many as one buffer can hold. `0`: no message of a codec that counts all bytes.
   *
   * A message is refused (`ERR_LIMIT`) as soon as `decode` names a need above the limit, or knows no end within it. So at most
   * about the limit and `readAhead` wait in memory, and for an own codec a copy of as many.
   *
   * @default 4 MiB
   * @example framed(connection, codec, { limit: 64 * 1024 });
   */
  limit?: number | undefined;
}

const FRAMED = schemaOf<FramedOptions & BatchOptions>(
  { limit: checkLimit, batch: checkBoolean },
  { insteadOfNumber: "a limit is { limit }" },
);

/** What {@link Messages} say of themselves. */
interface MessagesFacts {
  readonly connection: ConnectionFacts;
  readonly limit: number;
}

/**
 * Cuts the byte stream of a connection into messages, as a codec says: one of this library (`lengthPrefix`, `varintPrefix`,
 * `delimited`, `jsonLines`), or one of the program's own.
 *
 * It takes nothing until a message is asked for, and adds no listener: there is nothing to close. The cost is linear in the bytes,
 * also when they arrive one at a time, if that of `decode` is in what it is given: a codec that returns `undefined` gets all
 * bytes of a long message again with each arrival, one that names what it needs gets them once they are there.
 *
 * @throws TypeError, RangeError for wrong arguments
 *
 * @example
 * const codec = {
 *   decode(bytes) {
 *     if (bytes.length < 2) return 2;
 *     const size = 2 + bytes.readUInt16BE();
 *     return bytes.length < size ? size : { message: bytes.toString("utf8", 2, size), size };
 *   },
 *   encode: (text) => [Buffer.of(text.length >> 8, text.length), text],
 * };
 * for await (const message of framed(connection, codec)) console.log(message);
 */
export function framed<I, O = I>(
  connection: Connection,
  codec: Codec<I, O>,
  options?: FramedOptions & { batch?: false | undefined },
): Messages<I, O>;
export function framed<I, O = I>(
  connection: Connection,
  codec: Codec<I, O>,
  options: FramedOptions & { batch: true },
): Messages<I, O, I[]>;
export function framed<I, O = I>(
  connection: Connection,
  codec: Codec<I, O>,
  options: FramedOptions & BatchOptions,
): Messages<I, O, I | I[]>;
export function framed<I, O = I>(
  connection: Connection,
  codec: Codec<I, O>,
  options: FramedOptions & BatchOptions = {},
): Messages<I, O, I | I[]> {
  if (!((connection as unknown) instanceof Connection)) throw notConnection("connection", connection);
  checkCodec(codec);
  const { limit = MESSAGE_LIMIT, batch = false } = checkedOptions(options, FRAMED, copyOf);
  return new Framed(connection, codec, limit, batch);
}

function copyOf({ limit, batch }: FramedOptions & BatchOptions): Complete<FramedOptions & BatchOptions> {
  return { limit, batch };
}

const CODEC = "an object with the methods decode and encode";

function checkCodec(codec: unknown): void {
  if ((typeof codec !== "object" && typeof codec !== "function") || codec === null)
    throw wrongType("codec", CODEC, codec);
  const { decode, encode } = codec as { decode?: unknown; encode?: unknown };
  // The function that makes a codec, such as `jsonLines`, in place of what it returns.
  if (typeof codec === "function" && decode === undefined && encode === undefined)
    throw wrongType("codec", `${CODEC}, such as jsonLines()`, codec);
  checkFunction("codec.decode", decode);
  checkFunction("codec.encode", encode);
}

/** The way of a codec that has none of its own. */
class ByCodec<I, O> implements Direct<I, O> {
  readonly #codec: Codec<I, O>;

  constructor(codec: Codec<I, O>) {
    this.#codec = codec;
  }

  takerFor(limit: number): Taker<I> {
    return new Decoding(this.#codec, limit);
  }

  payloadFor(message: O, limit: number): Payload | Refusal {
    const payload = payloadOf(this.#codec.encode(message), "encode(message)", "encode(message)[]");
    const size = sizeOf(payload);
    return size > limit ? overLimit(limit, size) : payload;
  }
}

/** How {@link Framed} makes messages of bytes, and bytes of messages. */
export interface Framing<I, O> {
  readonly direct: Direct<I, O>;
  readonly taker: Taker<I>;
  readonly limit: number;
}

/** Messages over a connection. */
export class Framed<I, O> implements Messages<I, O, I | I[]> {
  readonly connection: Connection;
  readonly #link: Link;
  readonly #direct: Direct<I, O>;
  readonly #taker: Taker<I>;
  readonly #limit: number;
  readonly #batch: boolean;

  constructor(connection: Connection, codec: Codec<I, O>, limit: number, batch: boolean) {
    const direct = directOf(codec) ?? new ByCodec(codec);
    this.connection = connection;
    this.#link = linkOf(connection);
    this.#direct = direct;
    this.#taker = direct.takerFor(limit);
    this.#limit = limit;
    this.#batch = batch;
  }

  /**
   * How messages can be taken and sent several at a time; `null` if nothing is known of them but `receive` and `send`: those
   * of other objects, and those that the program has put into the place of ours.
   */
  static framingOf<I, O>(messages: Messages<I, O, unknown>): Framing<I, O> | null {
    if (!(#taker in messages)) return null;
    const { receive, send } = messages as { receive: unknown; send: unknown };
    if (receive !== OWN.receive || send !== OWN.send) return null;
    const framed = messages as unknown as Framed<I, O>;
    return { direct: framed.#direct, taker: framed.#taker, limit: framed.#limit };
  }

  receive(options?: OperationOptions): Promise<I | null> {
    return this.#link.input.request(RECEIVE, this.#taker, options) as Promise<I | null>;
  }

  send(message: O, options?: OperationOptions): Promise<void> {
    let payload: Payload | Refusal;
    try {
      if (options !== undefined) options = checkedOperation(options, SEND);
      payload = this.#direct.payloadFor(message, this.#limit);
    } catch (error) {
      return rejectedInTime(error);
    }
    if (payload instanceof Refusal) {
      const { code, reason } = payload;
      return rejectedQuietly(refused("write", this.#link.subject, code, reason, { written: "nothing" }));
    }
    return this.#link.output.send(payload, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<I | I[]> {
    const next = (this.#batch ? NEXT_MESSAGES : NEXT_MESSAGE) as NextOf<I | I[]>;
    return new MessageLoop(this.#link, next, this.#taker);
  }

  /** `toString()` of the connection. */
  toString(): string {
    return #taker in this ? this.connection.toString() : Object.prototype.toString.call(this);
  }

  toJSON(): MessagesFacts {
    if (!(#taker in this)) return {} as MessagesFacts;
    return { connection: this.connection.toJSON(), limit: this.#limit };
  }

  [inspect.custom](depth: number, style: Style): unknown {
    if (!(#taker in this)) return this;
    const { connection, limit } = this.toJSON();
    return lineOf("Messages", this.toString(), { state: connection.state, limit }, depth, style);
  }
}

const OWN: { readonly receive: unknown; readonly send: unknown } = Framed.prototype;

type NextOf<T> = Read<IteratorResult<T, undefined>, MessageRun>;

/** The loop over messages, one at a time or as `next` takes them. */
class MessageLoop<T> extends Loop<T> {
  protected override readonly argument: MessageRun;
  readonly #next: NextOf<T>;

  constructor(link: Link, next: NextOf<T>, taker: Taker<unknown>) {
    super(link.input);
    this.argument = { taker };
    this.#next = next;
  }

  protected override pull(): Promise<IteratorResult<T, undefined>> {
    return this.input.pull(this.#next, this.argument, undefined);
  }
}
