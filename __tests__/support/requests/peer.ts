import type { Codec, Connection, Messages } from "../../../src/index.js";
import { framed } from "../../../src/index.js";
import { memoryPair, type MemoryPairOptions } from "../../../src/testing/index.js";

/** A message of the tests. Requests and replies that belong together have the same `text`. */
export interface Message {
  readonly text: string;
  /** The key, where replies have keys; left out of pushes. */
  readonly id?: number;
  /** Bytes that make it longer. */
  readonly padding?: string;
}

/** JSON with its length before it. */
const json: Codec<Message> = {
  decode(bytes) {
    if (bytes.length < 4) return 4;
    const size = 4 + bytes.readUInt32BE();
    if (bytes.length < size) return size;
    return { message: JSON.parse(bytes.toString("utf8", 4, size)) as Message, size };
  },
  encode(message) {
    const text = Buffer.from(JSON.stringify(message));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(text.length);
    return [length, text];
  },
};

/** Messages as JSON, each with its length before it. */
export function jsonMessages(connection: Connection): Messages<Message> {
  return framed(connection, json);
}

/** The same messages by an object of the program's, of which nothing is known but `receive` and `send`. */
export function wrapped<I, O>(messages: Messages<I, O>): Messages<I, O> {
  return {
    connection: messages.connection,
    receive: (options) => messages.receive(options),
    send: (message, options) => messages.send(message, options),
    [Symbol.asyncIterator]: () => messages[Symbol.asyncIterator](),
  };
}

/** Two connections in memory that exchange messages: the client's, and the peer's. */
export function messagePair(
  options: MemoryPairOptions = {},
): [client: Messages<Message>, peer: Messages<Message>] {
  const [a, b] = memoryPair(options);
  return [jsonMessages(a), jsonMessages(b)];
}

/** Keys by `id`. */
export const BY_ID = {
  request: (message: Message) => message.id,
  reply: (message: Message) => message.id,
};

/** The next message, which must come. */
export async function next(messages: Messages<Message>): Promise<Message> {
  const message = await messages.receive({ timeout: 30_000 });
  if (message === null) throw new Error("the stream has ended");
  return message;
}
