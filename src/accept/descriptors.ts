/** Listening on a descriptor that another process has opened. */
import { fstatSync } from "node:fs";
import { systemError } from "../core/transport/system-error.js";
import { translated, type Subject } from "../errors.js";
import { isClusterWorker } from "./cluster-worker.js";

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
  throw translated("listen", subject, systemError("ENOTSOCK", "listen"));
}
