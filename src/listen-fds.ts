import process from "node:process";
import { isClusterWorker } from "./accept/cluster-worker.js";
import { translated, type NetError } from "./errors.js";
import { checkBoolean } from "./options/checks.js";
import { described } from "./options/described.js";
import { checkedOptions, schemaOf, type Complete } from "./options/schema.js";

/** A descriptor that the service manager has opened for this process: an endpoint for `listen`. */
export interface ListenFd {
  /** The number of the descriptor, 3 or more. */
  readonly fd: number;
  /** `FileDescriptorName=` of the socket unit, by default the name of the unit; `"unknown"` where no names were given. */
  readonly name: string;
}

/** How to ask for the descriptors. */
export interface ListenFdsOptions {
  /**
   * Removes `LISTEN_PID`, `LISTEN_FDS` and `LISTEN_FDNAMES` from `process.env`, also if they are not for this process or are
   * wrong. Later calls then find none, and child processes do not see the variables.
   *
   * @default false
   * @example const sockets = listenFds({ unsetEnvironment: true });
   */
  unsetEnvironment?: boolean | undefined;
}

const LISTEN_FDS = schemaOf<ListenFdsOptions>({ unsetEnvironment: checkBoolean });

/** SD_LISTEN_FDS_START of sd-daemon.h. */
const FIRST_FD = 3;
/** What Linux lets a process have at most, unless `fs.nr_open` is raised. */
const MAX_FDS = 2 ** 20;
/** Process ids have 22 bits at most on Linux, and 31 in C. */
const MAX_PID = 2 ** 31 - 1;
/** What sd_listen_fds_with_names(3) calls all of them where `LISTEN_FDNAMES` is not set. */
const NO_NAME = "unknown";
const DIGITS = /^\d{1,10}$/;

/**
 * The descriptors that the service manager has passed to this process, in the order of the socket unit: systemd's socket
 * activation, sd_listen_fds(3). The list is empty if the process was started in another way, and frozen.
 *
 * They are numbered from 3. `LISTEN_PID` must be the id of this process: a child process, or a program that a shell or npm
 * has started for the service manager, inherits the variables, and has no such descriptors. In a worker of `node:cluster`,
 * they are those of the primary, on which the worker's `listen({ fd })` listens.
 *
 * Names are in `LISTEN_FDNAMES`; several sockets of one unit have the same name. Node.js passes these descriptors to no child
 * process unless the program lists them in `stdio`. A descriptor need not be a TCP or Unix socket that listens: `listen` says
 * so. `Accept=yes` in the unit, one process per client, passes no such socket.
 *
 * @example
 * const [socket] = listenFds();
 * await using listener = await listen(socket ?? 8080);
 *
 * @throws NetError `EINVAL` if a variable that is for this process has no sense: no number, or not as many names as
 *   descriptors
 * @throws TypeError for wrong options
 */
export function listenFds(options: ListenFdsOptions = {}): readonly ListenFd[] {
  const { unsetEnvironment = false } = checkedOptions(options, LISTEN_FDS, copyOf);
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = process.env;
  if (unsetEnvironment) {
    delete process.env["LISTEN_PID"];
    delete process.env["LISTEN_FDS"];
    delete process.env["LISTEN_FDNAMES"];
  }
  const isPassed = pid !== undefined && isForThisProcess(pid) && count !== undefined;
  return Object.freeze(isPassed ? fdsOf(count, names) : []);
}

function copyOf({ unsetEnvironment }: ListenFdsOptions): Complete<ListenFdsOptions> {
  return { unsetEnvironment };
}

function isForThisProcess(text: string): boolean {
  const pid = numberIn("LISTEN_PID", text, "the id of a process", MAX_PID);
  return pid === process.pid || (pid === process.ppid && isClusterWorker());
}

function fdsOf(countText: string, namesText: string | undefined): ListenFd[] {
  const count = numberIn("LISTEN_FDS", countText, "a number of descriptors, 1 or more", MAX_FDS);
  const names = namesText?.split(":");
  if (names !== undefined && names.length !== count) {
    throw wrong("LISTEN_FDNAMES", `${String(count)} names, as LISTEN_FDS says`, namesText);
  }
  return Array.from({ length: count }, (_, index) =>
    Object.freeze({ fd: FIRST_FD + index, name: names?.[index] ?? NO_NAME }),
  );
}

function numberIn(variable: string, text: string, expected: string, most: number): number {
  const number = DIGITS.test(text) ? Number(text) : 0;
  if (number < 1 || number > most) throw wrong(variable, expected, text);
  return number;
}

/** sd_listen_fds(3) fails with this code, too. */
function wrong(variable: string, expected: string, received: unknown): NetError {
  const reason = `the variable must be ${expected}; it is ${described(received)}`;
  const cause = Object.assign(new Error(reason), { code: "EINVAL" });
  return translated("listen", { text: variable }, cause);
}
