/** Taking over the path of a Unix socket that a crash has left behind. */
import { linkSync, renameSync, rmSync } from "node:fs";
import { network } from "../core/network.js";
import { systemError } from "../core/transport/system-error.js";
import { cancel, clock } from "../core/timing/clock.js";
import { waitWithin } from "../core/timing/bounded.js";
import { translated, type NetError, type Subject } from "../errors.js";
import {
  codeOf,
  isSocket,
  isSocketOrGone,
  PrivateDirectory,
  removeIfPossible,
  withFiles,
} from "./file-system.js";
import { startListening } from "./server.js";

/** What the name of the lock has after that of the path. */
export const LOCK_SUFFIX = ".lock";

/** While another process has the lock, this one tries again after that time, for that many times: 10 s. */
const LOCK_POLL_MS = 10;
const MAX_LOCK_POLLS = 1_000;

/**
 * Removes the socket at a path if no process listens on it, then calls `bind`. Processes that call this at the same time do it
 * one after the other: between the steps bind(2) and listen(2) of one, its socket would look stale to the next.
 *
 * Their lock is a socket, too, which listens before it gets the name of the lock. The kernel refuses connections to it once
 * its process has died, so a lock that was left behind is known, and removed, in the same way.
 */
export async function withoutStale<T>(
  path: string,
  subject: Subject,
  signal: AbortSignal | undefined,
  bind: () => Promise<T>,
): Promise<T> {
  const directory = withFiles(subject, () => new PrivateDirectory(path));
  const [hidden, grave, lock] = [directory.file("s"), directory.file("g"), path + LOCK_SUFFIX];
  const server = network.createServer({}).on("connection", (socket) => socket.destroy());
  // A client that cannot be accepted, for lack of descriptors, has seen that the lock is held.
  server.on("error", () => undefined);
  try {
    // The primary of a cluster would share the server out among its workers, which are to wait for each other.
    const where = { path: hidden, exclusive: true };
    await startListening(server, { where, subject }, { signal }, () => undefined);
    await acquire(lock, hidden, grave, subject, signal);
    try {
      await removeStale(path, grave, subject);
      return await bind();
    } finally {
      removeIfPossible(lock);
    }
  } finally {
    if (server.listening) server.close();
    directory.remove();
  }
}

/** Resolves once `hidden`, a socket that listens, has the name of the lock as well. */
async function acquire(
  lock: string,
  hidden: string,
  grave: string,
  subject: Subject,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (let pollsLeft = MAX_LOCK_POLLS; !withFiles(subject, () => links(hidden, lock)); pollsLeft--) {
    if (!withFiles(subject, () => isSocketOrGone(lock))) {
      throw inUse(subject, `the name of the lock, ${lock}, is that of another file`);
    }
    if (pollsLeft === 0) throw inUse(subject, `another process holds the lock, ${lock}`);
    if (!(await removeStale(lock, grave, subject))) await pause(subject, signal);
  }
}

function inUse(subject: Subject, reason: string): NetError {
  return translated("listen", subject, systemError("EADDRINUSE", "listen"), { reason });
}

/** Gives a file a second name, unless there is a file with that name. */
export function links(file: string, name: string): boolean {
  try {
    linkSync(file, name);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a socket on which no process listens; resolves to whether it has. It is moved to `grave` first, since it may be
 * another one by now, of a program that does not ask for the lock. Such a socket is put back.
 */
async function removeStale(path: string, grave: string, subject: Subject): Promise<boolean> {
  if (!(await isStale(path, subject))) return false;
  const isMoved = withFiles(subject, () => moves(path, grave));
  if (!isMoved) return false;
  const isRight = await isStale(grave, subject);
  withFiles(subject, () => {
    if (!isRight) links(grave, path);
    rmSync(grave);
  });
  return isRight;
}

/** Renames a file, if it is there. */
function moves(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Whether there is a socket with that name, and no process listens on it. */
async function isStale(path: string, subject: Subject): Promise<boolean> {
  if (!withFiles(subject, () => isSocket(path))) return false;
  return new Promise((resolve) => {
    network.connect(
      { path },
      {},
      (transport) => {
        transport.destroy();
        resolve(false);
      },
      (cause) => resolve(codeOf(cause) === "ECONNREFUSED"),
    );
  });
}

function pause(subject: Subject, signal: AbortSignal | undefined): Promise<void> {
  return waitWithin<undefined>("listen", subject, { signal }, (resolve) => {
    const timer = clock.setTimeout(() => resolve(undefined), LOCK_POLL_MS);
    return () => cancel(timer);
  });
}
