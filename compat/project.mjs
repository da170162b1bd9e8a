/** Throw-away projects with the package in them. */
import { execFile, execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = fileURLToPath(new URL(".", import.meta.url));
export const ROOT = dirname(HERE.replace(/\/$/, ""));

const directory = mkdtempSync(join(tmpdir(), "tcp6-compat-"));
let projects = 0;
let installed;

/** The path of the tarball that would be published; `built`: dist/ is there, and is taken as it is. */
export function pack({ built }) {
  const args = ["pack", "--silent", "--pack-destination", directory, ...(built ? ["--ignore-scripts"] : [])];
  const options = { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] };
  return join(directory, execFileSync("npm", args, options).trim().split("\n").at(-1));
}

/**
 * The directory of a new project with the package, and with files: texts by their paths. `links` are packages of
 * compat/node_modules, or paths of others, by the names under which the project has them.
 */
export function project(tarball, files, links = {}) {
  installed ??= install(tarball);
  const made = join(directory, `project-${++projects}`);
  mkdirSync(join(made, "node_modules"), { recursive: true });
  // A copy: what it imports must be found from where it is, and that must be here.
  cpSync(installed, join(made, "node_modules/tcp6"), { recursive: true });
  for (const [name, target] of Object.entries(links)) {
    const path = join(made, "node_modules", name);
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(resolve(HERE, "node_modules", target), path);
  }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(made, name)), { recursive: true });
    writeFileSync(join(made, name), text);
  }
  return made;
}

/** A new directory in which nothing is installed. */
export function elsewhere() {
  return mkdtempSync(join(directory, "elsewhere-"));
}

/** By npm, once; nothing else may come with it. */
function install(tarball) {
  const cwd = join(directory, "installed");
  mkdirSync(cwd);
  writeFileSync(join(cwd, "package.json"), "{}");
  const quiet = ["--silent", "--no-audit", "--no-fund", "--offline"];
  execFileSync("npm", ["install", ...quiet, tarball], { cwd, stdio: "inherit" });
  return join(cwd, "node_modules/tcp6");
}

/** What a program prints; rejects if it fails, with all that it has printed. */
export function output(command, args, cwd) {
  const env = { ...process.env, NODE_OPTIONS: "" };
  return new Promise((fulfil, reject) => {
    execFile(command, args, { cwd, env, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error === null) fulfil(stdout);
      else reject(new Error(`${error.message}\n${stdout}${stderr}`));
    });
  });
}

export function removeProjects() {
  rmSync(directory, { recursive: true });
}
