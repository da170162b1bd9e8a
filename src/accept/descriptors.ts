/** Listening on a descriptor that another process has opened. */
import { fstatSync } from "node:fs";
import { constants } from "node:os";
import { translated, type NetError, type Subject } from "../errors.js";
import { isClusterWorker } from "./cluster-worker.js";

/** What the codes mean here, of a descriptor that is a socket. */
const REASONS: Readonly<Record<string, string>> = {
  EEXIST: "this process uses the descriptor already",
  EINVAL: "this socket cannot listen: it is connected, or not of TCP and not a Unix stream socket",
};

/**
 * Checks that a descriptor is a socket, before Node would take it over: Node says `EINVAL` of most others, and closes a
 * pipe.
 *
 * @throws NetError `EBADF`, `ENOTSOCK`
 */
export function checkDescriptor(fd: number, subject: Subject): void {
  // There it is one of the primary's.
  if (isClusterWorker()) return;
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch (error) {
    throw translated("listen", subject, error);
  }
  const notSocket = { code: "ENOTSOCK", errno: -constants.errno.ENOTSOCK, syscall: "listen" };
  throw translated("listen", subject, Object.assign(new Error("listen ENOTSOCK"), notSocket));
}

/** The error of a descriptor that is a socket, and cannot be listened on. */
export function notListening(subject: Subject, cause: unknown): NetError {
  const { code } = cause as { code?: unknown };
  return translated("listen", subject, cause, { reason: REASONS[String(code)] });
}
