/**
 * The loads that are programs of other projects. They run during a measurement and are stopped after it.
 */
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Load, Scale } from "./case.js";
import { costOf } from "./cost.js";
import { BENCH } from "./peers.js";
import type { Over } from "./over.js";
import { start } from "./program.js";

/** Ms that a load runs before anything is measured: its connections are open then, and no longer new. */
const LEAD = 150;

/** Most ms that a load may take to stop when it is told to. */
const STOP_TIMEOUT = 5_000;

/** After this time wrk stops by itself, in case the benchmark was killed. */
const LONGEST = "60s";

/** Characters of what a redis server says before it is ready: more than it ever does. */
const LONGEST_GREETING = 65_536;

/** How long latencies are gathered. */
const LATENCY_DURATION = "6s";

interface Traffic {
  /** Stops the load; rejects if the load reports errors. */
  stop(): Promise<void>;
}

/** A load that goes on by itself: what it costs is measured over an interval in the middle of it. */
export function during({ seconds }: Scale, begin: (port: number) => Traffic, lead = LEAD): Load {
  return {
    args: [],
    measure: async (stage, port) => {
      const traffic = begin(port);
      try {
        await sleep(lead);
        const cost = await costOf(stage, () => sleep(seconds * 1_000));
        await traffic.stop();
        return cost;
      } catch (error) {
        // Later errors only follow from that.
        await traffic.stop().catch(() => undefined);
        throw error;
      }
    },
    end: () => Promise.resolve(),
  };
}

/**
 * Sends a small HTTP request over each connection, and another when it is answered; over TLS that is HTTPS.
 *
 * @param timeout - seconds that a request may take
 */
export function wrk(port: number, connections: number, over: Over = "tcp", timeout = 2): Traffic {
  const args = ["--threads", "1", "--connections", String(connections), "--duration", LONGEST];
  args.push("--timeout", String(timeout));
  return traffic("wrk", [...args, `${over === "tcp" ? "http" : "https"}://127.0.0.1:${port}/`], discontent);
}

/** Quantiles of how long a request takes, in milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

/** Sends requests as {@link wrk} does, for some seconds; resolves to how long they took. */
export async function latencyUnder(port: number, connections: number): Promise<Latency> {
  const args = ["--threads", "1", "--connections", String(connections), "--duration", LATENCY_DURATION];
  const script = ["--timeout", "30", "--script", join(BENCH, "loads/latency.lua")];
  const child = start("wrk", [...args, ...script, `http://127.0.0.1:${port}/`]);
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output = (output + text).slice(-4_096);
  });
  child.stderr?.resume();
  await once(child, "close");
  const complaint = discontent(output);
  const [, p50, p99, p999] = /quantiles (\d+) (\d+) (\d+)/.exec(output) ?? [];
  if (complaint !== undefined || p50 === undefined) throw new Error(`wrk: ${complaint ?? "no quantiles"}`);
  return { p50: Number(p50) / 1_000, p99: Number(p99) / 1_000, p999: Number(p999) / 1_000 };
}

/** Sends `PING` lines over 50 connections, `pipeline` of them at a time on each. */
export function redisBenchmark(port: number, pipeline: number): Traffic {
  const where = ["-h", "127.0.0.1", "-p", String(port), "-c", "50"];
  const what = ["-t", "ping_inline", "-P", String(pipeline), "-n", "1000000000", "-q"];
  return traffic("redis-benchmark", [...where, ...what], () => undefined);
}

/** Starts a redis server that keeps nothing. */
export async function redisServer(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const port = await unusedPort();
  const child = start("redis-server", ["--bind", "127.0.0.1", "--port", String(port), "--save", ""]);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    let output = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      if (output.length < LONGEST_GREETING) output += text;
      if (output.includes("Ready to accept connections")) resolve();
    });
    child.stderr?.resume();
    child.on("error", reject);
    child.on("close", () => reject(new Error("redis-server: it ended by itself")));
  });
  return {
    port,
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The errors that wrk reports, if any. */
function discontent(output: string): string | undefined {
  return /Non-2xx.*|Socket errors.*(?:connect|write|timeout) [1-9].*/.exec(output)?.[0];
}

function traffic(
  command: string,
  args: readonly string[],
  complaint: (output: string) => string | undefined,
): Traffic {
  const child = start(command, args);
  let output = "";
  let stopped = false;
  const ended = new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-4_096);
    });
    child.stderr?.resume();
    child.on("error", reject);
    child.on("close", () => {
      const said = stopped ? complaint(output) : "it ended by itself";
      if (said === undefined) resolve();
      else reject(new Error(`${command}: ${said}`));
    });
  });
  // `stop` reports the failure.
  ended.catch(() => undefined);
  return {
    stop: async () => {
      stopped = true;
      child.kill("SIGINT");
      const kill = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT);
      await ended.finally(() => clearTimeout(kill));
    },
  };
}
