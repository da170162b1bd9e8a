/** Loads that leave something on purpose, each of one kind: each must be reported by its name. */
import { openSync } from "node:fs";
import { Connection } from "../../src/index.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import type { Load, Scenario } from "./scenario.js";

interface Plant {
  readonly name: string;
  readonly plant: (signal: AbortSignal) => () => unknown;
}

const SHORT = { unit: "operations", count: 1_000, together: 1, kinds: 1 } as const;

/** What is kept of the plants until the process ends. */
const kept: unknown[] = [];

const PLANTS: readonly Plant[] = [
  { name: "nothing", plant: () => () => undefined },
  {
    name: "a listener per read",
    plant: (signal) => () => signal.addEventListener("abort", () => undefined),
  },
  {
    name: "a connection that stays in a set",
    plant: () => {
      const all = new Set<Connection>();
      kept.push(all);
      return () => {
        const [a, b] = memoryPair();
        all.add(a);
        a.reset();
        b.reset();
      };
    },
  },
  {
    name: "a timer that is not cleared",
    plant: () => () => setTimeout(() => undefined, 600_000),
  },
  {
    name: "a timer that is not cleared and keeps no process",
    plant: () => () => setTimeout(() => undefined, 600_000).unref(),
  },
  {
    name: "a descriptor",
    plant: () => () => openSync("/dev/null", "r"),
  },
  {
    name: "a promise that does not settle",
    plant: () => {
      const all: unknown[] = [];
      kept.push(all);
      return () => all.push(new Promise(() => undefined));
    },
  },
  {
    name: "a text",
    plant: () => {
      const all: unknown[] = [];
      kept.push(all);
      let number = 0;
      return () => all.push(String(number++).repeat(3_000).toUpperCase());
    },
  },
  {
    name: "a buffer",
    plant: () => {
      const all: unknown[] = [];
      kept.push(all);
      return () => all.push(Buffer.alloc(8 * 1024));
    },
  },
];

/** Each as a scenario of its own. */
export const plants: readonly Scenario[] = PLANTS.map(({ name, plant }) => ({
  ...SHORT,
  name,
  start: () => loadOf(plant),
}));

function loadOf(plant: Plant["plant"]): Load {
  const { signal } = new AbortController();
  const act = plant(signal);
  return {
    signals: { "a signal": signal },
    operate: () => Promise.resolve(act()),
    stop: () => Promise.resolve(),
  };
}
