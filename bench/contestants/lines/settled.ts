import type { Socket } from "node:net";
import { serveNet } from "../net-server.js";
import { replyTo } from "./reply.js";

const DONE = Promise.resolve();

/** The least that awaiting each line and each write can cost: lines split by hand, and promises that are settled already. */
class Lines implements AsyncIterable<string>, AsyncIterator<string, undefined> {
  readonly #socket: Socket;
  #text = "";
  #from = 0;
  #replies = "";
  #resolve: ((line: IteratorResult<string, undefined>) => void) | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.#text = this.#text.slice(this.#from) + text;
      this.#from = 0;
      const value = this.#resolve === null ? undefined : this.#take();
      if (value === undefined) return;
      this.#resolve?.({ value, done: false });
      this.#resolve = null;
    });
  }

  next(): Promise<IteratorResult<string, undefined>> {
    const value = this.#take();
    if (value !== undefined) return Promise.resolve({ value, done: false });
    if (this.#replies !== "") this.#socket.write(this.#replies);
    this.#replies = "";
    return new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  write(text: string): Promise<void> {
    this.#replies += text;
    return DONE;
  }

  #take(): string | undefined {
    const end = this.#text.indexOf("\n", this.#from);
    if (end === -1) return undefined;
    const line = this.#text.slice(this.#from, this.#text[end - 1] === "\r" ? end - 1 : end);
    this.#from = end + 1;
    return line;
  }
}

async function serve(lines: Lines): Promise<void> {
  for await (const line of lines) await lines.write(replyTo(line));
}

serveNet((socket) => void serve(new Lines(socket)));
