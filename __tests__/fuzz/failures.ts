import { NetError, NetTimeoutError } from "../../src/index.js";
import type { End } from "./end.js";
import type { Operation } from "./operation.js";
import type { Bounds, Op } from "./scenario.js";

/** What kind of call has failed: one of the connection's own, of its Duplex, its web streams, or of a detached stream. */
export type Failing = "read" | "write" | "close" | "duplex" | "web" | "detached";

/** Node's own errors, of a stream that the program has ended, destroyed, or left. */
const NODE_STREAM = [
  "ABORT_ERR",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_WRITE_AFTER_END",
  "ERR_STREAM_UNABLE_TO_PIPE",
];
/** The same of web streams; the second is how Node 20 says that one is being closed. */
const WEB_STREAM = ["ERR_INVALID_STATE", "ERR_INTERNAL_ASSERTION"];
const PLATFORM = ["ECONNRESET", "EPIPE", "ECONNABORTED"];
const DETACHED = [...NODE_STREAM, ...PLATFORM, "ECANCELED", "EBADF", "ERR_SOCKET_CLOSED"];

/** Reads that may end in the middle of what they ask for. */
const MAY_END_INSIDE: readonly Op[] = ["readExactly", "readUntil", "readUntilAny", "receive", "loop"];
/** Reads of lines. */
const OF_LINES: readonly Op[] = ["readLine", "loop"];
/** Reads and writes with a limit. */
const LIMITED: readonly Op[] = [
  "readUntil",
  "readUntilAny",
  "readLine",
  "readAll",
  "receive",
  "loop",
  "send",
];

/** What is wrong with an error: one that is not documented, or for which there is no cause. */
export function complaintAbout(error: unknown, operation: Operation, failing: Failing): string | undefined {
  const signal = operation.options?.signal;
  if (signal?.aborted === true && error === signal.reason) return undefined;
  const code = (error as { code?: unknown } | null)?.code;
  if (failing === "detached" || (failing === "duplex" && !(error instanceof NetError))) {
    const codes = failing === "detached" ? DETACHED : NODE_STREAM;
    if (error instanceof Error && typeof code === "string" && codes.includes(code)) return undefined;
    if (code === "ETIMEDOUT" && operation.end.shared.surroundings.mayBreak()) return undefined;
  }
  if (failing === "web" && error instanceof Error && WEB_STREAM.includes(String(code))) return undefined;
  if (failing === "web" && error instanceof Error && error.message === ABORTED_WRITABLE.message)
    return undefined;
  if (failing === "duplex" && error === DESTROYED_DUPLEX) return undefined;
  if (!(error instanceof NetError))
    return `failed with ${error instanceof Error ? (error.stack ?? "") : String(error)}`;
  if ((failing === "read" || failing === "write") && error.operation !== failing) {
    return `failed with ${shown(error)}, whose operation is ${error.operation}`;
  }
  if (failing === "write" && operation.call.op !== "flush" && error.written === undefined)
    return `failed with ${shown(error)}, which does not say how much was written`;
  return hasCause(error, operation, failing)
    ? undefined
    : `failed with ${shown(error)} for no reason that is known`;
}

function hasCause(error: NetError, operation: Operation, failing: Failing): boolean {
  const { end, call } = operation;
  const isStrict = end.shared.scenario.terminator === "crlf";
  switch (error.code) {
    case "ERR_BUSY":
      // A stream made from a connection asks it later than its reader asks the stream.
      return operation.foundBusy || end.reading > 0 || isReadInAView(end) || call.op === "webFrom";
    case "ERR_CLOSED":
      return (
        operation.connection !== end.connection ||
        isClosedHere(end, failing) ||
        (call.op === "detach" && isOver(end)) ||
        (!end.shared.pair.takesAtOnce && end.peer.mayBeCutOff)
      );
    case "ERR_LIMIT":
      return LIMITED.includes(call.op);
    case "ERR_INVALID_LINE":
      return isStrict && OF_LINES.includes(call.op);
    case "ERR_UNEXPECTED_EOF":
      return MAY_END_INSIDE.includes(call.op) || (isStrict && call.op === "readLine");
    case "ETIMEDOUT":
      return error instanceof NetTimeoutError && mayTimeOut(operation);
    case "ERR_TLS_TRUNCATED":
      // Also a TLS socket of Node's, which a detached one is, may close without ending TLS.
      return end.shared.pair.endsAreTold && (isOver(end) || end.mayBeCutOff || end.peer.has("detach"));
    default:
      return PLATFORM.includes(error.code) && (end.peer.mayBeCutOff || end.mayBeCutOff);
  }
}

function isClosedHere(end: End, failing: Failing): boolean {
  if (end.has("close", "reset", "destroy", "detach", "over") || end.mayBeCutOff) return true;
  if (failing === "read") return end.has("closeRead");
  // A Duplex has one error for both directions.
  return end.has("closeWrite") || (failing === "duplex" && end.has("closeRead"));
}

/** Whether both sides may have ended, or the connection have failed. */
function isOver(end: End): boolean {
  return end.peer.mayBeCutOff || (end.has("closeWrite") && end.peer.has("closeWrite"));
}

function isReadInAView(end: End): boolean {
  if (!end.usesViews) return false;
  const { duplex, readable } = end.connection;
  return readable.locked || duplex.readableFlowing === true || duplex.listenerCount("readable") > 0;
}

function mayTimeOut({ end, call }: Operation): boolean {
  const { timeout, signal } = call as Bounds;
  const { readTimeout = Infinity, writeTimeout = Infinity } = end.shared.settings;
  const hasOwn = timeout !== undefined || signal === "timer";
  // A kernel that has given up on a silent peer says the same.
  if (hasOwn || end.shared.surroundings.mayBreak()) return true;
  return Number.isFinite(readTimeout) || Number.isFinite(writeTimeout) || end.hasUnawaitedWrite;
}

/** What a Duplex is destroyed with, and a writable aborted. */
export const DESTROYED_DUPLEX = new Error("the program has destroyed its Duplex");
export const ABORTED_WRITABLE = new Error("the program has aborted its writable");

function shown({ name, code, message }: NetError): string {
  return `${name} ${code}: ${message}`;
}
