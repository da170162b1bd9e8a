import { cpus, loadavg, release, type } from "node:os";

/** What a figure depends on, besides the versions of what was run: processor, how many of it, kernel. */
export function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "an unknown processor";
  return `${model}, ${processors.length} cores, ${type()} ${release()}`;
}

/** A warning, if others keep the machine busy: CPU time is theirs to raise too, by what they push out of the caches. */
export function disturbance(): string {
  const [load = 0] = loadavg();
  return load < 1
    ? ""
    : `The machine has other work to do (load ${load.toFixed(1)}): the figures will be rough.\n`;
}
