import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { argsOver, type Over } from "./over.js";
import type { Answer, Numbers, Question } from "./stage.js";

/** Most ms that an answer may take; a GB through a relay on a busy machine is the longest. */
const ANSWER_TIMEOUT = 120_000;

/** Most ms that a program may take to end when it is told to. */
const END_TIMEOUT = 5_000;

/** Of what a program says on stderr, the part that is shown when it fails. */
const COMPLAINT = 4_096;

const running = new Set<ChildProcess>();

// However this process ends, its children do not stay. Those on stage would see their stdin end; wrk has none.
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  process.on(signal, () => process.exit(status));
}

/** Starts a child that ends at the latest when this process does. */
export function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { stdio: "pipe" });
  running.add(child);
  child.on("close", () => running.delete(child));
  child.on("error", () => running.delete(child));
  return child;
}

/** Where a module of this folder is, once compiled. */
export function pathOf(module: string): string {
  return fileURLToPath(new URL(`${module}.js`, import.meta.url));
}

interface Waiting {
  resolve(numbers: Numbers): void;
  reject(error: Error): void;
}

/** A process on stage (see stage.ts): asked by lines, one question at a time. */
export class Program {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #waiting: Waiting | undefined;
  #ended: string | undefined;
  #complaint = "";

  private constructor(command: string, args: readonly string[]) {
    const child = start(command, args);
    this.#child = child;
    this.#closed = new Promise((resolve) => {
      child.on("close", (code, signal) => {
        this.#end(`ended with ${signal ?? `status ${code ?? "unknown"}`}`);
        resolve();
      });
      child.on("error", (error) => {
        this.#end(error.message);
        resolve();
      });
    });
    // Written to when it has ended already: 'close' tells of that.
    child.stdin?.on("error", () => undefined);
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-COMPLAINT);
    });
    let rest = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#hear(JSON.parse(line) as Answer);
    });
  }

  /** Resolves once the program has come on stage, with what it says of itself. */
  static async start(command: string, args: readonly string[]): Promise<[program: Program, facts: Numbers]> {
    const program = new Program(command, args);
    return [program, await program.#answer()];
  }

  /** Starts one of our own loads. */
  static load(module: string, over: Over = "tcp"): Promise<[program: Program, facts: Numbers]> {
    return Program.start(process.execPath, [pathOf(`loads/${module}`), ...argsOver(over)]);
  }

  /** Resolves to its answer; rejects if it fails, ends, or takes too long. */
  ask(action: string, numbers: Numbers = {}): Promise<Numbers> {
    const question: Question = { action, numbers };
    const answer = this.#answer();
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
    return answer;
  }

  /** Resolves once the process has ended, by itself or not; to the reason if it failed. */
  async end(): Promise<string | undefined> {
    this.#child.stdin?.end();
    const kill = setTimeout(() => this.#child.kill("SIGKILL"), END_TIMEOUT);
    await this.#closed;
    clearTimeout(kill);
    return this.#child.exitCode === 0 ? undefined : this.#ended;
  }

  async #answer(): Promise<Numbers> {
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Numbers>((resolve, reject) => {
        if (this.#ended !== undefined) throw new Error(this.#ended);
        this.#waiting = { resolve, reject };
        late = setTimeout(() => {
          reject(new Error(`no answer in ${ANSWER_TIMEOUT / 1_000} s`));
          // A late answer would be taken for the answer to the next question.
          this.#child.kill("SIGKILL");
        }, ANSWER_TIMEOUT);
      });
    } finally {
      clearTimeout(late);
      this.#waiting = undefined;
    }
  }

  #hear(answer: Answer): void {
    if ("numbers" in answer) this.#waiting?.resolve(answer.numbers);
    else this.#waiting?.reject(new Error(answer.failure));
  }

  #end(how: string): void {
    this.#ended = [how, said(this.#complaint)].filter(Boolean).join(": ");
    this.#waiting?.reject(new Error(this.#ended));
  }
}

/** The line of a stack trace, or of another error message, that says what is wrong. */
function said(complaint: string): string {
  const lines = complaint.split("\n").map((line) => line.trim());
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.find(Boolean) ?? "";
}
