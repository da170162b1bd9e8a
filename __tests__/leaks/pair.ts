import { connect, type Connection, type ConnectOptions, type Listener } from "../../src/index.js";

/** Both ends of a connection, of a listener that no other connects to meanwhile. */
export async function pairOver(
  listener: Listener,
  options: ConnectOptions = {},
): Promise<readonly [Connection, Connection]> {
  return Promise.all([connect("127.0.0.1", listener.port, options), listener.accept()]);
}
