/**
 * Which sources become which module of dist/. All programs load the core. A late part is loaded when the first of its names is
 * used, as `import defer` does: the sources need not know that there are parts. Each is loaded by the call of the program that
 * needs it, and not in the middle of an event, when no descriptor may be left to read a file.
 */

/** Files and folders below src/, by the name of their part. A file goes where it is named itself, before its folder. */
const PARTS = {
  core: ["tls/node-tls.ts", "tls/snapshot.ts", "proxy-protocol/proxied-addresses.ts"],
  duplex: ["views/", "connect-duplex.ts"],
  framing: ["messages/"],
  listening: ["accept/", "listen.ts", "listen-fds.ts", "options/listen.ts"],
  proxy: ["proxy-protocol/", "options/proxy.ts", "accept/proxy-header.ts"],
  requesting: ["requests.ts", "requesting/"],
  serving: ["serve.ts", "serving/"],
  tls: [
    "tls/",
    "core/transport/tls/",
    "core/transport/tls-internals.ts",
    "options/start-tls.ts",
    "options/tls.ts",
  ],
  testing: ["testing/", "core/transport/memory.ts"],
  "tls-words": ["tls-words.ts"],
  web: ["views/web-streams.ts", "views/byte-source.ts", "views/byte-iteration.ts"],
};

/** Modules of Node's that are loaded late as well: it takes a millisecond or more. */
export const LATE_BUILTINS = ["node:dns"];

/** The parts that are not loaded with the library. */
export const LATE_PARTS = Object.keys(PARTS).filter((part) => part !== "core" && part !== "testing");

/** The part of a file, by its path below src/. */
export function partOf(file) {
  const holding = (holds) => Object.keys(PARTS).find((part) => PARTS[part].some(holds));
  const isFolderOf = (path) => path.endsWith("/") && file.startsWith(path);
  return holding((path) => path === file) ?? holding(isFolderOf) ?? "core";
}
