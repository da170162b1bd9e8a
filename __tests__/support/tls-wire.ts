import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import {
  connect as tlsConnect,
  createSecureContext,
  createServer as createTlsServer,
  type TLSSocket,
} from "node:tls";
import { AUTHORITY, LOCALHOST } from "./certificates.js";
import { turn, until } from "./outcomes.js";
import { keep } from "./peers.js";

export type Side = "client" | "server";

const TRUSTING = createSecureContext({ ca: AUTHORITY });

/**
 * Two TLS sockets of Node's own, and a wire between them that a test can cut: everything of the peer's goes through it.
 */
export class TlsWire {
  /** Emits what is for our end, in pieces of its choice. */
  readonly toUs: Socket;
  readonly toPeer: Socket;
  /** What the peer has sent since {@link hold}. */
  held = Buffer.alloc(0);
  #isHolding = false;

  constructor(toUs: Socket, toPeer: Socket) {
    this.toUs = keep(toUs.setNoDelay(true));
    this.toPeer = keep(toPeer.setNoDelay(true));
    toUs.on("error", () => toPeer.destroy());
    toPeer.on("error", () => undefined);
    toUs.pipe(toPeer);
    toPeer.on("data", (chunk: Buffer) => {
      if (this.#isHolding) this.held = Buffer.concat([this.held, chunk]);
      else toUs.write(chunk);
    });
    toPeer.on("end", () => {
      if (!this.#isHolding) toUs.end();
    });
  }

  /** Passes on no more of what the peer sends, nor its end. */
  hold(): void {
    this.#isHolding = true;
    this.held = Buffer.alloc(0);
  }

  /** Resolves to all that was held once that is `size` bytes or more, and forgets it. */
  async holding(size = 1): Promise<Buffer> {
    await until(() => this.held.length >= size);
    const { held } = this;
    this.held = Buffer.alloc(0);
    return held;
  }
}

/** Both ends of a TCP connection with a wire between, before any TLS. */
export async function wiredSockets(): Promise<{ ours: Socket; peers: Socket; wire: TlsWire }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const pair = async (): Promise<[Socket, Socket]> => {
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    const [[accepted]] = (await Promise.all([once(server, "connection"), once(client, "connect")])) as [
      [Socket],
      unknown,
    ];
    return [client, accepted];
  };
  const [ours, toUs] = await pair();
  const [peers, toPeer] = await pair();
  server.close();
  return { ours: keep(ours), peers: keep(peers), wire: new TlsWire(toUs, toPeer) };
}

/** Our end as the client or the server, secure, and the peer's. */
export async function tlsWire(side: Side): Promise<{ ours: TLSSocket; peer: TLSSocket; wire: TlsWire }> {
  const { ours, peers, wire } = await wiredSockets();
  const server = createTlsServer({ ...LOCALHOST, allowHalfOpen: true });
  server.emit("connection", side === "server" ? ours : peers);
  const client = tlsConnect({
    socket: side === "client" ? ours : peers,
    secureContext: TRUSTING,
    servername: "localhost",
  });
  const [[accepted]] = (await Promise.all([
    once(server, "secureConnection"),
    once(client, "secureConnect"),
  ])) as [[TLSSocket], unknown];
  const [mine, peer] = side === "client" ? [client, accepted] : [accepted, client];
  // The tickets are sent by then: with them on their way, Node would lose the close_notify of a peer that ends.
  await turn();
  keep(peer).on("error", () => undefined);
  return { ours: mine, peer, wire };
}
