import type { Program } from "../program.js";
import type { Numbers } from "../stage.js";
import { whenever } from "./processes.js";
import type { Report } from "./report.js";

const MIB = 1_024 * 1_024;

/** Heap that a server may keep after a load, beside what it had before: code that was compiled, and the like. */
const KEPT_BYTES = 8 * MIB;

/** Requests that are asked of a server once its load is gone. */
const REQUESTS = 100;

/** Checks that a server has given back what the load took, and that it serves again. */
export async function checkAfterwards(
  report: Report,
  { server, prober, port, before }: { server: Program; prober: Program; port: number; before: Numbers },
): Promise<void> {
  const state = await whenever(
    () => server.ask("state"),
    ({ connections }) => connections === 0,
  );
  report.equal("connections afterwards", state.connections ?? NaN, 0);
  const served = await prober.ask("ask", { port, count: REQUESTS, pause: 0 });
  report.served("afterwards", served);
  report.equal("served again afterwards", served.served ?? 0, REQUESTS);
  const rest = await whenever(
    () => server.ask("rest"),
    ({ descriptors = NaN }) => descriptors <= (before.descriptors ?? NaN),
  );
  report.atMost(
    "MiB of heap kept afterwards",
    ((rest.heap ?? NaN) - (before.heap ?? NaN)) / MIB,
    KEPT_BYTES / MIB,
  );
  report.atMost("descriptors afterwards", rest.descriptors ?? NaN, before.descriptors ?? NaN);
}

/** What a server has when it has done nothing but warm up. */
export async function beforehand(server: Program, prober: Program, port: number): Promise<Numbers> {
  await prober.ask("ask", { port, count: REQUESTS, pause: 0 });
  await whenever(
    () => server.ask("state"),
    ({ connections }) => connections === 0,
  );
  return server.ask("rest");
}
