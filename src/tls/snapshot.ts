import type { Buffer } from "node:buffer";
import type { X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import type { CipherNameAndProtocol, PeerCertificate, TLSSocket } from "node:tls";
import { isUint8Array } from "node:util/types";
import { certificateOf } from "./node-tls.js";

/** What the handshake of a connection has agreed on: {@link Connection.tls}. It stays as it is once the connection is over. */
export interface TlsFacts {
  /** `"TLSv1.3"`, `"TLSv1.2"`. */
  readonly protocol: string;
  /** `{ name, standardName, version }`: the name that OpenSSL has for it, and that of the RFCs. */
  readonly cipher: CipherNameAndProtocol;
  /** The protocol that both ends have agreed on (ALPN, RFC 7301); `undefined` if they have not. */
  readonly alpnProtocol: string | undefined;
  /** The name that the client has asked for (SNI, RFC 6066); `undefined` if it has asked for none. */
  readonly servername: string | undefined;
  /**
   * Whether the certificate of the peer was checked and found good. It is `false` for a server that has asked its client for
   * none.
   */
  readonly authorized: boolean;
  /** What is wrong with the certificate of a peer that was let in all the same: a code of OpenSSL's or Node's. */
  readonly authorizationError: string | undefined;
  /** The certificate of the peer, also on a resumed session; `undefined` if the peer has shown none. */
  readonly peerCertificate: X509Certificate | undefined;
  /** Whether the session of an earlier connection was resumed. */
  readonly sessionReused: boolean;
}

/** What a handshake has agreed on, as long as the program has not asked: a frozen object takes ten times the memory. */
class Agreed {
  readonly protocol: string;
  readonly cipher: CipherNameAndProtocol;
  readonly alpnProtocol: unknown;
  readonly servername: unknown;
  readonly authorized: boolean;
  readonly authorizationError: string | undefined;
  readonly sessionReused: boolean;
  readonly certificate: Buffer | X509Certificate | undefined;
  #facts: TlsFacts | null = null;

  constructor(socket: TLSSocket, certificate: Buffer | X509Certificate | undefined) {
    this.protocol = socket.getProtocol() ?? "";
    this.cipher = sharedCipher(socket.getCipher());
    this.alpnProtocol = socket.alpnProtocol;
    this.servername = (socket as { servername?: unknown }).servername;
    this.authorized = socket.authorized;
    this.authorizationError = codeOf(socket.authorizationError);
    this.sessionReused = socket.isSessionReused();
    this.certificate = certificate;
  }

  get facts(): TlsFacts {
    return (this.#facts ??= this.#frozen());
  }

  #frozen(): TlsFacts {
    const { protocol, cipher, alpnProtocol, servername, authorized, authorizationError, sessionReused } =
      this;
    let { certificate } = this;
    return Object.freeze({
      protocol,
      cipher,
      alpnProtocol: typeof alpnProtocol === "string" ? alpnProtocol : undefined,
      servername: typeof servername === "string" && servername !== "" ? servername : undefined,
      authorized,
      authorizationError,
      // Parsed when the program asks for it: that costs 20 to 220 µs.
      get peerCertificate(): X509Certificate | undefined {
        if (isUint8Array(certificate)) certificate = certificateOf(certificate);
        return certificate;
      },
      sessionReused,
    });
  }
}

/** Of a socket that the program has destroyed in its secure event. */
const NO_CIPHER: CipherNameAndProtocol = Object.freeze({ name: "", standardName: "", version: "" });

let lastCipher: CipherNameAndProtocol | null = null;

/** The same object for connections one after the other that have the same cipher, as most have. */
function sharedCipher(cipher: CipherNameAndProtocol | null): CipherNameAndProtocol {
  if (cipher === null) return NO_CIPHER;
  const last = lastCipher;
  if (last !== null && last.name === cipher.name && last.version === cipher.version) return last;
  return (lastCipher = Object.freeze(cipher));
}

const remembered = new WeakMap<Duplex, Agreed>();

/**
 * Remembers what the handshake of a TLS socket has agreed on.
 *
 * @param certificate - of the peer, parsed or as its bytes (DER)
 */
export function rememberFacts(socket: TLSSocket, certificate: Buffer | X509Certificate | undefined): Agreed {
  const agreed = new Agreed(socket, certificate);
  remembered.set(socket, agreed);
  return agreed;
}

/**
 * What the handshake of a stream has agreed on; `undefined` for what is no TLS socket. Of an adopted one it is remembered
 * when the program first asks.
 */
export function factsOfTls(stream: Duplex | null): TlsFacts | undefined {
  if (stream === null) return undefined;
  const agreed =
    remembered.get(stream) ??
    (isSecure(stream) ? rememberFacts(stream, peerCertificateOf(stream)) : undefined);
  return agreed?.facts;
}

/**
 * The certificate of the peer (DER), if the peer has shown one. Up to Node 24 `getPeerX509Certificate()` of a client takes it
 * out of the socket: after that the program would find none there.
 */
export function peerCertificateOf(socket: TLSSocket): Buffer | undefined {
  return (socket.getPeerCertificate() as Partial<PeerCertificate> | null)?.raw;
}

/** Whether a stream is a TLS socket whose handshake is done. */
function isSecure(stream: Duplex): stream is TLSSocket {
  const { encrypted, secureConnecting, getProtocol, getCipher, getPeerCertificate, isSessionReused } =
    stream as Partial<TLSSocket> & { readonly secureConnecting?: unknown };
  if (encrypted !== true || secureConnecting !== false || stream.destroyed) return false;
  const methods = [getProtocol, getCipher, getPeerCertificate, isSessionReused];
  return methods.every((method) => typeof method === "function");
}

/** Node gives a code, or an error that has one. */
function codeOf(error: unknown): string | undefined {
  if (typeof error === "string") return error;
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return typeof code === "string" ? code : typeof message === "string" ? message : undefined;
}
