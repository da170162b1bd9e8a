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

const remembered = new WeakMap<Duplex, TlsFacts>();

/**
 * Remembers what the handshake of a TLS socket has agreed on.
 *
 * @param certificate - of the peer, parsed or as its bytes (DER)
 */
export function rememberFacts(
  socket: TLSSocket,
  certificate: Buffer | X509Certificate | undefined,
): TlsFacts {
  const { alpnProtocol, authorized, authorizationError } = socket;
  const { servername } = socket as { servername?: unknown };
  const facts: TlsFacts = Object.freeze({
    protocol: socket.getProtocol() ?? "",
    cipher: socket.getCipher(),
    alpnProtocol: typeof alpnProtocol === "string" ? alpnProtocol : undefined,
    servername: typeof servername === "string" && servername !== "" ? servername : undefined,
    authorized,
    authorizationError: codeOf(authorizationError),
    // Parsed when the program asks for it: that costs 20 to 220 µs.
    get peerCertificate(): X509Certificate | undefined {
      if (isUint8Array(certificate)) certificate = certificateOf(certificate);
      return certificate;
    },
    sessionReused: socket.isSessionReused(),
  });
  remembered.set(socket, facts);
  return facts;
}

/**
 * What the handshake of a stream has agreed on; `undefined` for what is no TLS socket. Of an adopted one it is remembered
 * when the program first asks.
 */
export function factsOfTls(stream: Duplex | null): TlsFacts | undefined {
  if (stream === null) return undefined;
  return (
    remembered.get(stream) ??
    (isSecure(stream) ? rememberFacts(stream, peerCertificateOf(stream)) : undefined)
  );
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
