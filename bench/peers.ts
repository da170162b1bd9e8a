import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Need, Runtime } from "./case.js";

const require = createRequire(import.meta.url);

/** This folder, seen from where it is compiled to. */
export const BENCH = fileURLToPath(new URL("../../", import.meta.url));

/** Versions of programs, by their usual names. */
export interface Versions {
  readonly "Node.js": string;
  readonly [name: string]: string;
}

/** The programs that run the processes under test and their loads: which are here, their versions, and why others are not. */
export interface Peers {
  readonly versions: Versions;
  /** Why something cannot take part, if it cannot. */
  lacking(need: Need | undefined): string | undefined;
  /** The command that runs a module. */
  commandOf(runtime: Runtime, module: string, nodeOptions: readonly string[]): [string, ...string[]];
}

/**
 * Looks for all of them, and installs those that come from npm if nothing of the kind was done yet. Where that fails, they
 * are lacking.
 *
 * @param node - the Node.js to test
 */
export function findPeers(node: string): Peers {
  if (!existsSync(join(BENCH, "node_modules"))) install();
  const version = run(node, "-p", "process.versions.node");
  if (version === undefined) throw new Error(`${node} cannot be run`);
  const versions: { "Node.js": string; [name: string]: string } = { "Node.js": version };
  const deno = binaryOf(`@deno/${process.platform}-${process.arch}${libc()}`, "deno");
  // The script that runs when the package is installed, if it may, moves the program there.
  const bun =
    binaryOf(`@oven/bun-${process.platform}-${process.arch}`, "bin/bun") ?? binaryOf("bun", "bin/bun.exe");
  const found: Record<Need, string | undefined> = {
    deno: deno && /\d[\d.]+/.exec(run(deno, "--version") ?? "")?.[0],
    bun: bun && run(bun, "--version"),
    ioredis: versionOf("ioredis"),
    "promise-socket": versionOf("promise-socket"),
    "node:net/promises": run(
      node,
      "-p",
      "require('node:module').isBuiltin('node:net/promises') ? 'has it' : ''",
    ),
    wrk: /\d[\d.]+/.exec(run("wrk", "--version") ?? "")?.[0],
    "redis-benchmark": /\d[\d.]+/.exec(run("redis-benchmark", "--version") ?? "")?.[0],
    "redis-server": /v=(\d[\d.]+)/.exec(run("redis-server", "--version") ?? "")?.[1],
  };
  for (const [name, need] of [
    ["Deno", "deno"],
    ["Bun", "bun"],
    ["ioredis", "ioredis"],
    ["promise-socket", "promise-socket"],
    ["wrk", "wrk"],
    ["redis-benchmark", "redis-benchmark"],
    ["redis-server", "redis-server"],
  ] as const) {
    if (found[need]) versions[name] = found[need];
  }
  return {
    versions,
    lacking: (need) => (need === undefined || found[need] ? undefined : LACKING[need]),
    commandOf: (runtime, module, nodeOptions) => {
      if (runtime === "deno") return [deno ?? "deno", "run", "--allow-all", "--no-config", module];
      if (runtime === "bun") return [bun ?? "bun", "run", module];
      return [node, ...nodeOptions, module];
    },
  };
}

/** To be done by hand. */
const INSTALL = "npm ci --ignore-scripts in bench/";

const LACKING: Record<Need, string> = {
  deno: `Deno is not installed (${INSTALL})`,
  bun: `Bun is not installed (${INSTALL})`,
  ioredis: `ioredis is not installed (${INSTALL})`,
  "promise-socket": `promise-socket is not installed (${INSTALL})`,
  "node:net/promises": "this Node.js has no node:net/promises",
  wrk: "wrk is not installed (apt-get install wrk)",
  "redis-benchmark": "redis-benchmark is not installed (apt-get install redis-tools)",
  "redis-server": "redis-server is not installed (apt-get install redis-server)",
};

/**
 * The binaries come as packages of their own, so no scripts of packages have to run. The prefix is said once more because npm
 * has left another in the environment.
 */
function install(): void {
  process.stderr.write(`installing the peers, once: ${INSTALL}\n`);
  const args = ["ci", "--ignore-scripts", "--prefix", BENCH, "--loglevel", "error"];
  spawnSync("npm", args, { cwd: BENCH, stdio: ["ignore", "ignore", "inherit"] });
}

/** The binary in a package itself: the command in `node_modules/.bin` is a script that would be measured instead. */
function binaryOf(name: string, path: string): string | undefined {
  const manifest = manifestOf(name);
  const binary = manifest && join(dirname(manifest), path);
  return binary !== undefined && existsSync(binary) ? binary : undefined;
}

function versionOf(name: string): string | undefined {
  const manifest = manifestOf(name);
  return manifest && (require(manifest) as { version: string }).version;
}

function manifestOf(name: string): string | undefined {
  const manifest = join(BENCH, "node_modules", name, "package.json");
  return existsSync(manifest) ? manifest : undefined;
}

function libc(): string {
  return process.platform === "linux" ? "-glibc" : "";
}

/** What a program prints; wrk says its version and fails. */
function run(command: string, ...args: string[]): string | undefined {
  const { stdout, error } = spawnSync(command, args, { encoding: "utf8", timeout: 10_000 });
  return error === undefined ? stdout.trim() : undefined;
}
