import { argsOver, type Over } from "../over.js";
import { pathOf, Program } from "../program.js";
import type { Numbers } from "../stage.js";

/** A server under load: its process, and its port. */
export interface Served {
  readonly server: Program;
  readonly port: number;
}

/**
 * Starts one of the servers in a process of its own.
 *
 * @param options - what it is told on its command line, as JSON
 * @param descriptors - most descriptors that it may have
 */
export async function startServer(
  module: string,
  options: object = {},
  descriptors?: number,
): Promise<Served> {
  const node = [process.execPath, "--expose-gc", pathOf(`load/servers/${module}`), JSON.stringify(options)];
  const limit = descriptors === undefined ? ":" : `ulimit -n ${String(descriptors)}`;
  const [server, { port = 0 }] = await Program.start("/bin/sh", [
    "-c",
    `${limit} && exec "$@"`,
    "sh",
    ...node,
  ]);
  return { server, port };
}

/** Starts some clients, in a process of their own. */
export async function startClients(module: string, over: Over = "tcp"): Promise<Program> {
  const [program] = await Program.start(process.execPath, [
    pathOf(`load/clients/${module}`),
    ...argsOver(over),
  ]);
  return program;
}

/** Has the programs end, whatever comes; a server that has ended before its time is an error. */
export async function ending<T>(programs: readonly Program[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    const [failure] = (await Promise.all(programs.map((program) => program.end()))).filter(Boolean);
    if (failure !== undefined) process.stdout.write(`  a process has failed: ${failure}\n`);
  }
}

/** Asks until the answer is as wanted, or until it was not for `timeout` ms; resolves to the last one. */
export async function whenever(
  ask: () => Promise<Numbers>,
  wanted: (numbers: Numbers) => boolean,
  timeout = 10_000,
): Promise<Numbers> {
  const late = performance.now() + timeout;
  for (;;) {
    const numbers = await ask();
    if (wanted(numbers) || performance.now() > late) return numbers;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
