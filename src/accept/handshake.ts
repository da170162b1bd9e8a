import type { TlsServer } from "../tls/server.js";
import type { Step, StepResult } from "./arrival.js";

/** The step of a client of a listener with TLS. */
export function tlsStep(server: TlsServer): Step {
  return ({ socket }) =>
    new Promise<StepResult>((resolve) => {
      server.handshake(socket, (ended) =>
        resolve("transport" in ended ? { transport: ended.transport } : { refused: "handshake" }),
      );
    });
}
