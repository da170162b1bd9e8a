import { isIP, isIPv6 } from "node:net";
import type { ConnectionOptions, PeerCertificate } from "node:tls";
import { domainToASCII } from "node:url";
import { normalAddress } from "../address/endpoint.js";
import { wrongType } from "../options/checks.js";
import { certificateOf, nodeTls } from "./node-tls.js";

/** Whom a client asks for, and whose certificate it takes. */
export interface Identity {
  /** The name that goes to the server in the clear (SNI, RFC 6066); `""` for none. */
  readonly servername: string;
  /** The name or the literal address that the server's certificate has to be for; `""` if it may be for any. */
  readonly name: string;
}

/**
 * Whom to ask for, and whose certificate to take: the `servername` that was given, or else the host that was connected to.
 * A literal address is no server name (RFC 6066, section 3), but the certificate has to be for it.
 *
 * @param host - as the program named it; `undefined` for a Unix socket, and where there was no name
 * @param otherwise - what else may be meant by options without a name
 * @throws TypeError if there is no name, and the options do not say what to check in its place: Node would check the
 *   certificate against `"localhost"` in silence
 */
export function identityOf(host: string | undefined, options: ConnectionOptions, otherwise = ""): Identity {
  const { servername, checkServerIdentity, rejectUnauthorized } = options;
  const named = servername === undefined || servername === "" ? host : servername;
  if (named === undefined) {
    if (checkServerIdentity !== undefined || rejectUnauthorized === false)
      return { servername: "", name: "" };
    const expected =
      "the name that the server's certificate is for, since there is no host name to check (or give " +
      `checkServerIdentity, or rejectUnauthorized: false${otherwise})`;
    throw wrongType("servername", expected, servername);
  }
  const name = asciiNameOf(named);
  return { servername: servername === "" || isIP(name) !== 0 ? "" : name, name };
}

/** What is wrong with a certificate for a name or a literal address; `undefined` if nothing is. */
export function checkIdentity(name: string, certificate: PeerCertificate): Error | undefined {
  if (name === "") {
    // There is no certificate that would be the right one: `authorized` is `false` then.
    return Object.assign(new Error("there is no name to check"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" });
  }
  if ((certificate as Partial<PeerCertificate>).raw === undefined) {
    const reason = "the server has a pre-shared key and no certificate: give tls: { checkServerIdentity }";
    return new Error(reason);
  }
  const wrong = nodeTls().checkServerIdentity(name, certificate);
  // Node 22.23 takes a literal IPv6 address for a name, which no certificate has. One that maps an IPv4 address leads to that.
  if (wrong === undefined || !isIPv6(name)) return wrong;
  return certificateOf(certificate.raw).checkIP(normalAddress(name)) === undefined ? wrong : undefined;
}

/** A name as certificates have it: in ASCII, without the dot at its end; an IPv6 address without its zone. */
function asciiNameOf(host: string): string {
  const name = isIPv6(host) ? host.replace(/%.*$/, "") : host.replace(/\.$/, "");
  return /^[\x20-\x7e]*$/.test(name) ? name : domainToASCII(name) || name;
}
