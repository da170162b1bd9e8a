import { spawnSync } from "node:child_process";

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

/**
 * Tests that need a peer. Where it is not installed they are skipped, and say so; but with `CI=true` they fail, for a
 * machine that is there to run them must have it.
 */
export function describeWith(peer: Peer, name: string, tests: () => void): void {
  const missing = whyMissing(peer);
  if (missing === undefined) describe(name, tests);
  else if (process.env["CI"] !== "true") {
    // Jest does not print the names of what it skips.
    process.stderr.write(`skipped: ${name}: ${missing}\n`);
    describe.skip(`${name} (skipped: ${missing})`, tests);
  } else {
    test(name, () => {
      throw new Error(missing);
    });
  }
}

function whyMissing({ command, version, says, package: name }: Peer): string | undefined {
  const { stdout, stderr, error } = spawnSync(command, version, { encoding: "utf8", input: "" });
  if (error === undefined && says.test(stdout + stderr)) return undefined;
  return `${command} of Debian's package ${name} is not installed`;
}
