import type { TlsServer } from "../tls/server.js";
import type { Step } from "./arrival.js";

/** The step of a client of a listener with TLS. */
export function tlsStep(server: TlsServer): Step {
  const step: Step = ({ socket }, passage) => {
    // It is read from now on. Until it is accepted, only the listener keeps the process alive.
    socket.unref();
    server.handshake(socket, (ended) => {
      if ("transport" in ended) passage.proceed(ended);
      else passage.refuse("handshake", ended.failure, true);
    });
  };
  return Object.assign(step, { operation: "tls" as const });
}
