/**
 * Programs on simulated hosts: modules that run when they are imported, with arguments, signals, an input and an output of
 * their own. Each start imports the module anew, so what it keeps in variables is its own as well.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { format } from "node:util";
import { runInThisContext } from "node:vm";
import type { Host } from "../../src/testing/index.js";

const EXAMPLES = new URL("../../examples/", import.meta.url);

const running = new AsyncLocalStorage<SimulatedProgram>();

let starts = 0;

export class SimulatedProgram {
  readonly argv: readonly string[];
  readonly stdin = new PassThrough();
  /** What it has printed, line by line. */
  readonly output: string[] = [];
  exitCode: number | string | null | undefined;
  /** Settles as the program does. */
  readonly ended: Promise<unknown>;
  readonly #handlers: { readonly signal: string; readonly handle: () => void }[] = [];
  readonly #watchers = new Set<() => void>();

  constructor(host: Host, module: URL, args: readonly (string | number)[]) {
    this.argv = ["node", fileURLToPath(module), ...args.map(String)];
    const specifier = `${fileURLToPath(module)}?${String(++starts)}`;
    this.ended = host.run(() => running.run(this, () => import(specifier)));
    this.ended.catch(() => undefined);
  }

  handles(signal: string, handle: () => void): void {
    this.#handlers.push({ signal, handle });
  }

  /** Sends it a signal. */
  kill(signal: "SIGINT" | "SIGTERM"): void {
    const here = this.#handlers.filter((one) => one.signal === signal);
    if (here.length === 0) throw new Error(`the program does not handle ${signal}`);
    for (const { handle } of here) running.run(this, handle);
  }

  prints(line: string): void {
    this.output.push(line);
    for (const look of this.#watchers) look();
    this.#watchers.clear();
  }

  /** Resolves once a line of its output, of now or later, has a text in it; rejects if the program has failed before. */
  async says(text: string): Promise<string> {
    for (;;) {
      const found = this.output.find((line) => line.includes(text));
      if (found !== undefined) return found;
      await new Promise<void>((resolve, reject) => {
        this.#watchers.add(resolve);
        this.ended.catch(reject);
      });
    }
  }
}

/** Starts an example on a host. */
export function startExample(host: Host, name: string, ...args: (string | number)[]): SimulatedProgram {
  return startProgram(host, new URL(`${name}.ts`, EXAMPLES), ...args);
}

/** Starts any module on a host. */
export function startProgram(host: Host, module: URL, ...args: (string | number)[]): SimulatedProgram {
  return new SimulatedProgram(host, module, args);
}

/** Jest gives each file of tests a `process` and a `console` of its own, which need not be given back. */
function ofProgram(owner: object, name: "argv" | "stdin" | "exitCode"): void {
  const own = Object.getOwnPropertyDescriptor(owner, name) ?? {};
  // Looked up when it is asked for: `stdin` is opened by that.
  let outside = (): unknown => ("value" in own ? own.value : own.get?.call(owner));
  Object.defineProperty(owner, name, {
    configurable: true,
    get: () => running.getStore()?.[name] ?? outside(),
    set: (value: unknown) => {
      const program = running.getStore();
      if (program === undefined) outside = () => value;
      else Object.assign(program, { [name]: value });
    },
  });
}

for (const name of ["argv", "stdin", "exitCode"] as const) ofProgram(process, name);

/** That of Node itself, whose `argv` is what `parseArgs` of `node:util` takes by default. */
const realProcess = runInThisContext("process") as typeof process;
const realArguments = realProcess.argv;
ofProgram(realProcess, "argv");
afterAll(() => {
  Object.defineProperty(realProcess, "argv", {
    configurable: true,
    enumerable: true,
    writable: true,
    value: realArguments,
  });
});

for (const name of ["on", "once"] as const) {
  const outside = process[name].bind(process) as (event: string, handle: () => void) => unknown;
  Object.assign(process, {
    [name]: (event: string, handle: () => void): unknown => {
      const program = running.getStore();
      if (program === undefined || !event.startsWith("SIG")) return outside(event, handle);
      program.handles(event, handle);
      return process;
    },
  });
}
for (const name of ["log", "error"] as const) {
  const outside = console[name].bind(console);
  console[name] = (...values: unknown[]): void => {
    const program = running.getStore();
    if (program === undefined) outside(...values);
    else program.prints(format(...values));
  };
}
