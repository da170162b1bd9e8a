/** How a run ends. */
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { NetError, NetTimeoutError } from "../../src/index.js";
import { make } from "./calls.js";
import type { End } from "./end.js";
import { Operation } from "./operation.js";
import { readSome } from "./reading.js";
import type { Scenario } from "./scenario.js";

/** Ends both ends; settles when no call should be waiting any more. */
export async function finish(ends: readonly [End, End], how: Scenario["finish"]): Promise<void> {
  const [a, b] = ends;
  const isAbandoned = ends.some((end) => end.has("abandon"));
  if (how === "reset") make(a, { op: "reset" }, 0);
  for (const end of ends) {
    // A stream may never learn that its other side is gone, and would wait for ever.
    const isLeftAlone = !end.shared.pair.takesAtOnce && end.peer.wasCutOff;
    if (end.detached !== null && isLeftAlone) make(end, { op: "reset" }, 0);
  }
  if (isAbandoned) {
    // A side that is not ended sends no end of stream, or takes no more bytes from its peer.
    await Promise.all(ends.map((end) => make(end, { op: "close", timeout: 500 }, 0).done));
  } else if (how === "close") {
    await Promise.all(ends.map((end) => make(end, { op: "close" }, 0).done));
  } else {
    await Promise.all((how === "reset" ? [b] : ends).map(drain));
  }
  for (const end of ends) await readLeftovers(end);
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
  for (;;) {
    const observed = await readSome(operation);
    if (observed === "taken") continue;
    // Another read may wait for the next bytes.
    if (observed === "ended" || !isBusy(operation.failure)) break;
    await turn();
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
