/** The codes by which this library itself says that something failed. docs/errors.md says when. */
export type LibraryCode =
  | "EADDRNOTAVAIL"
  | "EAI_SERVICE"
  | "ENOTFOUND"
  | "ERR_BUSY"
  | "ERR_CLOSED"
  | "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"
  | "ERR_INVALID_IP_ADDRESS"
  | "ERR_INVALID_LINE"
  | "ERR_INVALID_MESSAGE"
  | "ERR_IP_BLOCKED"
  | "ERR_LIMIT"
  | "ERR_PROXY_PROTOCOL"
  | "ERR_TLS_PLAINTEXT"
  | "ERR_TLS_TRUNCATED"
  | "ERR_UNEXPECTED_EOF"
  | "ERR_UNKNOWN"
  | "ETIMEDOUT";

/** The codes of the platform that are common. */
export type PlatformCode =
  | "EACCES"
  | "EADDRINUSE"
  | "EAFNOSUPPORT"
  | "EAGAIN"
  | "EAI_AGAIN"
  | "EBADF"
  | "ECONNABORTED"
  | "ECONNREFUSED"
  | "ECONNRESET"
  | "EEXIST"
  | "EHOSTDOWN"
  | "EHOSTUNREACH"
  | "EINVAL"
  | "EMFILE"
  | "ENETDOWN"
  | "ENETUNREACH"
  | "ENFILE"
  | "ENOBUFS"
  | "ENOENT"
  | "ENOMEM"
  | "ENOTSOCK"
  | "EPERM"
  | "EPIPE"
  | "ERR_ACCESS_DENIED"
  | "ESERVFAIL"
  | "ETIMEOUT";

/** The codes of Node and OpenSSL by which TLS fails that are common. */
export type TlsCode =
  | "CERT_HAS_EXPIRED"
  | "CERT_NOT_YET_VALID"
  | "CERT_REVOKED"
  | "DEPTH_ZERO_SELF_SIGNED_CERT"
  | "ERR_OSSL_BAD_DECRYPT"
  | "ERR_OSSL_PEM_NO_START_LINE"
  | "ERR_OSSL_UNSUPPORTED"
  | "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
  | "ERR_SSL_HTTP_REQUEST"
  | "ERR_SSL_NO_APPLICATION_PROTOCOL"
  | "ERR_SSL_NO_CIPHER_MATCH"
  | "ERR_SSL_NO_SHARED_CIPHER"
  | "ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM"
  | "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE"
  | "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"
  | "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
  | "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"
  | "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"
  | "ERR_SSL_UNEXPECTED_MESSAGE"
  | "ERR_SSL_UNSUPPORTED_PROTOCOL"
  | "ERR_SSL_WRONG_VERSION_NUMBER"
  | "ERR_TLS_ALPN_CALLBACK_INVALID_RESULT"
  | "ERR_TLS_CERT_ALTNAME_INVALID"
  | "ERR_TLS_INVALID_PROTOCOL_VERSION"
  | "ERR_TLS_SESSION_ATTACK"
  | "INVALID_PURPOSE"
  | "SELF_SIGNED_CERT_IN_CHAIN"
  | "UNABLE_TO_GET_ISSUER_CERT"
  | "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
  | "UNABLE_TO_VERIFY_LEAF_SIGNATURE";

/**
 * The code of a `NetError`: one of those that docs/errors.md explains, which an editor completes, or another that the
 * platform, a lookup or a stream of the program has failed with.
 */
export type NetErrorCode = LibraryCode | PlatformCode | TlsCode | (string & {});
