import type { Buffer } from "node:buffer";
import { stoppable } from "../core/timing/bounded.js";
import { causeOfFailure, type Taken } from "../core/transport/outcome.js";
import type { Transport } from "../core/transport/transport.js";

/**
 * Resolves when a transport that has just connected has taken the header, ahead of everything else, whether or not there is a
 * connection over it. The header does not count
 * among the bytes of the connection. Rejects with the platform's error, or with the reason of `signal`: the transport is then
 * to be reset.
 */
export async function sendHeader(
  transport: Transport,
  header: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { stream } = transport;
  // There may be no connection yet that would hear of errors.
  stream?.on("error", ignore);
  await stoppable<undefined>(signal, (resolve, reject) => {
    const closed = (): void => reject(Object.assign(new Error("closed"), { code: "ECONNRESET" }));
    const leave = (): void => void stream?.removeListener("close", closed);
    stream?.once("close", closed);
    write(transport, header, (error) => {
      leave();
      if (error) reject(error);
      else resolve(undefined);
    });
    return leave;
  });
  stream?.removeListener("error", ignore);
  if (stream !== null) transport.refused(header.length);
}

/** Past the transport where that has a stream: what is written to the stream itself goes first. */
function write(transport: Transport, header: Buffer, taken: Taken): void {
  if (transport.stream !== null) {
    transport.stream.write(header, taken);
    return;
  }
  const outcome = transport.send(header, taken);
  if (outcome === "taken") taken();
  else if (outcome === "failed") taken(causeOfFailure() as Error);
}

function ignore(): void {
  // What was being sent fails with it.
}
