import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { Duplex, duplexPair } from "node:stream";
import { connect as tlsConnect, createSecureContext, TLSSocket } from "node:tls";
import { Connection, type ConnectionOptions } from "../../src/index.js";
import { SELF_SIGNED } from "./certificates.js";

// Made once: that costs more processor time than a handshake.
const OF_SERVER = createSecureContext(SELF_SIGNED);
const OF_CLIENT = createSecureContext({ ca: SELF_SIGNED.cert });

/** Both ends of a connection, as Node makes them: the one that connected and the one that was accepted. */
export async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [[accepted]] = (await Promise.all([once(server, "connection"), once(client, "connect")])) as [
    [Socket],
    unknown,
  ];
  server.close();
  return [client, accepted];
}

/** The same, encrypted. */
export async function tlsPair(): Promise<[TLSSocket, TLSSocket]> {
  const [client, accepted] = await socketPair();
  const server = new TLSSocket(accepted, { isServer: true, secureContext: OF_SERVER });
  const encrypted = tlsConnect({ socket: client, secureContext: OF_CLIENT, servername: "localhost" });
  await Promise.all([once(encrypted, "secureConnect"), once(server, "secure")]);
  return [encrypted, server];
}

/** The same, by way of a Duplex that is no socket. */
export async function tunnelPair(): Promise<[Duplex, Duplex]> {
  const [client, accepted] = await socketPair();
  const tunnel = (socket: Socket) => Duplex.from({ readable: socket, writable: socket });
  return [tunnel(client), tunnel(accepted)];
}

/** Both sides of a `stream.duplexPair()`. In Node 20 and 22 one side does not notice the other's `destroy()`. */
export function duplexesInMemory(): Promise<[Duplex, Duplex]> {
  const pair = duplexPair();
  for (const [side, other] of [pair, pair.toReversed()] as [Duplex, Duplex][]) {
    side.once("close", () => {
      if (!other.destroyed && !side.writableEnded) other.push(null);
    });
  }
  return Promise.resolve(pair);
}

/** Connections that have adopted both. */
export async function adopted(
  make: () => Promise<[Duplex, Duplex]>,
  options?: ConnectionOptions,
): Promise<[Connection, Connection]> {
  const [a, b] = await make();
  return [Connection.from(a, options), Connection.from(b, options)];
}
