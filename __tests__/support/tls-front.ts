import { once } from "node:events";
import { connect, type AddressInfo, type NetConnectOpts, type Socket } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import { LOCALHOST } from "./certificates.js";

/**
 * A TLS server of Node's own before a server that speaks no TLS: it passes on what is decrypted. When either side ends
 * or fails, it closes the other.
 */
export class TlsFront implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: NetConnectOpts) {
    this.#server = createServer(LOCALHOST, (client) => this.#pass(client, connect(target)));
    // One that was reset in its handshake.
    this.#server.on("tlsClientError", (_error, client) => client.destroy());
  }

  static async open(target: NetConnectOpts): Promise<TlsFront> {
    const front = new TlsFront(target);
    front.#server.listen(0, front.host);
    await once(front.#server, "listening");
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #pass(client: TLSSocket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroySoon();
      });
      from.pipe(to);
    }
  }
}
