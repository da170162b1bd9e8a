import type { Connection, Messages, OperationOptions } from "../../src/index.js";
import { lengthPrefixed } from "../../src/index.js";
import { memoryPair, type MemoryPairOptions } from "../../src/testing/index.js";

/** A message of the tests. Requests and replies that belong together have the same `text`. */
export interface Message {
  readonly text: string;
  /** The key, where replies have keys; left out of pushes. */
  readonly id?: number;
  /** Bytes that make it longer. */
  readonly padding?: string;
}

/** Messages as JSON, each with its length before it. */
export function jsonMessages(connection: Connection): Messages<Message> {
  const frames = lengthPrefixed(connection);
  const receive = async (options?: OperationOptions): Promise<Message | null> => {
    const frame = await frames.receive(options);
    return frame === null ? null : (JSON.parse(frame.toString()) as Message);
  };
  return {
    connection,
    receive,
    send: (message, options) => frames.send(JSON.stringify(message), options),
    async *[Symbol.asyncIterator]() {
      for (let message = await receive(); message !== null; message = await receive()) yield message;
    },
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
  const message = await messages.receive({ timeout: 5_000 });
  if (message === null) throw new Error("the stream has ended");
  return message;
}
