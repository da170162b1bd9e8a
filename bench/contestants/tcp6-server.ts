import type { Socket } from "node:net";
import { Connection, listen, NetError, type ListenOptions } from "../../src/index.js";
import { BACKLOG } from "../backlog.js";
import { over } from "../over.js";
import { onStage } from "../stage.js";

/** Puts a server of tcp6 on stage. It ignores that a load hangs up; any other error ends the process. */
export async function serveTcp6(
  take: (connection: Connection) => Promise<void>,
  options: ListenOptions = {},
): Promise<void> {
  const serve = (connection: Connection) => {
    take(connection).catch((error: unknown) => {
      if (!(error instanceof NetError)) throw error;
      connection.reset();
    });
  };
  if (over === "adopted-tls") {
    const { serveNet } = await import("./net-server.js");
    serveNet((socket: Socket) => serve(Connection.from(socket)));
    return;
  }
  const tls =
    over === "tls" ? (await import("../../__tests__/support/certificates.js")).LOCALHOST : undefined;
  const listener = await listen(0, { host: "127.0.0.1", backlog: BACKLOG, ...options, tls });
  onStage({ port: listener.port });
  for await (const connection of listener) serve(connection);
}
