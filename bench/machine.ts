import { cpus, loadavg, release, type } from "node:os";

/** What a figure depends on besides the versions of the programs: the processor, the number of cores, the kernel. */
export function machine(): string {
  const processors = cpus();
  const model = processors[0]?.model.trim() ?? "an unknown processor";
  return `${model}, ${processors.length} cores, ${type()} ${release()}`;
}

/** A warning if other processes keep the machine busy: they raise CPU time by what they push out of the caches. */
export function disturbance(): string {
  const [load = 0] = loadavg();
  return load < 1
    ? ""
    : `The machine has other work to do (load ${load.toFixed(1)}): the figures will be rough.\n`;
}
