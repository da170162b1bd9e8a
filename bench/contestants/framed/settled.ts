import type { Socket } from "node:net";
import { serveNet } from "../net-server.js";
import { count } from "./count.js";

const NOTHING = Buffer.alloc(0);

type Result = IteratorResult<Buffer, undefined>;

/** The least that awaiting each message can cost: messages cut by hand, and promises that are settled already. */
class Messages implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  #bytes: Buffer = NOTHING;
  #from = 0;
  #resolve: ((message: Result) => void) | null = null;

  constructor(socket: Socket) {
    socket.on("data", (chunk: Buffer) => {
      const rest = this.#bytes.subarray(this.#from);
      this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      this.#from = 0;
      const value = this.#resolve === null ? undefined : this.#take();
      if (value !== undefined) this.#settle({ value, done: false });
    });
    socket.on("close", () => this.#settle({ value: undefined, done: true }));
  }

  next(): Promise<Result> {
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #settle(result: Result): void {
    this.#resolve?.(result);
    this.#resolve = null;
  }

  /** A message is the program's own, as those of tcp6 are: a view would keep the whole chunk alive. */
  #take(): Buffer | undefined {
    const from = this.#from + 4;
    if (from > this.#bytes.length) return undefined;
    const end = from + this.#bytes.readUInt32BE(this.#from);
    if (end > this.#bytes.length) return undefined;
    this.#from = end;
    return Buffer.from(this.#bytes.subarray(from, end));
  }
}

async function read(messages: Messages): Promise<void> {
  for await (const message of messages) count(message);
}

serveNet((socket) => void read(new Messages(socket)));
