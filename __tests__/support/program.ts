import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { until } from "./outcomes.js";

/** How a program ended, and all that it printed. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

/** Another process, whose output is kept. */
export class Program {
  /** Resolves when the program has ended and its streams are read to their end. */
  readonly ended: Promise<Outcome>;
  readonly #process: ChildProcess;
  readonly #stdout: Buffer[] = [];
  #stderr = "";
  readonly #name: string;

  /** @param descriptors - of this process, which are those from 3 on of the other */
  constructor(
    command: string,
    args: readonly string[],
    env: Readonly<Record<string, string | undefined>> = {},
    descriptors: readonly number[] = [],
  ) {
    this.#name = [command, ...args].join(" ");
    const stdio = ["pipe", "pipe", "pipe", ...descriptors] as ["pipe", "pipe", "pipe"];
    const child = spawn(command, args, { stdio, env: { ...process.env, ...env } });
    this.#process = child;
    running.add(child);
    child.stdout.on("data", (chunk: Buffer) => this.#stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => (this.#stderr += chunk.toString()));
    // A program that ends does not read what is still written to it.
    child.stdin.on("error", () => undefined);
    this.ended = once(child, "close").then(([status, signal]) => {
      running.delete(child);
      return {
        status: status as number | null,
        signal: signal as NodeJS.Signals | null,
        stdout: Buffer.concat(this.#stdout),
        stderr: this.#stderr,
      };
    });
    // One that could not be started.
    this.ended.catch(() => running.delete(child));
  }

  /** Resolves to what it says by the first match; rejects if it ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const said = Buffer.concat(this.#stdout).toString() + this.#stderr;
      const match = pattern.exec(said);
      if (match !== null) return match;
      if (!running.has(this.#process)) {
        throw new Error(`${this.#name} ended without saying ${String(pattern)}: ${said}`);
      }
      await this.#more();
    }
  }

  /** Gives it all of its input. */
  feed(input: string | Uint8Array): void {
    this.#process.stdin?.end(input);
  }

  /** Gives it some of its input. */
  type(input: string): void {
    this.#process.stdin?.write(input);
  }

  /** Reads no more of what it prints, as a reader that is busy. */
  pauseOutput(): void {
    this.#process.stdout?.pause();
  }

  /** Reads on. */
  resumeOutput(): void {
    this.#process.stdout?.resume();
  }

  /** Resolves to the status of the process when that has ended, whether or not its output is read. */
  async exited(): Promise<number | null> {
    if (this.#process.exitCode === null) await once(this.#process, "exit");
    return this.#process.exitCode;
  }

  /** Reads no more of what it prints, as a reader that has ended. */
  closeOutput(): void {
    this.#process.stdout?.destroy();
  }

  kill(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Stops it, until it is sent `SIGCONT`. Resolves when it no longer runs. */
  async stop(): Promise<void> {
    this.kill("SIGSTOP");
    await this.stopped();
  }

  /** Resolves when it has been stopped, by whatever process (proc_pid_stat(5): state T). */
  async stopped(): Promise<void> {
    const stat = `/proc/${String(this.#process.pid)}/stat`;
    await until(function theProgramIsStopped() {
      return readFileSync(stat, "utf8").includes(") T ");
    });
  }

  async #more(): Promise<void> {
    const stop = new AbortController();
    const { stdout, stderr } = this.#process;
    const spoken = [stdout, stderr].map((stream) =>
      once(stream as NodeJS.ReadableStream, "data", { signal: stop.signal }).catch(() => undefined),
    );
    await Promise.race([...spoken, this.ended]);
    stop.abort();
  }
}

/** For `afterEach`: ends what a failed test has left running. */
export async function endPrograms(): Promise<void> {
  for (const child of running) child.kill("SIGKILL");
  while (running.size > 0) {
    const [child] = running;
    if (child !== undefined) await once(child, "close");
  }
}
