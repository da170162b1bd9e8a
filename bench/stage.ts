/**
 * What a process under test, or a load, says to the benchmark: a line of JSON on stdin asks, one on stdout answers. Runs
 * on Node.js, Deno and Bun alike.
 *
 * The process asks the kernel itself for its CPU time (getrusage(2)): that counts microseconds, where /proc counts ticks
 * of 10 ms. It ends when stdin does, so it cannot outlive the benchmark, however that ends.
 */
import process from "node:process";

/** What goes over the line, besides the name of an action. */
export type Numbers = Readonly<Record<string, number>>;

export interface Question {
  readonly action: string;
  readonly numbers: Numbers;
}

export type Answer = { readonly numbers: Numbers } | { readonly failure: string };

export type Action = (numbers: Numbers) => Numbers | Promise<Numbers>;

/** How much a process under test has done: requests, lines, bytes, as its case counts. */
export const tally = { operations: 0 };

/** Says that this process is ready, with what the benchmark must know of it, and does as it is asked from then on. */
export function onStage(facts: Numbers, actions: Readonly<Record<string, Action>> = {}): void {
  const known: Readonly<Record<string, Action>> = { mark, memory, ...actions };
  let rest = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) void answer(JSON.parse(line) as Question, known);
  });
  process.stdin.on("end", () => process.exit());
  say({ numbers: facts });
}

/** The CPU time so far, in microseconds, and what was done with it. */
function mark(): Numbers {
  const { user, system } = process.cpuUsage();
  return { user, system, operations: tally.operations };
}

/** Bytes of heap and external memory once the garbage is gone; for a Node.js started with `--expose-gc`. */
function memory(): Numbers {
  // Twice: what the first frees may have held something else.
  gc?.();
  gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return { bytes: heapUsed + external };
}

async function answer({ action, numbers }: Question, known: Readonly<Record<string, Action>>): Promise<void> {
  try {
    const act = known[action];
    if (act === undefined) throw new Error(`no action ${action}`);
    say({ numbers: await act(numbers) });
  } catch (error) {
    say({ failure: String(error) });
  }
}

function say(answer: Answer): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
