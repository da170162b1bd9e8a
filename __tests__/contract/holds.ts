import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { bundle } from "../support/bundle.js";
import { ENVIRONMENT } from "./environment.js";
import type { CaseResult } from "./run.js";

/** Longer than a case takes on a busy machine; shorter than jest waits, so that the next case finds a process. */
const CASE_TIMEOUT_MS = 50_000;

/** A process that runs cases of the contract over one kind of connection, one after the other. */
class ContractProcess {
  /** The names of all cases. */
  readonly names: Promise<readonly string[]>;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #stderr = "";
  #isAlive = true;

  constructor(program: string, kind: string) {
    const args = ["--unhandled-rejections=strict", program, kind];
    this.#process = spawn(process.execPath, args, {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: ENVIRONMENT,
    });
    const stderr = this.#process.stderr as Readable;
    stderr.setEncoding("utf8").on("data", (text: string) => (this.#stderr += text));
    (stderr as Partial<Socket>).unref?.();
    // A process whose channel was closed at this end emits no 'close' event.
    this.#ended = Promise.all([once(this.#process, "exit"), once(stderr, "close")]).then(
      () => (this.#isAlive = false),
    );
    this.names = this.#answer();
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Runs one case; rejects with its failure, or when the process ends before the case does. */
  async run(name: string): Promise<void> {
    const answer = this.#answer<CaseResult>();
    this.#process.send(name);
    const late = setTimeout(() => this.kill(), CASE_TIMEOUT_MS);
    const { failure } = await answer.finally(() => clearTimeout(late));
    if (failure !== undefined) throw withStack(failure);
  }

  /** Ends the run; resolves to how the process ends, and what it has printed. */
  async end(): Promise<{ status: number | null; signal: string | null; stderr: string }> {
    this.#process.ref();
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
    return { status: this.#process.exitCode, signal: this.#process.signalCode, stderr: this.#stderr };
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Only while this waits does the process keep this one alive: `-t` may choose none of its cases. */
  async #answer<T>(): Promise<T> {
    const stop = new AbortController();
    this.#process.ref();
    this.#process.channel?.ref();
    try {
      const message = once(this.#process, "message", { signal: stop.signal }) as Promise<[T]>;
      message.catch(() => undefined);
      const answer = await Promise.race([message, this.#ended]);
      if (Array.isArray(answer)) return answer[0] as T;
    } finally {
      stop.abort();
      this.#process.unref();
      this.#process.channel?.unref();
    }
    const { exitCode, signalCode } = this.#process;
    throw new Error(
      `the process of the contract ended too early (${exitCode ?? signalCode}): ${this.#stderr}`,
    );
  }
}

/**
 * Runs the contract over one kind of connection, in a process of its own without a test runner: an unhandled rejection fails
 * the last test. Each kind has a file of its own, so that they run side by side.
 */
export async function contractHoldsFor(kind: string): Promise<void> {
  const program = bundle(new URL("run.ts", import.meta.url));
  let current = new ContractProcess(program, kind);
  const names = await current.names;

  describe(kind, () => {
    afterAll(() => current.kill());

    test.each(names)("%s", async (name) => {
      // A process that died has failed the case before.
      if (!current.isAlive) current = new ContractProcess(program, kind);
      await current.names;
      await current.run(name);
    });

    test("no case leaves a warning, or something that keeps the process alive", async () => {
      expect(await current.end()).toEqual({ status: 0, signal: null, stderr: "" });
    });
  });
}

/** An error whose stack shows where the case failed, and not this file. */
function withStack(stack: string): Error {
  const error = new Error(stack.split("\n    at ")[0]);
  error.stack = stack;
  return error;
}
