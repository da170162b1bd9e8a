import type { Over } from "./over.js";
import type { Program } from "./program.js";

/** What is compared: CPU microseconds of one operation, in user mode or altogether, or bytes of memory. */
export type Metric = "user" | "whole" | "memory";

/** One measurement of one process, per operation. */
export type Figures = Readonly<Partial<Record<Metric, number>>>;

/** A program or an option that a machine may lack. */
export type Need =
  | "wrk"
  | "redis-benchmark"
  | "redis-server"
  | "deno"
  | "bun"
  | "ioredis"
  | "promise-socket"
  | "node:net/promises";

export type Runtime = "node" | "deno" | "bun";

/** A process under test. */
export interface Contestant {
  /** As tables show it. */
  readonly name: string;
  /** Its module, below `contestants/`. */
  readonly module: string;
  readonly needs?: Need;
  /** Node.js, unless it says so. */
  readonly runtime?: Runtime;
  /** What its connections go over: `"tcp"`, unless it says so. */
  readonly over?: Over;
  /** What it is told on its command line, after what all of its case are told. */
  readonly args?: readonly number[];
  /** Options of Node.js. */
  readonly nodeOptions?: readonly string[];
  /** Only shown for comparison: left out of quick runs, and in one sitting of the full one. */
  readonly extra?: boolean;
}

/** A comparison of contestants: what one costs for each unit that others cost. */
export interface Row {
  /** Its key in ratios.json. */
  readonly name: string;
  readonly work: string;
  readonly subject: string;
  /** The contestant that costs the least that Node.js leaves for this work. */
  readonly floor: string;
  /** The contestants that the subject replaces. */
  readonly peers: readonly string[];
  readonly metric: Metric;
  /** The worst ratio to the floor that may be released, and the goal; rows without them are only for information. */
  readonly must?: number;
  readonly aim?: number;
}

/** How much is done in one measurement. */
export interface Scale {
  /** How long a load runs. */
  readonly seconds: number;
  /** Of work of a fixed amount, the part that is done. */
  readonly part: number;
}

/** A load that is ready: measures a contestant once. */
export interface Load {
  /** What the contestants are told on their command line. */
  readonly args: readonly number[];
  measure(stage: Program, port: number): Promise<Figures>;
  end(): Promise<unknown>;
}

/** Enough where a round repeats the same few calls. What goes through more of Node.js takes longer to be compiled. */
export const WARM_UP = 2;

/** Contestants that do the same work, and are measured side by side. */
export interface Case {
  readonly name: string;
  readonly title: string;
  /** What figures are shown in, and how much of what is counted (microseconds, bytes) is one of that. */
  readonly unit: { readonly name: string; readonly size: number };
  readonly needs?: Need;
  /** Whether each measurement needs a process that has done nothing before. */
  readonly fresh?: boolean;
  /** Rounds that come before those that count, until V8 has compiled what it will: {@link WARM_UP} unless it says so. */
  readonly warmUp?: number;
  readonly contestants: readonly Contestant[];
  readonly rows: readonly Row[];
  load(scale: Scale): Promise<Load>;
}
