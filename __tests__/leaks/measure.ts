import { leaksOf, more, NOISE_OBJECTS, type Leak, type Sample } from "./growth.js";
import { countsOf, instances, isWithin, memory, objects, settled } from "./holdings.js";
import type { Scenario } from "./scenario.js";

export interface Report {
  readonly name: string;
  /** What was done, and how much of it. */
  readonly done: string;
  readonly leaks: readonly Leak[];
  readonly samples: readonly Sample[];
  readonly cpuSeconds: number;
}

/** Does a part of what the scenario does in a full run, in slices, and looks at what is left after each. */
export async function measured(scenario: Scenario, scale: number, slices: number): Promise<Report> {
  const begun = process.cpuUsage();
  const { name, unit, count, perOperation = 1, together, kinds } = scenario;
  const perSlice = Math.max(together, Math.ceil((count * scale) / perOperation / slices));
  const load = await scenario.start();
  let done = 0;
  const doSome = async (operations: number): Promise<void> => {
    const end = done + operations;
    const lane = async (_: unknown, number: number): Promise<void> => {
      while (done < end) await load.operate(done++, number);
    };
    await Promise.all(Array.from({ length: together }, lane));
  };
  try {
    const cold = countsOf(load);
    await doSome(Math.max(perSlice, 2 * kinds));
    // What is made once and stays is there now.
    const rest = await settled(load, cold);
    const before = objects();
    let isBack = true;
    const samples: Sample[] = [{ operations: 0, counts: rest, memory: await memory() }];
    for (let slice = 1; slice <= slices; slice++) {
      await doSome(perSlice);
      // What has not come back once will not: no need to wait for it ten times.
      const counts = isBack ? await settled(load, rest) : countsOf(load);
      isBack &&= isWithin(counts, rest);
      samples.push({ operations: slice * perSlice, counts, memory: await memory() });
    }
    const leaks = [...leaksOf(samples)];
    const grown = objects() - before;
    const isNamed = leaks.some(({ what }) => !what.startsWith("bytes"));
    if (grown > NOISE_OBJECTS) leaks.push({ what: "objects", more: grown });
    if (grown > NOISE_OBJECTS && !isNamed) {
      // Which they are shows in some more operations.
      const instancesBefore = instances();
      await doSome(perSlice);
      await settled(load, rest, isBack ? 1_000 : 0);
      for (const { what, more: count } of more(instancesBefore, instances(), perSlice / 20))
        leaks.push({ what: `${what} for each operation`, more: Math.round((10 * count) / perSlice) / 10 });
    }
    const { user, system } = process.cpuUsage(begun);
    const text = `${(slices * perSlice * perOperation).toLocaleString("en").replaceAll(",", " ")} ${unit}`;
    return { name, done: text, leaks, samples, cpuSeconds: (user + system) / 1e6 };
  } finally {
    await load.stop();
  }
}
