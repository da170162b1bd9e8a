import { getEventListeners } from "node:events";
import { until } from "./outcomes.js";

/** What TCP has open in this process: sockets, servers, connection attempts. */
export function tcpResources(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));
}

/** What was open before the test file had opened anything; what remains of an earlier one is not this one's. */
let before = tcpResources().length;

/** For files of tests that share this module: takes what is open now for what was open before. */
export function countFromHere(): void {
  before = tcpResources().length;
}

/**
 * Waits until this process has nothing of TCP open, save what it had from the start or is the test's `own`; Node takes a
 * turn or two to let go of what is closed. If that fails, what was left is not held against the tests that come later.
 */
export async function nothingLeft(own = 0): Promise<void> {
  try {
    await until(function nothingMoreOfTcpIsOpen() {
      return tcpResources().length <= before + own;
    });
  } catch (error) {
    before = tcpResources().length - own;
    throw error;
  }
}

/** How many listeners a signal has. */
export function listenersOf(signal: AbortSignal): number {
  return getEventListeners(signal, "abort").length;
}
