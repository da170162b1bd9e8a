/** The names of TLS's options: what is needed of them where no TLS is asked for. */

/** Options of both ends, as Node's releases know them. */
const COMMON = [
  ...["ALPNProtocols", "allowPartialTrustChain", "ca", "cert", "certificateCompression", "ciphers"],
  ...["clientCertEngine", "crl", "dhparam", "ecdhCurve", "enableTrace", "highWaterMark", "honorCipherOrder"],
  ...["key", "maxVersion", "minVersion", "passphrase", "pfx", "privateKeyEngine", "privateKeyIdentifier"],
  ...["pskCallback", "rejectUnauthorized", "requestCert", "secureOptions", "secureProtocol"],
  ...["sessionIdContext", "sessionTimeout", "sigalgs", "ticketKeys"],
];

export const CLIENT = [
  ...COMMON,
  "checkServerIdentity",
  "minDHSize",
  "requestOCSP",
  "secureContext",
  "servername",
  "session",
];
export const SERVER = [...COMMON, "ALPNCallback", "SNICallback", "pskIdentityHint"];

/** What is called otherwise elsewhere, or is a path there. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ...["cafile", "caFile", "caCerts", "certificateAuthorities"].map((name) => [name, "ca"] as const),
  ...["certfile", "certFile", "certificate"].map((name) => [name, "cert"] as const),
  ...["keyfile", "keyFile", "privateKey"].map((name) => [name, "key"] as const),
  ...["hostname", "server_hostname"].map((name) => [name, "servername"] as const),
]);

/** Names that mean something else beside `tls`. */
const NOT_IN_TLS = new Set(["highWaterMark", "hostname"]);

/** Where options of TLS belong that were given beside `tls`, for the functions that have that option. */
export const IN_TLS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [...CLIENT, ...SERVER, ...SYNONYMS.keys()]
      .filter((name) => !NOT_IN_TLS.has(name))
      .map((name) => [name, `it is an option of TLS, tls: { ${SYNONYMS.get(name) ?? name} }`]),
  ),
  secure: "TLS is the option tls",
  ssl: "TLS is the option tls",
};
