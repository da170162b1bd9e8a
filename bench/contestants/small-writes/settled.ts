import type { Socket } from "node:net";
import { tally } from "../../stage.js";
import { serveNet } from "../net-server.js";

const [count] = process.argv.slice(2).map(Number) as [number];
const chunk = Buffer.alloc(16, "tcp6");
const BUFFER_SIZE = 16 * 1024;
const DONE = Promise.resolve();

/** The least that awaiting each write can cost: bytes gathered by hand, and a promise that is settled already. */
class Gathered {
  readonly #socket: Socket;
  #buffer = Buffer.allocUnsafe(BUFFER_SIZE);
  #size = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
    return this.#size + chunk.length > BUFFER_SIZE ? this.#flush() : DONE;
  }

  end(): void {
    this.#socket.end(this.#buffer.subarray(0, this.#size));
  }

  /** Resolves once the kernel has taken the bytes: the buffer is used again. */
  #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#size);
    this.#size = 0;
    return new Promise((resolve) => void this.#socket.write(bytes, () => resolve()));
  }
}

serveNet((socket) => {
  const gathered = new Gathered(socket);
  void (async () => {
    for (let left = count; left > 0; left -= 1) {
      await gathered.write(chunk);
      tally.operations += 1;
    }
    gathered.end();
  })();
});
