/** What the errors of TLS say: those that Node gives for real handshakes that fail, and for options that cannot be used. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  connect,
  createSecureContext,
  createServer as createTlsServer,
  type ConnectionOptions,
  type SecureContextOptions,
  type TlsOptions,
} from "node:tls";
import { isNativeError } from "node:util/types";
import { NetError } from "../src/index.js";
import { translated } from "../src/errors.js";
import * as certificates from "./support/certificates.js";
import { keep, closeAll, netClient } from "./support/peers.js";

const { AUTHORITY, CLIENT, LOCALHOST } = certificates;

const servers: Server[] = [];
afterEach(async () => {
  await closeAll();
  for (const server of servers.splice(0)) server.close();
});

/** The port of a server on a loopback address. */
async function portOf(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

/** The error that stands for one of Node's. */
function shown(operation: "tls" | "read" | "write", cause: unknown): NetError {
  return translated(operation, { text: "localhost:443" }, cause);
}

/** How a client's handshake at `port` fails; one that does not fails the test. */
function failureOfClient(port: number, options: ConnectionOptions = {}): Promise<NetError> {
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca: AUTHORITY, ...options });
  keep(socket);
  return new Promise((resolve, reject) => {
    socket.once("secureConnect", () => reject(new Error("the handshake has not failed")));
    socket.once("error", (error) => resolve(shown("tls", error)));
    socket.on("error", () => undefined);
  });
}

/** How a handshake of two ends fails at each of them. */
async function failures(
  ofServer: TlsOptions,
  ofClient: ConnectionOptions = {},
): Promise<{ client: NetError; server: NetError }> {
  const server = createTlsServer(ofServer);
  const port = await portOf(server);
  const atServer = once(server, "tlsClientError") as Promise<[Error, Socket]>;
  const client = await failureOfClient(port, ofClient);
  const [error, socket] = await atServer;
  socket.destroy();
  return { client, server: shown("tls", error) };
}

/** How a client's handshake fails with a peer that sends something else once it has got the ClientHello. */
async function failureWith(speak: (socket: Socket) => void, options?: ConnectionOptions): Promise<NetError> {
  const accept = (socket: Socket): void => {
    keep(socket).on("error", () => undefined);
    socket.once("data", () => speak(socket));
  };
  return failureOfClient(await portOf(createServer(accept)), options);
}

/** How a server's handshake fails with a client that sends something else. */
async function failureOfServer(speak: (socket: Socket) => void): Promise<NetError> {
  const server = createTlsServer(LOCALHOST);
  const port = await portOf(server);
  const failed = once(server, "tlsClientError") as Promise<[Error, Socket]>;
  speak(await netClient(port));
  const [error, socket] = await failed;
  socket.destroy();
  return shown("tls", error);
}

/** A fatal alert, in a record of its own. */
function alert(description: number): Buffer {
  return Buffer.from([21, 3, 3, 0, 2, 2, description]);
}

function expectPlain({ message, transient, code }: NetError): void {
  expect(message.replace(`(${code})`, "")).not.toMatch(/error:|openssl|routines|0A00|--use-system-ca/i);
  expect(message).toMatch(/^tls localhost:443: .*\)$/);
  expect(transient).toBe(code === "ECONNRESET");
}

/** All codes of a certificate's verification that the binaries of Node 20 to 26 have. */
const VERIFICATION = [
  ...["CERT_CHAIN_TOO_LONG", "CERT_HAS_EXPIRED", "CERT_NOT_YET_VALID", "CERT_REJECTED", "CERT_REVOKED"],
  ...["CERT_SIGNATURE_FAILURE", "CERT_UNTRUSTED", "CRL_HAS_EXPIRED", "CRL_NOT_YET_VALID"],
  ...["CRL_SIGNATURE_FAILURE", "DEPTH_ZERO_SELF_SIGNED_CERT", "ERROR_IN_CERT_NOT_AFTER_FIELD"],
  ...["ERROR_IN_CERT_NOT_BEFORE_FIELD", "ERROR_IN_CRL_LAST_UPDATE_FIELD", "ERROR_IN_CRL_NEXT_UPDATE_FIELD"],
  ...["HOSTNAME_MISMATCH", "INVALID_CA", "INVALID_PURPOSE", "OUT_OF_MEM", "PATH_LENGTH_EXCEEDED"],
  ...["SELF_SIGNED_CERT_IN_CHAIN", "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY", "UNABLE_TO_DECRYPT_CERT_SIGNATURE"],
  ...["UNABLE_TO_DECRYPT_CRL_SIGNATURE", "UNABLE_TO_GET_CRL", "UNABLE_TO_GET_ISSUER_CERT"],
  ...["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "UNABLE_TO_VERIFY_LEAF_SIGNATURE", "UNSPECIFIED"],
];

test.each(VERIFICATION)("%s has words of its own", (code) => {
  const error = shown("tls", Object.assign(new Error("error:0A000086:SSL routines"), { code }));
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/certificate|revocation list/);
  expectPlain(error);
});

const UNKNOWN_AUTHORITY =
  "the certificate of the peer is signed by an authority that is not trusted here, or the peer does not send the " +
  "certificates between the two: give the certificate of that authority as tls: { ca }";

describe("a client does not accept a certificate", () => {
  const cases: [string, TlsOptions, ConnectionOptions, string, string][] = [
    [
      "that is signed by itself",
      certificates.SELF_SIGNED,
      {},
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "the certificate of the peer is signed by itself and not trusted here: if it is the right one, give it as tls: { ca }",
    ],
    [
      "that has expired",
      certificates.EXPIRED,
      {},
      "CERT_HAS_EXPIRED",
      "the certificate of the peer has expired: the peer has to renew it (or the clock of this machine is wrong)",
    ],
    [
      "that is not valid yet",
      certificates.NOT_YET_VALID,
      {},
      "CERT_NOT_YET_VALID",
      "the certificate of the peer is not valid yet: see whether the clock of this machine is right",
    ],
    [
      "for another name",
      certificates.OTHER_EXAMPLE,
      {},
      "ERR_TLS_CERT_ALTNAME_INVALID",
      'the certificate of the peer is not for "localhost": connect by a name that it has, or give that as tls: { servername }',
    ],
    [
      "without the address",
      certificates.LOCALHOST_BY_NAME,
      { servername: "" },
      "ERR_TLS_CERT_ALTNAME_INVALID",
      'the certificate of the peer is not for "127.0.0.1": connect by a name that it has, or give that as tls: { servername }',
    ],
    [
      "by another authority",
      LOCALHOST,
      { ca: certificates.OTHER_AUTHORITY },
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      UNKNOWN_AUTHORITY,
    ],
    [
      "by another authority, which the server sends",
      { ...LOCALHOST, cert: `${LOCALHOST.cert}\n${AUTHORITY}` },
      { ca: certificates.OTHER_AUTHORITY },
      "SELF_SIGNED_CERT_IN_CHAIN",
      "the certificate of the peer is signed by an authority that is not trusted here: give the certificate of that authority as tls: { ca }",
    ],
    [
      "that was revoked",
      certificates.REVOKED,
      { crl: certificates.REVOCATIONS },
      "CERT_REVOKED",
      "the certificate of the peer was revoked by its authority: the peer has to get another",
    ],
    [
      "of whose authority there is no revocation list",
      certificates.UNTRUSTED_CLIENT,
      { ca: [certificates.OTHER_AUTHORITY, AUTHORITY], crl: certificates.REVOCATIONS },
      "UNABLE_TO_GET_CRL",
      "there is no revocation list of the authority of the certificate of the peer: add it to tls: { crl }",
    ],
    [
      "of a client",
      CLIENT,
      {},
      "INVALID_PURPOSE",
      "the certificate of the peer is for another purpose: a server needs one for serverAuth, a client one for clientAuth",
    ],
  ];

  test.each(cases)("%s", async (_, ofServer, ofClient, code, words) => {
    const { client, server } = await failures(ofServer, ofClient);
    expect(client.message).toBe(`tls localhost:443: ${words} (${code})`);
    expect(client.code).toBe(code);
    expectPlain(client);
    // Node's clients say nothing to the server.
    expect(server.message).toBe(
      "tls localhost:443: the peer ended the connection during the handshake (ECONNRESET)",
    );
    expectPlain(server);
  });
});

describe("two ends have nothing in common", () => {
  const HANDSHAKE_FAILURE =
    "the peer found nothing that both ends can do, or demands a certificate: see tls: { ciphers, ecdhCurve, key, cert }";
  const NO_VERSION = "no version of TLS in common with the peer: see tls: { minVersion, maxVersion }";
  const NO_VERSION_OFFERED =
    "the peer knows none of the versions of TLS that were offered: see tls: { minVersion, maxVersion }";
  const older = { maxVersion: "TLSv1.2" } as const;
  const newer = { minVersion: "TLSv1.3" } as const;

  const cases: [string, TlsOptions, ConnectionOptions, string, string, string][] = [
    ...[
      ["a version (older server)", { ...LOCALHOST, ...older }, newer] as const,
      ["a version (older client)", { ...LOCALHOST, ...newer }, older] as const,
    ].map(([what, ofServer, ofClient]): [string, TlsOptions, ConnectionOptions, string, string, string] => {
      return [what, ofServer, ofClient, "ERR_SSL_UNSUPPORTED_PROTOCOL", NO_VERSION, NO_VERSION_OFFERED];
    }),
    [
      "a cipher",
      { ...LOCALHOST, ...older, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256" },
      { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
      "ERR_SSL_NO_SHARED_CIPHER",
      "no cipher in common with the peer, or none that goes with the kind of key: see tls: { ciphers, key, cert }",
      HANDSHAKE_FAILURE,
    ],
    [
      "a curve",
      { ...LOCALHOST, ecdhCurve: "P-384" },
      { ecdhCurve: "P-521" },
      "ERR_SSL_NO_SUITABLE_KEY_SHARE",
      "no curve for the key exchange in common with the peer: see tls: { ecdhCurve }",
      HANDSHAKE_FAILURE,
    ],
    [
      "a kind of key, for a server that has none",
      {},
      {},
      "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM",
      "there is no certificate of a kind that the peer takes: see tls: { key, cert, sigalgs }",
      HANDSHAKE_FAILURE,
    ],
    [
      "an application protocol",
      { ...LOCALHOST, ALPNProtocols: ["h2"] },
      { ALPNProtocols: ["http/1.1"] },
      "ERR_SSL_NO_APPLICATION_PROTOCOL",
      "no application protocol in common with the peer: see tls: { ALPNProtocols }",
      "the peer knows none of the application protocols that were offered: see tls: { ALPNProtocols }",
    ],
    [
      "a certificate of the client, which the server demands",
      { ...LOCALHOST, ...older, requestCert: true, ca: AUTHORITY },
      {},
      "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
      "the client has shown no certificate, which tls: { requestCert } demands",
      HANDSHAKE_FAILURE,
    ],
  ];

  test.each(cases)("%s", async (_, ofServer, ofClient, code, words, ofAlert) => {
    const { client, server } = await failures(ofServer, ofClient);
    expect(server.message).toBe(`tls localhost:443: ${words} (${code})`);
    expect(client.message).toBe(`tls localhost:443: ${ofAlert} (${client.code})`);
    expect(client.code).toMatch(/^ERR_SSL_.*ALERT/);
    expectPlain(server);
    expectPlain(client);
  });

  test("a version: options that leave none fail before anything is sent", async () => {
    const { client } = await failures(LOCALHOST, { minVersion: "TLSv1.3", maxVersion: "TLSv1.2" });
    expect(client.message).toBe(
      "tls localhost:443: the options leave no version of TLS: see tls: { minVersion, maxVersion, ciphers } (ERR_SSL_NO_PROTOCOLS_AVAILABLE)",
    );
  });
});

const WRONG_PORT = "the peer does not speak TLS, at least not on this port or not from the start";
const BREAKS_RULES = "the peer does not speak TLS, or breaks its rules";

/** What peers of other protocols send first. */
const OTHER_PROTOCOLS: [string, string | Buffer][] = [
  ["HTTP", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"],
  ["SMTP", "220 mail.example ESMTP\r\n"],
  ["SSH", "SSH-2.0-OpenSSH_9.2\r\n"],
  ["MySQL", Buffer.from("4a0000000a382e302e33302d7562756e74750008000000", "hex")],
  ["zeros", Buffer.alloc(64)],
  ["random bytes", Buffer.from("9b1fd3a07745cc2e318a5f90e2447bd1aa0c55190e", "hex")],
];

describe("a peer does not speak TLS", () => {
  test.each(OTHER_PROTOCOLS)("a server that sends %s", async (_, bytes) => {
    const error = await failureWith((socket) => socket.write(bytes));
    expect(error.message).toBe(`tls localhost:443: ${WRONG_PORT} (ERR_SSL_WRONG_VERSION_NUMBER)`);
    expectPlain(error);
  });

  test.each(OTHER_PROTOCOLS)("a client that sends %s", async (_, bytes) => {
    const error = await failureOfServer((socket) => socket.write(bytes));
    expect(error.message).toBe(`tls localhost:443: ${WRONG_PORT} (ERR_SSL_WRONG_VERSION_NUMBER)`);
    expectPlain(error);
  });

  test.each([
    ["GET / HTTP/1.1\r\n\r\n", "ERR_SSL_HTTP_REQUEST"],
    ["CONNECT example.test:443 HTTP/1.1\r\n\r\n", "ERR_SSL_HTTPS_PROXY_REQUEST"],
  ])("a client that sends %j", async (request, code) => {
    const error = await failureOfServer((socket) => socket.write(request));
    expect(error.message).toBe(
      `tls localhost:443: the peer does not speak TLS: it has sent an HTTP request (${code})`,
    );
  });

  test("a server that sends back what it gets", async () => {
    const port = await portOf(createServer((socket) => keep(socket).pipe(socket)));
    const error = await failureOfClient(port);
    expect(error.message).toBe(`tls localhost:443: ${BREAKS_RULES} (ERR_SSL_UNEXPECTED_MESSAGE)`);
  });

  test("a server whose bytes only begin like TLS", async () => {
    const error = await failureWith((socket) => socket.write(Buffer.from("160303ffff", "hex")));
    expect(error.message).toBe(`tls localhost:443: ${BREAKS_RULES} (${error.code})`);
    // Node 20 and later releases.
    expect(["ERR_SSL_PACKET_LENGTH_TOO_LONG", "ERR_SSL_DATA_LENGTH_TOO_LONG"]).toContain(error.code);
  });

  test("a server, while a write waits for the handshake", async () => {
    const port = await portOf(
      createServer((socket) => {
        keep(socket).on("error", () => undefined);
        socket.once("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
      }),
    );
    const socket = keep(connect({ port, host: "127.0.0.1" }));
    socket.write("early");
    const [cause] = (await once(socket, "error").catch((error: unknown) => [error])) as [Error];
    expect(shown("tls", cause).message).toBe(`tls localhost:443: ${WRONG_PORT} (EPROTO)`);
    expect(shown("write", cause).message).toBe(
      "write localhost:443: the peer has sent bytes that are not TLS, or break its rules (EPROTO)",
    );
  });
});

describe("a peer ends the connection during the handshake", () => {
  const ended = "tls localhost:443: the peer ended the connection during the handshake (ECONNRESET)";

  test.each([
    ["a FIN", (socket: Socket) => void socket.end()],
    ["half a record and a FIN", (socket: Socket) => void socket.end(Buffer.from("1603", "hex"))],
    ["a reset", (socket: Socket) => void socket.resetAndDestroy()],
  ])("with %s", async (_, end) => {
    const [client, server] = [await failureWith(end), await failureOfServer(end)];
    expect(client.message).toBe(ended);
    expect(server.message).toBe(ended);
    expect(client.transient).toBe(true);
  });
});

describe("an alert", () => {
  /** All of RFC 8446 and RFC 5246 that OpenSSL knows, by number. */
  const ALERTS: [number, string, string][] = [
    [10, "UNEXPECTED_MESSAGE", "found a fault"],
    [20, "BAD_RECORD_MAC", "found a fault"],
    [21, "DECRYPTION_FAILED", "found a fault"],
    [22, "RECORD_OVERFLOW", "found a fault"],
    [30, "DECOMPRESSION_FAILURE", "found a fault"],
    [40, "HANDSHAKE_FAILURE", "nothing that both ends can do, or demands a certificate"],
    [41, "NO_CERTIFICATE", "demands a certificate"],
    [42, "BAD_CERTIFICATE", "refuses the certificate"],
    [43, "UNSUPPORTED_CERTIFICATE", "of a kind that the peer does not take"],
    [44, "CERTIFICATE_REVOKED", "it was revoked"],
    [45, "CERTIFICATE_EXPIRED", "it has expired"],
    [46, "CERTIFICATE_UNKNOWN", "refuses the certificate"],
    [47, "ILLEGAL_PARAMETER", "found a fault"],
    [48, "UNKNOWN_CA", "it does not know the authority"],
    [49, "ACCESS_DENIED", "does not let it in"],
    [50, "DECODE_ERROR", "found a fault"],
    [51, "DECRYPT_ERROR", "found a fault"],
    [60, "EXPORT_RESTRICTION", "ended TLS with an alert"],
    [70, "PROTOCOL_VERSION", "none of the versions of TLS"],
    [71, "INSUFFICIENT_SECURITY", "more secure ciphers or keys"],
    [80, "INTERNAL_ERROR", "for a reason of its own"],
    [86, "INAPPROPRIATE_FALLBACK", "a newer version of TLS"],
    [90, "USER_CANCELLED", "gave up the handshake"],
    [100, "NO_RENEGOTIATION", "does not let a handshake begin anew"],
    [109, "MISSING_EXTENSION", "found a fault"],
    [110, "UNSUPPORTED_EXTENSION", "found a fault"],
    [111, "CERTIFICATE_UNOBTAINABLE", "could not fetch a certificate"],
    [112, "UNRECOGNIZED_NAME", "no server of that name"],
    [113, "BAD_CERTIFICATE_STATUS_RESPONSE", "OCSP"],
    [114, "BAD_CERTIFICATE_HASH_VALUE", "refuses the certificate"],
    [115, "UNKNOWN_PSK_IDENTITY", "no key of that identity"],
    [116, "CERTIFICATE_REQUIRED", "demands a certificate"],
    [120, "NO_APPLICATION_PROTOCOL", "none of the application protocols"],
  ];

  test.each(ALERTS)("%d has words, whatever a release calls it: %s", async (number, name, words) => {
    const error = await failureWith((socket) => socket.write(alert(number)));
    expect(error.code).toMatch(new RegExp(`^ERR_SSL_.*_${name}$`));
    expect(error.message).toMatch(/^tls localhost:443: the peer /);
    expect(error.message).toContain(words);
    expectPlain(error);
  });

  test("that comes after the handshake has the same words at a read", async () => {
    const server = createTlsServer({ ...LOCALHOST, requestCert: true, ca: AUTHORITY });
    const port = await portOf(server);
    server.on("tlsClientError", (_, socket: Socket) => socket.destroy());
    const socket = keep(connect({ port, host: "127.0.0.1", servername: "localhost", ca: AUTHORITY }));
    socket.resume();
    const [cause] = (await once(socket, "error")) as [Error];
    expect(shown("read", cause).message).toBe(
      "read localhost:443: the peer demands a certificate: give tls: { key, cert } (ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED)",
    );
  });
});

test("a client that begins the handshake anew too often is an attack", async () => {
  const server = createTlsServer({ ...LOCALHOST, maxVersion: "TLSv1.2" });
  const port = await portOf(server);
  const accepted = once(server, "secureConnection") as Promise<[Socket]>;
  const client = keep(connect({ port, host: "127.0.0.1", servername: "localhost", ca: AUTHORITY }));
  client.on("error", () => undefined);
  const [socket] = await accepted;
  const again = (): void => {
    if (!client.destroyed) client.renegotiate({}, again);
  };
  again();
  const [cause] = (await once(socket.resume(), "error").catch((error: unknown) => [error])) as [Error];
  socket.destroy();
  expect(shown("read", cause).message).toBe(
    "read localhost:443: the peer began the handshake anew too often: an attack, or see tls.CLIENT_RENEG_LIMIT (ERR_TLS_SESSION_ATTACK)",
  );
});

describe("options that cannot be used", () => {
  const NOT_A_CERTIFICATE =
    "not a certificate in PEM format, or a damaged one: tls: { cert } is what is in its file, not the path";
  const NOT_A_KEY =
    "not a private key in PEM format, or one that this release cannot read: tls: { key } is what is in its file, not the path";
  const PASSPHRASE = "the key is encrypted, and its passphrase is wrong or missing: see tls: { passphrase }";
  const encrypted = { cert: LOCALHOST.cert, key: certificates.ENCRYPTED_KEY };

  const cases: [string, SecureContextOptions, string, string][] = [
    [
      "a key of another certificate",
      certificates.KEY_OF_ANOTHER,
      "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
      "the key does not belong to the certificate: see tls: { key, cert }",
    ],
    ["a certificate's path", { cert: "/etc/cert.pem" }, "ERR_OSSL_PEM_NO_START_LINE", NOT_A_CERTIFICATE],
    [
      "half a certificate",
      { cert: LOCALHOST.cert.slice(0, 200) },
      "ERR_OSSL_PEM_BAD_END_LINE",
      NOT_A_CERTIFICATE,
    ],
    [
      "a certificate with other bytes",
      { cert: LOCALHOST.cert.replace("MII", "AAA") },
      "ERR_OSSL_ASN1_WRONG_TAG",
      "a key or a certificate cannot be read: see tls: { key, cert, pfx }",
    ],
    ["a key's path", { key: "/etc/key.pem" }, "ERR_OSSL_UNSUPPORTED", NOT_A_KEY],
    ["no passphrase", encrypted, "ERR_OSSL_BAD_DECRYPT", PASSPHRASE],
    ["a wrong passphrase", { ...encrypted, passphrase: "wrong" }, "ERR_OSSL_BAD_DECRYPT", PASSPHRASE],
    [
      "unknown ciphers",
      { ciphers: "NONE-SUCH" },
      "ERR_SSL_NO_CIPHER_MATCH",
      "no cipher of these names is known: see tls: { ciphers }",
    ],
    [
      "an unknown version",
      { minVersion: "TLSv9" as "TLSv1" },
      "ERR_TLS_INVALID_PROTOCOL_VERSION",
      'not a version of TLS that Node knows: tls: { minVersion, maxVersion } are "TLSv1.2" or "TLSv1.3"',
    ],
    [
      "a version twice",
      { secureProtocol: "TLSv1_2_method", minVersion: "TLSv1.2" },
      "ERR_TLS_PROTOCOL_VERSION_CONFLICT",
      "give either tls: { minVersion, maxVersion } or secureProtocol",
    ],
    [
      "an unknown method",
      { secureProtocol: "none" },
      "ERR_TLS_INVALID_PROTOCOL_METHOD",
      "not a method of TLS: give tls: { minVersion, maxVersion } instead of secureProtocol",
    ],
    [
      "an unknown curve",
      { ecdhCurve: "none" },
      "ERR_CRYPTO_OPERATION_FAILED",
      "no known curve, not a revocation list, or an archive without a key: see tls: { ecdhCurve, crl, pfx }",
    ],
    ["unknown signatures", { sigalgs: "none" }, "ERR_UNKNOWN", "TLS failed: see the cause"],
  ];

  test.each(cases)("%s", (_, options, code, words) => {
    let cause: unknown;
    try {
      createSecureContext(options);
    } catch (error) {
      cause = error;
    }
    expect(isNativeError(cause)).toBe(true);
    const error = shown("tls", cause);
    expect(error.message).toBe(`tls localhost:443: ${words} (${code})`);
    expect(error.cause).toBe(cause);
    expectPlain(error);
  });
});

test("a code that is not known has words, and not OpenSSL's line", () => {
  const message = "80FC:error:0A000999:SSL routines:made_up:made up:../deps/openssl/x.c:1:\n";
  for (const code of ["ERR_SSL_MADE_UP", "ERR_TLS_MADE_UP", "ERR_OSSL_MADE_UP", "EPROTO", undefined]) {
    const error = shown("tls", Object.assign(new Error(message), { code }));
    expect(error.code).toBe(code ?? "ERR_UNKNOWN");
    expectPlain(error);
  }
});

test("the words of a check of the program's own are kept", () => {
  const error = shown("tls", new Error("the certificate is not the pinned one"));
  expect(error.message).toBe("tls localhost:443: the certificate is not the pinned one (ERR_UNKNOWN)");
});

test("a name that is no text is not shown", () => {
  const cause = Object.assign(new Error("x"), { code: "ERR_TLS_CERT_ALTNAME_INVALID", host: { secret: 1 } });
  expect(shown("tls", cause).message).toBe(
    "tls localhost:443: the certificate of the peer is for other names: connect by a name that it has, or give that as tls: { servername } (ERR_TLS_CERT_ALTNAME_INVALID)",
  );
});
