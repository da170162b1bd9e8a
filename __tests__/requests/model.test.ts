import { NetError, requests, type Messages } from "../../src/index.js";
import { randomInt } from "node:crypto";
import { messagePair, next, type Message } from "../support/requests/peer.js";
import {
  ours,
  play,
  type Client,
  type MakeClient,
  type Mode,
  type Tally,
} from "../support/requests/model.js";

/** Plays scenarios with seeds from `first` on; the error names the seed. */
async function playAll(first: number, count: number, make: MakeClient, only?: Mode): Promise<Tally> {
  const tally: Tally = { answered: 0, failed: 0 };
  for (let seed = first; seed < first + count; seed++) {
    await play(seed, make, tally, only).catch((error: unknown) => {
      throw new Error(`seed ${String(seed)}: ${(error as Error).message}`, { cause: error });
    });
  }
  return tally;
}

/** A client without keys as it is often written. Without `keepsPlaces` the place of a request that was given up is dropped. */
class SimpleClient implements Client {
  readonly #messages: Messages<Message>;
  readonly #keepsPlaces: boolean;
  #waiting: { resolve: (message: Message) => void; reject: (error: Error) => void }[] = [];
  #isOver = false;
  pending = 0;

  constructor(messages: Messages<Message>, keepsPlaces: boolean) {
    this.#messages = messages;
    this.#keepsPlaces = keepsPlaces;
    void this.#read();
  }

  async request(
    message: Message,
    options: { signal?: AbortSignal; timeout?: number } = {},
  ): Promise<Message> {
    const { signal, timeout } = options;
    if (this.#isOver) throw failed();
    this.pending++;
    const leave = new AbortController();
    const reply = new Promise<Message>((resolve, reject) => {
      const call = { resolve, reject };
      this.#waiting.push(call);
      const giveUp = (): void => {
        if (!this.#keepsPlaces) this.#waiting = this.#waiting.filter((other) => other !== call);
        reject(failed());
      };
      signal?.addEventListener("abort", giveUp, { once: true, signal: leave.signal });
      if (timeout !== undefined) setTimeout(giveUp, timeout);
      void this.#messages.send(message).catch(() => reject(failed()));
    });
    return await reply.finally(() => {
      this.pending--;
      leave.abort();
    });
  }

  async close(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#messages.connection.reset();
  }

  async #read(): Promise<void> {
    try {
      for await (const message of this.#messages) this.#waiting.shift()?.resolve(message);
    } catch {
      // The calls that wait are rejected all the same.
    }
    this.#isOver = true;
    for (const { reject } of this.#waiting) reject(failed());
  }
}

function failed(): NetError {
  return new NetError("failed", { code: "ERR_CLOSED", operation: "request", written: "partly" });
}

test("a reply reaches the caller whose request it answers, or no caller; every call settles", async () => {
  // Always the same ones, so that a fault of today is one of tomorrow; and others each time.
  const tallies = [await playAll(1, 80, ours), await playAll(randomInt(1_000, 2 ** 30), 60, ours)];
  for (const { answered, failed } of tallies) {
    expect(answered).toBeGreaterThan(100);
    expect(failed).toBeGreaterThan(100);
  }
});

test("the model catches a client that drops the place of a request that was given up, and passes one that keeps it", async () => {
  const simple =
    (keepsPlaces: boolean): MakeClient =>
    (messages) =>
      new SimpleClient(messages, keepsPlaces);
  await expect(playAll(1, 40, simple(false), "order")).rejects.toThrow(/a reply has reached another caller/);
  const { answered } = await playAll(1, 40, simple(true), "order");
  expect(answered).toBeGreaterThan(20);
});

test("a reset at every byte of the replies: those that are whole are handed out, the others fail", async () => {
  const count = 3;
  const replies = Array.from({ length: count }, (_, i) => {
    const text = Buffer.from(JSON.stringify({ text: `reply ${String(i)}` }));
    return Buffer.concat([Buffer.of(0, 0, 0, text.length), text]);
  });
  const all = Buffer.concat(replies);
  for (let cut = 0; cut <= all.length; cut++) {
    const [client, peer] = messagePair();
    const shared = requests(client);
    const calls = replies.map((_, i) => shared.request({ text: String(i) }));
    const outcomes = Promise.allSettled(calls);
    for (let i = 0; i < count; i++) await next(peer);
    await peer.connection.write(all.subarray(0, cut));
    peer.connection.reset();
    let whole = 0;
    for (let end = 0; whole < count && (end += replies[whole]?.length ?? 0) <= cut;) whole++;
    (await outcomes).forEach((outcome, i) => {
      if (i < whole) expect(outcome).toMatchObject({ value: { text: `reply ${String(i)}` } });
      else expect(outcome).toMatchObject({ reason: { code: "ECONNRESET", written: "partly" } });
    });
    expect(shared.pending).toBe(0);
    await Promise.allSettled([shared.closed, peer.connection.closed]);
  }
});
