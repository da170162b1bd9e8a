import type { Numbers } from "../stage.js";

const MIB = 1_024 * 1_024;

/** The figures of one scene, printed as they come, and what did not hold. */
export class Report {
  /** What did not hold, in words. */
  readonly faults: string[] = [];

  figure(name: string, words: string): void {
    process.stdout.write(`  ${name.padEnd(29)}${words}\n`);
  }

  /** Notes a fault unless `holds`. */
  check(words: string, holds: boolean): void {
    if (!holds) this.faults.push(words);
    this.figure(holds ? "holds" : "FAULT", words);
  }

  /** Notes a fault if `value` is more than `bound`. */
  atMost(what: string, value: number, bound: number): void {
    this.check(`${what}: ${count(value)}, at most ${count(bound)}`, value <= bound);
  }

  /** Notes a fault if `value` is less than `bound`. */
  atLeast(what: string, value: number, bound: number): void {
    this.check(`${what}: ${count(value)}, at least ${count(bound)}`, value >= bound);
  }

  equal(what: string, value: number, expected: number): void {
    this.check(`${what}: ${count(value)}, expected ${count(expected)}`, value === expected);
  }

  /** Of the answer of a prober: how many requests were served, in what time, and what became of the others. */
  served(when: string, { asked = 0, served = 0, median = NaN, p99 = NaN, ...others }: Numbers): void {
    const times = served > 0 ? `, p50 ${ms(median)}, p99 ${ms(p99)}` : "";
    const failed = asked > served ? `; others: ${counts(others)}` : "";
    this.figure(`served ${when}`, `${count(served)} of ${count(asked)}${times}${failed}`);
  }

  /** Of two states of a server: how much of one processor it took between them. */
  share(when: string, before: Numbers, after: Numbers): void {
    const rise = (what: string): number => (after[what] ?? NaN) - (before[what] ?? NaN);
    const share = (rise("user") + rise("system")) / rise("time");
    this.figure(`CPU ${when}`, `${(100 * share).toFixed(0)} % of a processor`);
  }

  /** Of two states of a server: what the load between them has cost it. */
  cost(before: Numbers, after: Numbers): void {
    const rise = (what: string): number => (after[what] ?? NaN) - (before[what] ?? NaN);
    this.figure("connections, most", count(after.mostConnections ?? NaN));
    this.figure("memory (RSS), most", `${mib(after.mostRss)}, ${mib(before.rss)} before`);
    this.figure("heap, most", `${mib(after.mostHeap)}, ${mib(before.heap)} before`);
    const seconds = (microseconds: number): string => (microseconds / 1e6).toFixed(1);
    this.figure("CPU", `${seconds(rise("user") + rise("system"))} s in ${seconds(rise("time"))} s`);
    this.figure("event loop held up", `p99 ${ms(after.delay99)}, most ${ms(after.delayMost)}`);
    const reasons = ["dropped", "blocked", "perAddress", "maxConnections", "handshake"];
    this.figure("refused", counts(Object.fromEntries(reasons.map((reason) => [reason, rise(reason)]))));
  }
}

export function mib(bytes = NaN): string {
  return `${(bytes / MIB).toFixed(0)} MiB`;
}

function ms(milliseconds = NaN): string {
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : milliseconds.toFixed(0)} ms`;
}

/** As `12 000`. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

/** As `handshake 12, dropped 3`; those that are 0 are left out. */
export function counts(numbers: Numbers): string {
  const words = Object.entries(numbers).flatMap(([name, value]) =>
    value > 0 ? `${name} ${count(value)}` : [],
  );
  return words.join(", ") || "none";
}
