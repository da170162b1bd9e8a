import type { Buffer } from "node:buffer";
import { stoppable } from "../core/timing/bounded.js";
import { causeOfFailure } from "../core/transport/outcome.js";
import type { Transport } from "../core/transport/transport.js";

/**
 * Resolves when a transport that has just connected has taken the header, ahead of everything else. Rejects with the platform's
 * error, or with the reason of `signal`: the transport is then to be reset.
 */
export async function sendHeader(
  transport: Transport,
  header: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { stream } = transport;
  // It has no connection yet that would hear of errors.
  stream?.on("error", ignore);
  await stoppable<undefined>(signal, (resolve, reject) => {
    const closed = (): void => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const leave = (): void => void stream?.removeListener("close", closed);
    stream?.once("close", closed);
    const outcome = transport.send(header, (error) => {
      leave();
      if (error) reject(error);
      else resolve(undefined);
    });
    if (outcome === "taken") resolve(undefined);
    else if (outcome === "failed") reject(causeOfFailure());
    if (outcome !== "pending") leave();
    return leave;
  });
  stream?.removeListener("error", ignore);
}

function ignore(): void {
  // What was being sent fails with it.
}
