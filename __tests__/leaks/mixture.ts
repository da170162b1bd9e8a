import type { Load, Scenario } from "./scenario.js";

/** All scenarios in turn, as one: what is measured is measured once for all. */
export function mixtureOf(scenarios: readonly Scenario[]): Scenario {
  const together = Math.min(...scenarios.map((scenario) => scenario.together));
  return {
    name: "mixture",
    unit: "operations of all kinds",
    count: 1_000,
    together,
    kinds: scenarios.length * 24,

    async start(): Promise<Load> {
      const loads: Load[] = [];
      for (const scenario of scenarios) loads.push(await scenario.start());
      const merged = <T>(of: (load: Load) => Readonly<Record<string, T>> | undefined): Record<string, T> =>
        Object.fromEntries(
          loads.flatMap((load, index) =>
            Object.entries(of(load) ?? {}).map(([name, value]) => [
              `${name} of ${scenarios[index]?.name ?? ""}`,
              value,
            ]),
          ),
        );
      return {
        signals: merged((load) => load.signals),
        emitters: merged((load) => load.emitters),
        counts: merged((load) => load.counts),
        async operate(index, lane) {
          await loads[index % loads.length]?.operate(Math.floor(index / loads.length), lane);
        },
        stop: () => Promise.all(loads.map((load) => load.stop())),
      };
    },
  };
}
