import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LOCALHOST } from "./certificates.js";
import { unusedPort } from "./unused-port.js";
import { Program } from "./program.js";
import { POSTGRES } from "./machine.js";

/** The owner of the database. The server trusts every client, without a password, also one that asks for TLS. */
export const USER = "tcp6";

/** The server refuses to be root's, and can go to no directory of root's. */
const AS_ANOTHER =
  process.geteuid?.() === 0
    ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "env", "--chdir=/"]
    : ["env"];

/** A database cluster of the test's own, and the server of it, when it runs. */
export class Postgres {
  readonly #directory: string;
  #program: Program | undefined;
  #port = 0;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async create(): Promise<Postgres> {
    const made = await succeed("mktemp", "--directory", join(tmpdir(), "tcp6-postgres-XXXXXX"));
    const postgres = new Postgres(made.trim());
    const settings = ["--no-locale", "--encoding=UTF8", "--auth=trust", `--username=${USER}`, "--no-sync"];
    try {
      await succeed(join(dirname(POSTGRES.command), "initdb"), ...settings, "-D", postgres.#data);
      await postgres.#writeSecret("server.crt", LOCALHOST.cert);
      await postgres.#writeSecret("server.key", LOCALHOST.key);
    } catch (error) {
      await postgres.remove();
      throw error;
    }
    return postgres;
  }

  get port(): number {
    return this.#port;
  }

  /** The path of its Unix socket. */
  get path(): string {
    return join(this.#directory, `.s.PGSQL.${String(this.#port)}`);
  }

  /** Starts it, unless it runs: on a port that it keeps. */
  async start(): Promise<void> {
    if (this.#program !== undefined) return;
    if (this.#port === 0) this.#port = await unusedPort();
    const places = ["-h", "127.0.0.1", "-p", String(this.#port), "-k", this.#directory];
    // The cluster need not survive a power failure.
    this.#program = run(POSTGRES.command, "-D", this.#data, "-F", "-l", ...places);
    await this.#program.says(/ready to accept connections/);
  }

  /**
   * Stops it, if it runs: `"SIGINT"` tells its clients, `"SIGQUIT"` does not wait for them. Never `"SIGKILL"`: that would
   * leave its shared memory to the system.
   */
  async stop(signal: "SIGINT" | "SIGQUIT"): Promise<void> {
    const program = this.#program;
    this.#program = undefined;
    program?.kill(signal);
    await program?.ended;
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }

  /** Writes a file of the server's, which it reads only if no other user can. */
  async #writeSecret(name: string, text: string): Promise<void> {
    const written = run("sh", "-c", 'umask 077 && cat > "$0"', join(this.#data, name));
    written.feed(text);
    const { status, stderr } = await written.ended;
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
  }

  get #data(): string {
    return join(this.#directory, "data");
  }
}

function run(...words: readonly string[]): Program {
  const [command = "", ...args] = [...AS_ANOTHER, ...words];
  return new Program(command, args);
}

/** What a command says that must succeed. */
async function succeed(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...words).ended;
  if (status !== 0) throw new Error(`${words.join(" ")}: ${String(status)}: ${stderr}`);
  return stdout.toString();
}
