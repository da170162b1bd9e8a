import { existsSync } from "node:fs";
import type { ListenOptions as ServerListenOptions } from "node:net";
import { dirname } from "node:path";
import { translated, type NetError, type Subject } from "../errors.js";
import { isClusterWorker } from "./cluster-worker.js";
import { codeOf } from "./file-system.js";

/** What the codes mean of a descriptor that is a socket. */
const OF_DESCRIPTOR: Readonly<Record<string, string>> = {
  EEXIST: "this process uses the descriptor already",
  EINVAL: "this socket cannot listen: it is connected, or not of TCP and not a Unix stream socket",
};

/** What they mean of a descriptor of a cluster's primary, of which Node says no more. */
const OF_PRIMARY: Readonly<Record<string, string>> = {
  EEXIST:
    "the primary of this cluster uses the descriptor for something else; it closes it with its workers' last listener",
  EINVAL: "the primary of this cluster has no such descriptor, or it is no socket that can listen",
};

/** The error of a server that could not be bound. */
export function bindError(where: ServerListenOptions, subject: Subject, cause: unknown): NetError {
  return translated("listen", subject, cause, { reason: reasonOf(where, String(codeOf(cause))) });
}

/** What is wrong, where the words for the code would not say it. */
function reasonOf(where: ServerListenOptions, code: string): string | undefined {
  if ("fd" in where) return (isClusterWorker() ? OF_PRIMARY : OF_DESCRIPTOR)[code];
  const { path } = where;
  // libuv makes EACCES of ENOENT, which Windows has for pipes.
  const isMissing = code === "EACCES" && path !== undefined && !existsSync(dirname(path));
  return isMissing ? "there is no such directory" : undefined;
}
