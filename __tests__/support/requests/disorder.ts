import assert from "node:assert/strict";
import { NetError, requests, type Messages, type OperationOptions } from "../../../src/index.js";
import { randomFrom, turns, type Client, type Tally } from "./model.js";
import { messagePair, wrapped, type Message } from "./peer.js";

/** Makes what sends requests in order. `push` is told of each message that answers no request. */
export type MakeOrdered = (messages: Messages<Message>, push: (message: Message) => void) => Client;

export const ordered: MakeOrdered = (messages, push) => requests(messages, { unsolicited: push });

/** What the peer has got and sent. Its messages have the numbers 1, 2, … as their ids. */
interface Log {
  /** The texts of the requests, in the order in which they came. */
  readonly got: string[];
  /** How many requests had come when each message was sent, and where the message ends in the stream, in bytes. */
  readonly sent: { readonly got: number; readonly end: number }[];
}

/** A call that got a message. `received`: how many bytes had arrived when it was made. */
interface Answer {
  readonly text: string;
  readonly message: number;
  readonly received: number;
}

/**
 * Plays a scenario with a peer that leaves replies out, doubles them, and sends messages too early, where nothing but the order
 * says which request a message answers. What must hold then: each message answers the first request that was sent before it
 * and has no reply, also one that was given up; and a message that answers none is a push.
 */
export async function playDisorder(seed: number, make: MakeOrdered, tally: Tally): Promise<void> {
  const random = randomFrom(seed);
  const [a, b] = messagePair({ capacity: [7, 64, 65_536][random(3)] });
  const pushes: number[] = [];
  const client = make(random(4) === 0 ? wrapped(a) : a, ({ id }) => void pushes.push(id ?? 0));
  const log: Log = { got: [], sent: [] };
  const answering = answer(b, log, random).catch(() => undefined);
  const answers: Answer[] = [];
  const calls: Promise<void>[] = [];
  const call = async (text: string): Promise<void> => {
    const received = a.connection.bytesRead;
    const options: OperationOptions = random(3) === 0 ? { timeout: random(3) } : {};
    try {
      const { id: message = 0 } = await client.request({ text }, options);
      answers.push({ text, message, received });
      tally.answered++;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      tally.failed++;
    }
  };
  for (let serial = 0; serial < 20; serial++) {
    calls.push(call(`request ${String(serial)}`));
    await turns(random(4));
  }
  await client.close({ timeout: 5 }).catch(() => undefined);
  await Promise.all(calls);
  b.connection.reset();
  await Promise.allSettled([a.connection.closed, b.connection.closed, answering]);
  assert.equal(client.pending, 0, "a call is still pending");
  check(log, answers, pushes);
}

function check({ got, sent }: Log, answers: readonly Answer[], pushes: readonly number[]): void {
  for (const { text, message, received } of answers) {
    const place = got.indexOf(text);
    // The peer was reset before it has read this request.
    if (place === -1) continue;
    const pushesBefore = pushes.filter((push) => push < message).length;
    assert.equal(message - pushesBefore, place + 1, "a message has reached another caller");
    const begin = sent[message - 2]?.end ?? 0;
    assert.ok(begin >= received, "a message has begun to come before its request was made");
  }
  pushes.forEach((push, pushesBefore) => {
    const answered = push - 1 - pushesBefore;
    assert.ok((sent[push - 1]?.got ?? 0) <= answered, "a message that answers a request is taken for a push");
  });
}

async function answer(peer: Messages<Message>, { got, sent }: Log, random: (below: number) => number) {
  let end = 0;
  const send = async (text: string): Promise<void> => {
    const message = { text, id: sent.length + 1 };
    end += 4 + Buffer.byteLength(JSON.stringify(message));
    sent.push({ got: got.length, end });
    await peer.send(message);
  };
  for await (const { text } of peer) {
    got.push(text);
    await turns(random(3));
    const copies = [0, 2, 1, 1, 1, 1][random(6)] ?? 1;
    for (let i = 0; i < copies; i++) await send(`reply to ${text}`);
    if (random(8) === 0) await send("too early");
  }
}
