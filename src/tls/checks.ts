/** Checks of options with which no handshake could succeed: at a server, nothing else would tell the program why. */
import type { SecureContextOptions, TlsOptions } from "node:tls";
import { wrongValue } from "../options/checks.js";
import { nodeTls } from "./node-tls.js";

/** Where a server may have its certificate from. */
const SOURCES = ["cert", "pfx", "SNICallback", "pskCallback"] as const;

const VERSIONS: readonly unknown[] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** Refuses a server that has no certificate to show, and nowhere to get one. */
export function checkCertificate(argument: string, options: TlsOptions): void {
  if (SOURCES.some((name) => options[name] !== undefined)) return;
  const expected =
    "an object with key and cert, or with pfx (or with SNICallback or pskCallback): a server without a " +
    "certificate takes no client";
  throw wrongValue(argument, expected, options);
}

/** Refuses versions of TLS that leave none. What is no version is left to Node. */
export function checkVersions(argument: string, { minVersion, maxVersion }: SecureContextOptions): void {
  const most = VERSIONS.indexOf(maxVersion);
  if (most < 0) return;
  const least = minVersion ?? nodeTls().DEFAULT_MIN_VERSION;
  if (VERSIONS.indexOf(least) <= most) return;
  const highest = String(maxVersion);
  if (minVersion !== undefined)
    throw wrongValue(`${argument}.minVersion`, `at most the maxVersion, ${highest}`, minVersion);
  throw wrongValue(`${argument}.maxVersion`, `at least ${least}, the minVersion by default`, maxVersion);
}
