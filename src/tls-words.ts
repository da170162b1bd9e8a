/**
 * What the errors of TLS mean, and what to do about them. OpenSSL's own lines say neither, and differ by release. All codes
 * are what Node 20 to 26 give: names of X.509 verification (`CERT_HAS_EXPIRED`), Node's own (`ERR_TLS_…`), reasons of
 * OpenSSL's library of TLS (`ERR_SSL_…`) and of its others (`ERR_OSSL_…`).
 */

/** How messages name the certificate that was checked here. */
const SHOWN = "the certificate of the peer";

const UNKNOWN_AUTHORITY =
  `${SHOWN} is signed by an authority that is not trusted here, or the peer does not send the certificates between the two: ` +
  "give the certificate of that authority as tls: { ca }";
const BAD_SIGNATURE = `${SHOWN} is not signed by the authority that it names: see tls: { ca }`;
const BAD_DATES = `${SHOWN} has a date that cannot be read: its authority has to issue it again`;
const BAD_LIST = "a revocation list cannot be read: see tls: { crl }";
const DISTRUSTED = `${SHOWN} is signed by an authority that is not trusted for this purpose: see tls: { ca }`;

const NOT_TLS = "the peer does not speak TLS";
const NOT_TLS_HERE = `${NOT_TLS}, at least not on this port or not from the start`;
const NOT_BY_THE_RULES = `${NOT_TLS}, or breaks its rules`;
const HTTP = `${NOT_TLS}: it has sent an HTTP request`;
const CHANGED = "a record was changed on its way, or one of the two ends has a fault";

const NO_VERSION = "no version of TLS in common with the peer: see tls: { minVersion, maxVersion }";
const NO_CURVE = "no curve for the key exchange in common with the peer: see tls: { ecdhCurve }";
const OLD_RENEGOTIATION = "the peer knows no secure renegotiation (RFC 5746): its TLS has to be updated";
const SMALL_KEY = "a key is too small to be secure";
const WEAK_HASH = "a certificate is signed with a hash that is no longer secure";

const CERTIFICATE_EXPECTED =
  "not a certificate in PEM format, or a damaged one: tls: { cert } is what is in its file, not the path";
const KEY_EXPECTED =
  "not a private key in PEM format, or one that this release cannot read: tls: { key } is what is in its file, not the path";
const PASSPHRASE = "the key is encrypted, and its passphrase is wrong or missing: see tls: { passphrase }";
const KEY_OF_ANOTHER = "the key does not belong to the certificate: see tls: { key, cert }";
const BAD_OPTION_VERSION =
  'not a version of TLS that Node knows: tls: { minVersion, maxVersion } are "TLSv1.2" or "TLSv1.3"';

const WORDS: Readonly<Record<string, string>> = {
  // The check of the peer's certificate: all that Node names.
  CERT_CHAIN_TOO_LONG: `${SHOWN} has too many authorities above it`,
  CERT_HAS_EXPIRED: `${SHOWN} has expired: the peer has to renew it (or the clock of this machine is wrong)`,
  CERT_NOT_YET_VALID: `${SHOWN} is not valid yet: see whether the clock of this machine is right`,
  CERT_REJECTED: DISTRUSTED,
  CERT_REVOKED: `${SHOWN} was revoked by its authority: the peer has to get another`,
  CERT_SIGNATURE_FAILURE: BAD_SIGNATURE,
  CERT_UNTRUSTED: DISTRUSTED,
  CRL_HAS_EXPIRED: "a revocation list has expired: give a newer one as tls: { crl }",
  CRL_NOT_YET_VALID:
    "a revocation list is not valid yet: see tls: { crl }, and whether the clock of this machine is right",
  CRL_SIGNATURE_FAILURE: "a revocation list is not signed by the authority that it names: see tls: { crl }",
  DEPTH_ZERO_SELF_SIGNED_CERT: `${SHOWN} is signed by itself and not trusted here: if it is the right one, give it as tls: { ca }`,
  ERROR_IN_CERT_NOT_AFTER_FIELD: BAD_DATES,
  ERROR_IN_CERT_NOT_BEFORE_FIELD: BAD_DATES,
  ERROR_IN_CRL_LAST_UPDATE_FIELD: BAD_LIST,
  ERROR_IN_CRL_NEXT_UPDATE_FIELD: BAD_LIST,
  HOSTNAME_MISMATCH: `${SHOWN} is for another name: see tls: { servername }`,
  INVALID_CA: `${SHOWN} is signed by a certificate that is no authority's`,
  INVALID_PURPOSE: `${SHOWN} is for another purpose: a server needs one for serverAuth, a client one for clientAuth`,
  OUT_OF_MEM: `no memory left to check ${SHOWN}`,
  PATH_LENGTH_EXCEEDED: `${SHOWN} has more authorities above it than one of them allows`,
  SELF_SIGNED_CERT_IN_CHAIN: `${SHOWN} is signed by an authority that is not trusted here: give the certificate of that authority as tls: { ca }`,
  UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY: BAD_SIGNATURE,
  UNABLE_TO_DECRYPT_CERT_SIGNATURE: BAD_SIGNATURE,
  UNABLE_TO_DECRYPT_CRL_SIGNATURE: BAD_LIST,
  UNABLE_TO_GET_CRL: `there is no revocation list of the authority of ${SHOWN}: add it to tls: { crl }`,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  UNSPECIFIED: `${SHOWN} was refused, for a reason that has no code of its own: see the cause`,

  // Node's own.
  ERR_CRYPTO_CUSTOM_ENGINE_NOT_SUPPORTED: "this build of Node has no engines: see tls: { clientCertEngine }",
  ERR_CRYPTO_OPERATION_FAILED:
    "no known curve, not a revocation list, or an archive without a key: see tls: { ecdhCurve, crl, pfx }",
  ERR_CRYPTO_UNSUPPORTED_OPERATION:
    "the archive is encrypted in a way that is no longer secure: see tls: { pfx }",
  ERR_TLS_ALPN_CALLBACK_INVALID_RESULT:
    "ALPNCallback has chosen a protocol that the client has not offered: let it return undefined instead",
  ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS: "give either ALPNCallback or ALPNProtocols",
  ERR_TLS_CERT_ALTNAME_FORMAT: `the names in ${SHOWN} cannot be read: its authority has to issue it again`,
  ERR_TLS_DH_PARAM_SIZE: `${SMALL_KEY}: that of the peer's key exchange; see tls: { minDHSize, ciphers }`,
  ERR_TLS_HANDSHAKE_TIMEOUT: "the peer did not finish the handshake in time",
  ERR_TLS_INVALID_CONTEXT:
    "not a context that tls.createSecureContext has made: see tls: { secureContext }, or what SNICallback gives",
  ERR_TLS_INVALID_PROTOCOL_METHOD:
    "not a method of TLS: give tls: { minVersion, maxVersion } instead of secureProtocol",
  ERR_TLS_INVALID_PROTOCOL_VERSION: BAD_OPTION_VERSION,
  ERR_TLS_PROTOCOL_VERSION_CONFLICT: "give either tls: { minVersion, maxVersion } or secureProtocol",
  ERR_TLS_PSK_SET_IDENTITY_HINT_FAILED: "the hint is too long: see tls: { pskIdentityHint }",
  ERR_TLS_REQUIRED_SERVER_NAME: "addContext needs the name of a server",
  ERR_TLS_SESSION_ATTACK:
    "the peer began the handshake anew too often: an attack, or see tls.CLIENT_RENEG_LIMIT",

  // OpenSSL's, of a peer.
  ERR_SSL_BAD_EXTENSION: NOT_BY_THE_RULES,
  ERR_SSL_BAD_LENGTH: NOT_BY_THE_RULES,
  ERR_SSL_BAD_PACKET: NOT_BY_THE_RULES,
  ERR_SSL_BAD_RECORD_TYPE: NOT_BY_THE_RULES,
  ERR_SSL_DATA_LENGTH_TOO_LONG: NOT_BY_THE_RULES,
  ERR_SSL_DECODE_ERROR: NOT_BY_THE_RULES,
  ERR_SSL_ENCRYPTED_LENGTH_TOO_LONG: NOT_BY_THE_RULES,
  ERR_SSL_EXCESSIVE_MESSAGE_SIZE: NOT_BY_THE_RULES,
  ERR_SSL_INVALID_AAD: NOT_BY_THE_RULES,
  ERR_SSL_INVALID_KEY: NOT_BY_THE_RULES,
  ERR_SSL_LENGTH_MISMATCH: NOT_BY_THE_RULES,
  ERR_SSL_LENGTH_TOO_LONG: NOT_BY_THE_RULES,
  ERR_SSL_LENGTH_TOO_SHORT: NOT_BY_THE_RULES,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: NOT_BY_THE_RULES,
  ERR_SSL_RECORD_LENGTH_MISMATCH: NOT_BY_THE_RULES,
  ERR_SSL_RECORD_TOO_SMALL: NOT_BY_THE_RULES,
  ERR_SSL_MSTRING_WRONG_TAG: NOT_BY_THE_RULES,
  ERR_SSL_TOO_LONG: NOT_BY_THE_RULES,
  ERR_SSL_TOO_MANY_WARN_ALERTS: NOT_BY_THE_RULES,
  ERR_SSL_UNEXPECTED_MESSAGE: NOT_BY_THE_RULES,
  ERR_SSL_UNEXPECTED_RECORD: NOT_BY_THE_RULES,
  ERR_SSL_UNKNOWN_ALERT_TYPE: NOT_BY_THE_RULES,
  ERR_SSL_WRONG_TAG: NOT_BY_THE_RULES,
  ERR_SSL_HTTP_REQUEST: HTTP,
  ERR_SSL_HTTPS_PROXY_REQUEST: HTTP,
  ERR_SSL_UNKNOWN_PROTOCOL: NOT_TLS_HERE,
  ERR_SSL_WRONG_SSL_VERSION: NOT_TLS_HERE,
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_TLS_HERE,

  ERR_SSL_BAD_SIGNATURE: CHANGED,
  ERR_SSL_BLOCK_CIPHER_PAD_IS_WRONG: CHANGED,
  ERR_SSL_CIPHER_OPERATION_FAILED: CHANGED,
  ERR_SSL_DECRYPTION_FAILED: CHANGED,
  ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC: CHANGED,
  ERR_SSL_DIGEST_CHECK_FAILED: CHANGED,

  ERR_SSL_INAPPROPRIATE_FALLBACK: NO_VERSION,
  ERR_SSL_NO_PROTOCOLS_AVAILABLE:
    "the options leave no version of TLS: see tls: { minVersion, maxVersion, ciphers }",
  ERR_SSL_UNSUPPORTED_PROTOCOL: NO_VERSION,
  ERR_SSL_UNSUPPORTED_SSL_VERSION: NO_VERSION,
  ERR_SSL_VERSION_TOO_HIGH: NO_VERSION,
  ERR_SSL_VERSION_TOO_LOW: NO_VERSION,

  ERR_SSL_BAD_ECPOINT: NO_CURVE,
  ERR_SSL_NO_SHARED_GROUPS: NO_CURVE,
  ERR_SSL_NO_SUITABLE_GROUPS: NO_CURVE,
  ERR_SSL_NO_SUITABLE_KEY_SHARE: NO_CURVE,
  ERR_SSL_WRONG_CURVE: NO_CURVE,
  ERR_SSL_NO_APPLICATION_PROTOCOL:
    "no application protocol in common with the peer: see tls: { ALPNProtocols }",
  ERR_SSL_NO_CIPHERS_AVAILABLE: "the options leave no cipher: see tls: { ciphers, minVersion, maxVersion }",
  ERR_SSL_NO_SHARED_CIPHER:
    "no cipher in common with the peer, or none that goes with the kind of key: see tls: { ciphers, key, cert }",
  ERR_SSL_NO_SHARED_SIGNATURE_ALGORITHMS:
    "no kind of signature in common with the peer: see tls: { sigalgs }",
  ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM:
    "there is no certificate of a kind that the peer takes: see tls: { key, cert, sigalgs }",
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    "the client has shown no certificate, which tls: { requestCert } demands",

  ERR_SSL_PSK_IDENTITY_NOT_FOUND:
    "there is no key for the peer's identity or hint: see what tls: { pskCallback } returns",

  ERR_SSL_NO_RENEGOTIATION: "the peer does not let a handshake begin anew",
  ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED: OLD_RENEGOTIATION,
  ERR_SSL_UNEXPECTED_EOF_WHILE_READING: "the peer ended the connection without ending TLS",

  ERR_SSL_CA_KEY_TOO_SMALL: SMALL_KEY,
  ERR_SSL_CA_MD_TOO_WEAK: WEAK_HASH,
  ERR_SSL_DH_KEY_TOO_SMALL: SMALL_KEY,
  ERR_SSL_EE_KEY_TOO_SMALL: SMALL_KEY,

  // OpenSSL's, of options.
  ERR_OSSL_BAD_DECRYPT: PASSPHRASE,
  ERR_OSSL_CRYPTO_INTERRUPTED_OR_CANCELLED: PASSPHRASE,
  ERR_OSSL_EVP_BAD_DECRYPT: PASSPHRASE,
  ERR_OSSL_PEM_BAD_BASE64_DECODE: CERTIFICATE_EXPECTED,
  ERR_OSSL_PEM_BAD_END_LINE: CERTIFICATE_EXPECTED,
  ERR_OSSL_PEM_NO_START_LINE: CERTIFICATE_EXPECTED,
  ERR_OSSL_UNSUPPORTED: KEY_EXPECTED,
  ERR_OSSL_X509_KEY_TYPE_MISMATCH: KEY_OF_ANOTHER,
  ERR_OSSL_X509_KEY_VALUES_MISMATCH: KEY_OF_ANOTHER,
  ERR_SSL_NO_CIPHER_MATCH: "no cipher of these names is known: see tls: { ciphers }",
  ERR_SSL_SSL_SESSION_ID_CONTEXT_TOO_LONG: "longer than 32 bytes: see tls: { sessionIdContext }",
};

const FOUND_A_FAULT =
  "the peer found a fault in what it received: one of the two ends has one, or bytes were changed";
const REFUSED = "the peer refuses the certificate that it was shown";
const CERTIFICATE_DEMANDED = "the peer demands a certificate: give tls: { key, cert }";

/** The alerts that a peer may send (RFC 8446, section 6.2, and before it RFC 5246), by the end of their codes. */
const ALERTS: Readonly<Record<string, string>> = {
  ACCESS_DENIED: "the peer knows the certificate that it was shown, and does not let it in",
  BAD_CERTIFICATE: REFUSED,
  BAD_CERTIFICATE_HASH_VALUE: REFUSED,
  BAD_CERTIFICATE_STATUS_RESPONSE: `${REFUSED}: it does not accept the OCSP response`,
  BAD_RECORD_MAC: FOUND_A_FAULT,
  CERTIFICATE_EXPIRED: `${REFUSED}: it has expired`,
  CERTIFICATE_REQUIRED: CERTIFICATE_DEMANDED,
  CERTIFICATE_REVOKED: `${REFUSED}: it was revoked`,
  CERTIFICATE_UNKNOWN: REFUSED,
  CERTIFICATE_UNOBTAINABLE: "the peer could not fetch a certificate",
  DECODE_ERROR: FOUND_A_FAULT,
  DECOMPRESSION_FAILURE: FOUND_A_FAULT,
  DECRYPT_ERROR: FOUND_A_FAULT,
  DECRYPTION_FAILED: FOUND_A_FAULT,
  HANDSHAKE_FAILURE:
    "the peer found nothing that both ends can do, or demands a certificate: see tls: { ciphers, ecdhCurve, key, cert }",
  ILLEGAL_PARAMETER: FOUND_A_FAULT,
  INAPPROPRIATE_FALLBACK: "the peer knows a newer version of TLS: see tls: { maxVersion }",
  INSUFFICIENT_SECURITY: "the peer demands more secure ciphers or keys: see tls: { ciphers, key, cert }",
  INTERNAL_ERROR: "the peer failed for a reason of its own",
  MISSING_EXTENSION: FOUND_A_FAULT,
  NO_APPLICATION_PROTOCOL:
    "the peer knows none of the application protocols that were offered: see tls: { ALPNProtocols }",
  NO_CERTIFICATE: CERTIFICATE_DEMANDED,
  NO_RENEGOTIATION: "the peer does not let a handshake begin anew",
  PROTOCOL_VERSION:
    "the peer knows none of the versions of TLS that were offered: see tls: { minVersion, maxVersion }",
  RECORD_OVERFLOW: FOUND_A_FAULT,
  UNEXPECTED_MESSAGE: FOUND_A_FAULT,
  UNKNOWN_CA:
    `${REFUSED}: it does not know the authority. The peer has to trust that authority, or tls: { cert } lacks the ` +
    "certificates in between",
  UNKNOWN_PSK_IDENTITY: "the peer knows no key of that identity: see tls: { pskCallback }",
  UNRECOGNIZED_NAME: "the peer has no server of that name: see tls: { servername }",
  UNSUPPORTED_CERTIFICATE: `${REFUSED}: it is of a kind that the peer does not take`,
  UNSUPPORTED_EXTENSION: FOUND_A_FAULT,
  USER_CANCELLED: "the peer gave up the handshake",
};

/** An alert's code; what OpenSSL calls the version differs by release, and some codes lack the word. */
const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13|SSL\/TLS)_(?:ALERT_)?(\w+)$/;

/** Before the handshake is done, such bytes show that the peer speaks another protocol. Later they do not. */
const NOT_TLS_LATER = "the peer has sent bytes that are not TLS, or break its rules";

/** How a peer ends a connection in a handshake: by a FIN, for which Node has the code of a reset, or by a reset. */
const ENDED: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE"]);

const TLS_FAILED = "TLS failed: see the cause";

/** A line of OpenSSL's, which Node has as the message of some errors: `error:0A00010B:SSL routines:…:wrong version number:…` */
const LINE = /\berror:[0-9A-F]{8}:([^:]*) routines:[^:]*:([^:]*)|\berror:[0-9A-F]{8}:/;

/** What tells the errors of TLS apart. */
export interface TlsError {
  readonly message?: unknown;
  /** Of `ERR_TLS_CERT_ALTNAME_INVALID`: the name that the certificate had to be for. */
  readonly host?: unknown;
}

/**
 * What an error of TLS means, and what to do about it; `undefined` if it is none.
 *
 * @param isHandshake - whether it struck in a handshake
 */
export function tlsWords(code: string, error: TlsError, isHandshake: boolean): string | undefined {
  if (isHandshake && ENDED.has(code)) return "the peer ended the connection during the handshake";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return otherNames(error.host);
  return wordsOfCode(code, isHandshake) ?? wordsOfLine(error.message, isHandshake);
}

function wordsOfCode(code: string, isHandshake: boolean): string | undefined {
  if (Object.hasOwn(WORDS, code)) {
    const words = WORDS[code];
    return !isHandshake && words?.startsWith(NOT_TLS) === true ? NOT_TLS_LATER : words;
  }
  const alert = ALERT.exec(code)?.[1];
  if (alert !== undefined) {
    return Object.hasOwn(ALERTS, alert) ? ALERTS[alert] : "the peer ended TLS with an alert";
  }
  if (code.startsWith("ERR_OSSL_"))
    return "a key or a certificate cannot be read: see tls: { key, cert, pfx }";
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") ? TLS_FAILED : undefined;
}

/** With a write in flight the code is `EPROTO`, and only the line says what it was; some errors of options have no code. */
function wordsOfLine(message: unknown, isHandshake: boolean): string | undefined {
  const line = typeof message === "string" ? LINE.exec(message) : null;
  if (line === null) return undefined;
  const [, library = "", reason = ""] = line;
  const code = `ERR_${library === "SSL" ? "" : "O"}SSL_${reason.toUpperCase().replaceAll(" ", "_")}`;
  return Object.hasOwn(WORDS, code) || ALERT.test(code) ? wordsOfCode(code, isHandshake) : TLS_FAILED;
}

/** The certificate's own names are bytes that were received: they are left to the cause. */
function otherNames(name: unknown): string {
  const others =
    typeof name === "string" && name !== "" ? `not for ${JSON.stringify(name)}` : "for other names";
  return `${SHOWN} is ${others}: connect by a name that it has, or give that as tls: { servername }`;
}
