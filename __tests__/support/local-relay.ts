import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { Connection, listen, relay, serve, type Listener } from "../../src/index.js";

/**
 * A Unix socket whose clients get a connection of this library each, as docs/libraries.md has it for a library that takes
 * no socket.
 */
export class LocalRelay implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  readonly #listener: Listener;
  readonly #serving: Promise<void>;
  #failure: unknown;

  private constructor(directory: string, listener: Listener, open: () => Promise<Duplex>) {
    this.path = join(directory, "socket");
    this.#directory = directory;
    this.#listener = listener;
    this.#serving = serve(
      listener,
      async (client) => {
        await relay(client, Connection.from(await open()));
      },
      { onError: (error) => (this.#failure = error) },
    );
  }

  static async open(open: () => Promise<Duplex>): Promise<LocalRelay> {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-relay-"));
    return new LocalRelay(directory, await listen(join(directory, "socket"), { mode: 0o600 }), open);
  }

  /** How the last connection failed that was not there when this was read last. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure;
  }

  /** Closes the socket, once all of its clients have closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await this.#serving;
    await rm(this.#directory, { recursive: true });
  }
}
