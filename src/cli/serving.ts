import { serve, type Handler, type Listener } from "../index.js";
import type { Arguments, Options } from "./arguments.js";
import type { Report } from "./report.js";
import { onShutdown } from "./shutdown.js";

const GRACE_MS = 10_000;

export const SERVE_OPTIONS = {
  "max-connections": { takes: "NUMBER", says: "most clients at a time; more are reset" },
  grace: { takes: "TIME", says: "how long clients may go on after Ctrl-C or SIGTERM; 10s" },
} as const satisfies Options;

/** The options of `listen` that all commands which listen have. */
export function listenOptionsOf(given: Arguments): {
  maxConnections?: number;
  readTimeout: number;
  writeTimeout: number;
  unlinkStale: boolean;
} {
  const maxConnections = given.count("max-connections");
  const unbounded = { readTimeout: Infinity, writeTimeout: Infinity };
  // A command that a signal has ended has left the file of its socket behind.
  return { ...unbounded, unlinkStale: true, ...(maxConnections === undefined ? {} : { maxConnections }) };
}

export function announce(listener: Listener, report: Report): void {
  report.event("listening", { addresses: listener.addresses }, `listening on ${listener.toString()}`);
}

/** How many ms clients may go on after a signal. To be asked before the command listens. */
export function graceOf(given: Arguments): number {
  return given.time("grace") ?? GRACE_MS;
}

/** Serves until a signal comes: then clients have `grace` ms, and a second signal ends the process. */
export async function serveUntilSignal(
  listener: Listener,
  handler: Handler,
  grace: number,
  report: Report,
  abandon?: () => void,
): Promise<number> {
  const stop = new AbortController();
  const shutdown = onShutdown(() => {
    report.detail("stopping", { connections: listener.connections }, "stopping");
    stop.abort();
  }, abandon);
  try {
    const onError = (error: unknown): void => report.error(error);
    await serve(listener, handler, { signal: stop.signal, grace, onError });
  } finally {
    shutdown[Symbol.dispose]();
  }
  return 0;
}
