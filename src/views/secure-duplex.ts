import type { TLSSocket } from "node:tls";
import { factsOfTls, type TlsFacts } from "../tls/snapshot.js";
import { SocketView, type SocketDuplex } from "./socket-duplex.js";

type Method =
  "getProtocol" | "getCipher" | "getPeerCertificate" | "getPeerX509Certificate" | "isSessionReused";

/** A Duplex of a connection that may be one over TLS. */
export abstract class SecureView extends SocketView implements SocketDuplex {
  /** Whether there is TLS, or will be once it has connected. */
  protected get isSecure(): boolean {
    return this.#facts !== undefined;
  }

  get encrypted(): true | undefined {
    return this.isSecure ? true : undefined;
  }

  get authorized(): boolean | undefined {
    return this.#facts?.authorized ?? (this.isSecure ? false : undefined);
  }

  get authorizationError(): string | null | undefined {
    return this.isSecure ? (this.#facts?.authorizationError ?? null) : undefined;
  }

  get alpnProtocol(): string | false | null | undefined {
    if (!this.isSecure) return undefined;
    return this.#facts === undefined ? null : (this.#facts.alpnProtocol ?? false);
  }

  get servername(): string | false | null | undefined {
    if (!this.isSecure) return undefined;
    return this.#facts === undefined ? null : (this.#facts.servername ?? false);
  }

  get getProtocol(): TLSSocket["getProtocol"] | undefined {
    return this.#method("getProtocol");
  }

  get getCipher(): TLSSocket["getCipher"] | undefined {
    return this.#method("getCipher");
  }

  get getPeerCertificate(): TLSSocket["getPeerCertificate"] | undefined {
    return this.#method("getPeerCertificate");
  }

  get getPeerX509Certificate(): TLSSocket["getPeerX509Certificate"] | undefined {
    return this.#method("getPeerX509Certificate");
  }

  get isSessionReused(): TLSSocket["isSessionReused"] | undefined {
    return this.#method("isSessionReused");
  }

  protected override emitConnected(): void {
    super.emitConnected();
    if (this.isSecure && !this.destroyed) this.emit("secureConnect");
  }

  get #facts(): TlsFacts | undefined {
    return factsOfTls(this.stream);
  }

  #method<Name extends Method>(name: Name): TLSSocket[Name] | undefined {
    if (this.#facts === undefined) return undefined;
    const socket = this.stream as TLSSocket;
    return socket[name].bind(socket) as TLSSocket[Name];
  }
}
