/** Binding the path of a Unix socket: its mode, and what a crash has left behind. */
import { Buffer } from "node:buffer";
import { chmodSync, lstatSync, rmSync } from "node:fs";
import type { Server } from "node:net";
import { resolve } from "node:path";
import process from "node:process";
import { MAX_PATH_BYTES } from "../address/endpoint.js";
import { systemError } from "../core/transport/system-error.js";
import { refused, type Subject } from "../errors.js";
import { outOfRange, wrongValue } from "../options/checks.js";
import type { ListenOptions, ListenTarget } from "../options/listen.js";
import { isClusterWorker } from "./cluster-worker.js";
import { PrivateDirectory, withFiles } from "./file-system.js";
import type { Place, Servers } from "./server.js";
import { links, LOCK_SUFFIX, withoutStale } from "./stale-socket.js";

/**
 * Checks `mode` and `unlinkStale`.
 *
 * @throws TypeError, RangeError, NetError
 */
export function checkPathOptions(
  target: ListenTarget,
  { mode, unlinkStale = false }: ListenOptions,
  asked: Subject,
): void {
  const path = "path" in target && hasFile(target.path) ? target.path : undefined;
  if (mode !== undefined) {
    if (path === undefined) throw wrongValue("mode", "given with the path of a Unix socket only", mode);
    if (isClusterWorker()) {
      const reason =
        "a worker of a cluster cannot set a mode: its primary makes the socket, with its own umask";
      throw refused("listen", asked, "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", reason);
    }
  }
  if (path === undefined) return;
  // The names that are made beside the path.
  const names = [
    ...(unlinkStale ? [path + LOCK_SUFFIX] : []),
    ...(unlinkStale || mode !== undefined ? [PrivateDirectory.longestBeside(path)] : []),
  ];
  const excess = Math.max(0, ...names.map((name) => Buffer.byteLength(name) - MAX_PATH_BYTES));
  if (excess > 0) {
    const most = Buffer.byteLength(path) - excess;
    throw outOfRange("path", `at most ${String(most)} bytes long with these options`, path);
  }
}

/** Whether the socket has a file: not on Windows, and not in Linux's abstract namespace. */
function hasFile(path: string): boolean {
  return process.platform !== "win32" && !path.startsWith("\0");
}

/** Resolves to servers that `bind` has bound, with the path as their name, as the options say. */
export async function bindPath(
  path: string,
  { mode, unlinkStale = false, signal }: ListenOptions,
  subject: Subject,
  bind: (place: Place) => Promise<Servers>,
): Promise<Servers> {
  const bindThere = (): Promise<Servers> =>
    mode === undefined ? bind({ where: { path }, subject }) : bindWithMode(path, mode, subject, bind);
  return unlinkStale && hasFile(path)
    ? await withoutStale(path, subject, signal, bindThere)
    : await bindThere();
}

/**
 * Binds in a directory that no other user can enter. The socket has its mode when it gets its name, so at no time can it be
 * opened with other permissions. To change the umask would concern the files that other code makes at that time, and no
 * thread but the main one can.
 */
async function bindWithMode(
  path: string,
  mode: number,
  subject: Subject,
  bind: (place: Place) => Promise<Servers>,
): Promise<Servers> {
  const directory = withFiles(subject, () => new PrivateDirectory(path));
  const hidden = directory.file("s");
  try {
    const servers = await bind({ where: { path: hidden }, subject });
    try {
      withFiles(subject, () => {
        chmodSync(hidden, mode);
        if (!links(hidden, path)) throw systemError("EADDRINUSE", "listen");
        giveName(servers.first, path);
      });
    } catch (error) {
      servers.close();
      throw error;
    }
    return servers;
  } finally {
    directory.remove();
  }
}

/** Has a server go by the path, and remove it when it closes. */
function giveName(server: Server, path: string): void {
  // The working directory may be another one by then.
  const file = resolve(path);
  const { dev, ino } = lstatSync(file);
  const close = server.close.bind(server);
  server.close = (callback) => {
    // Before the socket closes, as Node does it: later the file may be that of the next server.
    if (server.listening) removeIfSame(file, dev, ino);
    return close(callback);
  };
  server.address = () => (server.listening ? path : null);
}

/** Removes a file, unless another one has got its name. */
function removeIfSame(file: string, dev: number, ino: number): void {
  try {
    const found = lstatSync(file);
    if (found.dev === dev && found.ino === ino) rmSync(file);
  } catch {
    // Another process has removed it.
  }
}
