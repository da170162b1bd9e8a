/** How a run ends. */
import { Duplex } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { NetError, NetTimeoutError } from "../../src/index.js";
import { make } from "./calls.js";
import type { End } from "./end.js";
import { Operation } from "./operation.js";
import { readSome } from "./reading.js";
import type { Scenario } from "./scenario.js";
import { within } from "./turns.js";

/** Most ms between two looks whether another read has settled. */
const MOST_WAIT_MS = 1_000;

/** Ends both ends; settles when no call should be waiting any more. */
export async function finish(ends: readonly [End, End], how: Scenario["finish"]): Promise<void> {
  const alive = ends.filter((end) => !end.isGone);
  const isAbandoned = ends.some((end) => end.has("abandon"));
  const [a] = ends;
  if (how === "reset") make(a, { op: "reset" }, 0);
  for (const end of alive) {
    // A stream may never learn that its other side is gone, and would wait for ever.
    const isLeftAlone = !end.shared.pair.takesAtOnce && end.peer.wasCutOff;
    if (end.detached !== null && isLeftAlone) make(end, { op: "reset" }, 0);
  }
  if (isAbandoned) {
    // A side that is not ended sends no end of stream, or takes no more bytes from its peer.
    await Promise.all(alive.map((end) => make(end, { op: "close", timeout: 500 }, 0).done));
  } else if (how === "close") {
    await Promise.all(alive.map((end) => make(end, { op: "close" }, 0).done));
  } else {
    const reading = alive.filter((end) => how === "drain" || end !== a);
    await Promise.all(reading.map((end) => at(end, drainOrReset)));
  }
  for (const end of alive) await at(end, readLeftovers);
}

/**
 * The same over a network that may have failed. Its kernel notices that when it sends something: if the end has ended its
 * output before, and all of it has arrived, nothing ever tells it that its peer is gone.
 */
async function drainOrReset(end: End): Promise<void> {
  const { surroundings } = end.shared;
  const hadEnded = end.hasEnded;
  const draining = drain(end);
  if (!surroundings.mayBeSilent()) return draining;
  const isDrained = await within(surroundings.patienceAtEnd(), draining);
  if (isDrained) return;
  if (!hadEnded) end.shared.complain(`${end.name} was not told that its peer is gone`);
  make(end, { op: "reset" }, 0);
  await draining;
}

function at(end: End, body: (end: End) => Promise<void>): Promise<void> {
  return end.shared.surroundings.at(end.name, () => body(end));
}

/** Ends the output, and reads all that is left. */
async function drain(end: End): Promise<void> {
  const ending = make(end, { op: "closeWrite" }, 0);
  if (end.detached === null) await readOn(end);
  else await flowOn(end.detached);
  await ending.done;
  // The peer takes no more bytes, without having reset the connection.
  if (ending.failure instanceof NetTimeoutError) await make(end, { op: "close" }, 0).done;
}

/** Lets a stream flow to its end, for its listeners. */
async function flowOn(stream: Duplex): Promise<void> {
  if (stream.readableEnded || stream.closed) return;
  await new Promise((resolve) => stream.once("end", resolve).once("close", resolve).resume());
}

/** Reads to the end of the stream, after the reads that still wait. */
async function readOn(end: End): Promise<void> {
  const operation = new Operation(end, { op: "read", timeout: Infinity }, 0);
  for (let wait = 1; ; wait = Math.min(2 * wait, MOST_WAIT_MS)) {
    const observed = await readSome(operation);
    if (observed === "taken") continue;
    // Another read may wait for the next bytes.
    if (observed === "ended" || !isBusy(operation.failure)) break;
    await sleep(wait);
  }
  operation.settled();
}

/** Takes the bytes that views have read and that no call has taken. */
async function readLeftovers(end: End): Promise<void> {
  const how = { by: "what a view had left", startedAt: 0 } as const;
  for (const view of end.readViews) {
    if (view instanceof Duplex) {
      const chunk = view.read() as Buffer | null;
      if (chunk !== null) end.take(chunk, { ...how, lane: "duplex" });
    } else if (!view.locked) {
      try {
        for await (const { buffer, byteOffset, length } of view) {
          end.take(Buffer.from(buffer, byteOffset, length), { ...how, lane: "web" });
        }
      } catch {
        // It has failed as the connection has.
      }
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof NetError && error.code === "ERR_BUSY";
}
