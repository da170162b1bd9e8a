/** The codes by which this library itself says that something failed. docs/errors.md says when. */
export type LibraryCode =
  | "EADDRNOTAVAIL"
  | "EAI_SERVICE"
  | "ENOTFOUND"
  | "ERR_BUSY"
  | "ERR_CLOSED"
  | "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"
  | "ERR_INVALID_IP_ADDRESS"
  | "ERR_LIMIT"
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
  | "ECONNABORTED"
  | "ECONNREFUSED"
  | "ECONNRESET"
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
  | "EPERM"
  | "EPIPE"
  | "ERR_ACCESS_DENIED"
  | "ESERVFAIL"
  | "ETIMEOUT";

/**
 * The code of a `NetError`: one of those that docs/errors.md explains, which an editor completes, or another that the
 * platform, a lookup or a stream of the program has failed with.
 */
export type NetErrorCode = LibraryCode | PlatformCode | (string & {});
