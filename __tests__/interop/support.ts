import { spawnSync } from "node:child_process";
import { describeWherePossible } from "../support/where-possible.js";

/** A program of somebody else's to talk to. */
export interface Peer {
  readonly command: string;
  /** Arguments with which it says who it is, and what it then says. */
  readonly version: readonly string[];
  readonly says: RegExp;
  /** Debian's package. */
  readonly package: string;
}

export const CHICKEN: Peer = {
  command: "csi",
  version: ["-version"],
  says: /CHICKEN[^]*Version 5\./,
  package: "chicken-bin",
};

export const NETCAT: Peer = {
  command: "nc",
  version: ["-h"],
  says: /OpenBSD netcat/,
  package: "netcat-openbsd",
};

/** Tests that need a peer to be installed. */
export function describeWith(peer: Peer, name: string, tests: () => void): void {
  describeWherePossible(name, whyMissing(peer), tests);
}

function whyMissing({ command, version, says, package: name }: Peer): string | undefined {
  const { stdout, stderr, error } = spawnSync(command, version, { encoding: "utf8", input: "" });
  if (error === undefined && says.test(stdout + stderr)) return undefined;
  return `${command} of Debian's package ${name} is not installed`;
}
