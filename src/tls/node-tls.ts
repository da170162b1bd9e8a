import type { Buffer } from "node:buffer";
import type { X509Certificate } from "node:crypto";
import process from "node:process";

type NodeTls = typeof import("node:tls");

let loaded: NodeTls | undefined;

/** `node:tls`, loaded when a program first asks for TLS: that takes 5 to 28 ms. */
export function nodeTls(): NodeTls {
  return (loaded ??= process.getBuiltinModule("node:tls"));
}

/** A certificate by its bytes (DER). `node:crypto` comes with `node:tls`. */
export function certificateOf(der: Buffer): X509Certificate {
  const { X509Certificate } = process.getBuiltinModule("node:crypto");
  return new X509Certificate(der);
}
