import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { unusedPort } from "./unused-port.js";
import type { Peer } from "./machine.js";
import { Program, type Outcome } from "./program.js";

/** How a server of another project is started. */
export interface ServerRecipe {
  readonly peer: Peer;
  /** Makes what the server needs in its directory, before the first start. */
  readonly prepare?: (directory: string, port: number) => Promise<void>;
  readonly args: (directory: string, port: number) => readonly string[];
  /** What the server prints when it listens. */
  readonly ready: RegExp;
}

/** A server of another project on a port of 127.0.0.1, with a directory of its own. It can be started again, on that port. */
export class LocalServer {
  readonly port: number;
  readonly directory: string;
  readonly #recipe: ServerRecipe;
  #program: Program | undefined;

  private constructor(recipe: ServerRecipe, directory: string, port: number) {
    this.#recipe = recipe;
    this.directory = directory;
    this.port = port;
  }

  /** A server that does not run yet. */
  static async create(recipe: ServerRecipe): Promise<LocalServer> {
    const directory = await mkdtemp(join(tmpdir(), "tcp6-server-"));
    const server = new LocalServer(recipe, directory, await unusedPort());
    await recipe.prepare?.(directory, server.port);
    return server;
  }

  /** Starts the server, unless it runs. */
  async start(): Promise<void> {
    if (this.#program !== undefined) return;
    const { peer, args, ready } = this.#recipe;
    this.#program = new Program(peer.command, args(this.directory, this.port));
    await this.#program.says(ready);
  }

  /** Resolves to how the server, which runs, has ended. */
  get ended(): Promise<Outcome> {
    return this.#program?.ended ?? Promise.reject(new Error("the server does not run"));
  }

  /** Ends the server, if it runs: `"SIGTERM"` lets it take leave of its clients, `"SIGKILL"` does not. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    program?.kill(signal);
    await program?.ended;
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL");
    await rm(this.directory, { recursive: true });
  }
}
