import { NetError, requests, type Messages, type OperationOptions } from "../../src/index.js";
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
import { ordered, playDisorder, type MakeOrdered } from "../support/requests/disorder.js";

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
  readonly #push: (message: Message) => void;
  #waiting: { resolve: (message: Message) => void; reject: (error: Error) => void }[] = [];
  #isOver = false;
  pending = 0;

  constructor(
    messages: Messages<Message>,
    keepsPlaces: boolean,
    push: (message: Message) => void = () => undefined,
  ) {
    this.#messages = messages;
    this.#push = push;
    this.#keepsPlaces = keepsPlaces;
    void this.#read();
  }

  async request(message: Message, options: OperationOptions = {}): Promise<Message> {
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
      for await (const message of this.#messages) {
        const call = this.#waiting.shift();
        if (call === undefined) this.#push(message);
        else call.resolve(message);
      }
    } catch {
      // The calls that wait are rejected all the same.
    }
    this.#isOver = true;
    for (const { reject } of this.#waiting) reject(failed());
  }
}

/** Hands a message that comes too early to the next caller. */
class KeepingClient extends SimpleClient {
  readonly #messages: Messages<Message>;
  readonly #early: Message[];

  constructor(messages: Messages<Message>) {
    const early: Message[] = [];
    super(messages, true, (message) => void early.push(message));
    this.#messages = messages;
    this.#early = early;
  }

  override async request(message: Message, options?: OperationOptions): Promise<Message> {
    const early = this.#early.shift();
    if (early === undefined) return await super.request(message, options);
    void this.#messages.send(message).catch(() => undefined);
    return early;
  }
}

function failed(): NetError {
  return new NetError("failed", { code: "ERR_CLOSED", operation: "request", written: "partly" });
}

test("a reply reaches the caller whose request it answers, or no caller; every call settles", async () => {
  // Always the same ones, so that a fault of today is one of tomorrow; and others each time.
  const tallies = [await playAll(1, 80, ours), await playAll(randomInt(1_000, 2 ** 30), 60, ours)];
  // Of some hundreds; how many are answered in time depends on the seed, and on how busy the machine is.
  for (const { answered, failed } of tallies) {
    expect(answered).toBeGreaterThan(20);
    expect(failed).toBeGreaterThan(20);
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

describe("replies that are missing, doubled or too early, where nothing but the order says whose they are", () => {
  async function playMany(first: number, count: number, make: MakeOrdered): Promise<Tally> {
    const tally: Tally = { answered: 0, failed: 0 };
    for (let seed = first; seed < first + count; seed++) {
      await playDisorder(seed, make, tally).catch((error: unknown) => {
        throw new Error(`seed ${String(seed)}: ${(error as Error).message}`, { cause: error });
      });
    }
    return tally;
  }

  test("each message answers the first request that was sent before it and has no reply, or is a push", async () => {
    const tallies = [await playMany(1, 40, ordered), await playMany(randomInt(1_000, 2 ** 30), 30, ordered)];
    for (const { answered, failed } of tallies) {
      expect(answered).toBeGreaterThan(20);
      expect(failed).toBeGreaterThan(10);
    }
  });

  test("the model catches a client that drops the place of a request that was given up", async () => {
    const simple: MakeOrdered = (messages, push) => new SimpleClient(messages, false, push);
    await expect(playMany(1, 40, simple)).rejects.toThrow(/a message has reached another caller/);
  });

  test("the model catches a client that keeps what comes too early for the next request", async () => {
    const keeping: MakeOrdered = (messages) => new KeepingClient(messages);
    await expect(playMany(1, 40, keeping)).rejects.toThrow(
      /a message has begun to come before its request was made/,
    );
  });

  test("the model catches a client that forgets a message that answers no request", async () => {
    const forgetful: MakeOrdered = (messages) => new SimpleClient(messages, true);
    await expect(playMany(1, 40, forgetful)).rejects.toThrow(/a message has reached another caller/);
  });
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
