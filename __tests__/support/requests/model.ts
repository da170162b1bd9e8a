import assert from "node:assert/strict";
import { NetError, requests, type Messages, type OperationOptions } from "../../../src/index.js";
import { turn } from "../outcomes.js";
import { listenersOf } from "../resources.js";
import { BY_ID, messagePair, wrapped, type Message } from "./peer.js";

/** What sends requests: that of the library, or a wrong one, which the model must catch. */
export interface Client {
  request(message: Message, options?: OperationOptions): Promise<Message>;
  close(options?: OperationOptions): Promise<void>;
  readonly pending: number;
}

/** How replies belong to requests. `"reused keys"`: several requests have the same key, also at a time. */
export type Mode = "order" | "keys" | "reused keys";

export type MakeClient = (messages: Messages<Message>, mode: Mode, concurrency: number) => Client;

export const ours: MakeClient = (messages, mode, concurrency) =>
  mode === "order"
    ? requests(messages, { concurrency })
    : requests(messages, { concurrency, match: BY_ID, unsolicited: () => undefined });

/** Numbers from a seed: mulberry32. */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

const MODES = ["order", "keys", "reused keys"] as const;
const ENDS = [
  "none",
  "none",
  "reset by the peer",
  "end by the peer",
  "close",
  "reset by the program",
] as const;

/** How many calls had their replies, and how many were given up, in all scenarios. */
export interface Tally {
  answered: number;
  failed: number;
}

/** Plays one scenario, and checks what holds for all of them. */
export async function play(seed: number, make: MakeClient, tally: Tally, only?: Mode): Promise<void> {
  const random = randomFrom(seed);
  const picked = MODES[random(3)] ?? "order";
  const mode = only ?? picked;
  const end = ENDS[random(ENDS.length)] ?? "none";
  const count = 1 + random(24);
  const endsAfter = random(count + 1);
  const [a, b] = messagePair({ capacity: [1, 7, 64, 65_536][random(4)] });
  const client = make(random(4) === 0 ? wrapped(a) : a, mode, [1, 2, Infinity][random(3)] ?? 1);
  const answering = answer(b, mode, random).catch(ignore);
  const signals: AbortSignal[] = [];
  const calls: Promise<void>[] = [];
  const faults: unknown[] = [];
  for (let serial = 0; serial < count; serial++) {
    if (serial === endsAfter) {
      if (end === "reset by the peer") b.connection.reset();
      if (end === "end by the peer") void b.connection.closeWrite().catch(ignore);
      if (end === "close") void client.close().catch(ignore);
      if (end === "reset by the program") a.connection.reset();
    }
    calls.push(
      call(client, serial, mode, random, signals, tally).catch((fault: unknown) => void faults.push(fault)),
    );
    await turns(random(3));
  }
  await client.close({ timeout: 5 }).catch(ignore);
  // A promise that never settles fails the test by its time.
  await Promise.all(calls);
  b.connection.reset();
  await Promise.allSettled([a.connection.closed, b.connection.closed, answering]);
  if (faults.length > 0) throw faults[0];
  assert.equal(client.pending, 0, "a call is still pending");
  for (const signal of signals) assert.equal(listenersOf(signal), 0, "a listener is left on a signal");
}

/** One caller: it gives up at some moment, or never. Its reply must be that to its request. */
async function call(
  client: Client,
  serial: number,
  mode: Mode,
  random: (below: number) => number,
  signals: AbortSignal[],
  tally: Tally,
): Promise<void> {
  const patience = random(4);
  const text = `request ${String(serial)}`;
  const id = mode === "reused keys" ? random(3) : serial;
  const controller = new AbortController();
  signals.push(controller.signal);
  const { signal } = controller;
  const options: OperationOptions =
    patience === 0 ? { timeout: random(3), signal } : patience === 1 ? { signal } : {};
  const reply = client.request({ text, id }, options);
  if (patience === 1) void turns(random(8)).then(() => controller.abort());
  try {
    const message = await reply;
    assert.equal(message.text, `reply to ${text}`, "a reply has reached another caller");
    tally.answered++;
  } catch (error) {
    if (error !== signal.reason && !(error instanceof NetError)) throw error;
    if (error instanceof NetError) assert.notEqual(error.written, undefined, error.message);
    tally.failed++;
  }
}

/** The peer: it answers late, in another order where there are keys, twice, or not at all where each key is used once. */
async function answer(peer: Messages<Message>, mode: Mode, random: (below: number) => number): Promise<void> {
  const waiting: Message[] = [];
  const reply = async (): Promise<void> => {
    // Of the same key the first one comes first.
    const picked = mode === "order" ? 0 : random(waiting.length);
    const first = waiting.findIndex(({ id }) => mode === "order" || id === waiting[picked]?.id);
    const [message] = waiting.splice(first, 1);
    if (message === undefined) return;
    const { text, id } = message;
    const fate = mode === "keys" ? random(8) : 7;
    if (fate > 0) await peer.send({ text: `reply to ${text}`, id } as Message);
    if (fate === 1) await peer.send({ text: `reply to ${text}`, id } as Message);
    if (fate === 2) await peer.send({ text: "push" });
  };
  for await (const message of peer) {
    waiting.push(message);
    await turns(random(3));
    while (waiting.length > 0 && random(3) > 0) await reply();
    // Nothing more may come before these are answered.
    if (peer.connection.readableLength === 0) while (waiting.length > 0) await reply();
  }
}

function ignore(): void {
  // How it ends is seen by the calls.
}
