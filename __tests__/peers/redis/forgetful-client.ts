import { resp, type Command, type Reply } from "../../../examples/redis-client.js";
import { framed, type Connection, type Messages, type OperationOptions } from "tcp6";
import type { Client } from "./stress.js";

/** A client with the usual mistake: it forgets a request that is given up, and the next one gets the reply to it. */
export class ForgetfulClient implements Client {
  readonly #messages: Messages<Reply, Command>;
  readonly #waiting: ((reply: Reply) => void)[] = [];

  constructor(connection: Connection) {
    this.#messages = framed(connection, resp);
    this.#read().catch(() => undefined); // It was closed while it read.
  }

  request(command: Command, { signal }: OperationOptions = {}): Promise<Reply> {
    void this.#messages.send(command);
    return new Promise((resolve, reject) => {
      const forget = (): void => {
        const place = this.#waiting.indexOf(answered);
        if (place !== -1) this.#waiting.splice(place, 1);
        reject(signal?.reason as Error);
      };
      const answered = (reply: Reply): void => {
        signal?.removeEventListener("abort", forget);
        resolve(reply);
      };
      this.#waiting.push(answered);
      signal?.addEventListener("abort", forget, { once: true });
    });
  }

  close(): Promise<void> {
    return this.#messages.connection.close();
  }

  async #read(): Promise<void> {
    for await (const reply of this.#messages) this.#waiting.shift()?.(reply);
  }
}
