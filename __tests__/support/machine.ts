import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describeWherePossible } from "./where-possible.js";

/** A program of another project to talk to. */
export interface Peer {
  readonly command: string;
  /** Arguments with which it prints its name and version, and a pattern for that output. */
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

export const CURL: Peer = {
  command: "curl",
  version: ["--version"],
  says: /^curl \d/,
  package: "curl",
};

export const OPENSSL: Peer = {
  command: "openssl",
  version: ["version"],
  says: /^OpenSSL [3-9]/,
  package: "openssl",
};

/** Its asyncio can put TLS over a connection at work. */
export const PYTHON: Peer = {
  command: "python3",
  version: ["-c", "import asyncio, ssl; print(asyncio.StreamWriter.start_tls)"],
  says: /^<function/,
  package: "python3",
};

export const REDIS: Peer = {
  command: "redis-server",
  version: ["--version"],
  says: /^Redis server v=/,
  package: "redis-server",
};

/** It listens, and starts a program at the first client, as systemd itself does. */
export const SYSTEMD: Peer = {
  command: "systemd-socket-activate",
  version: ["--version"],
  says: /^systemd \d/,
  package: "systemd",
};

/** It checks units. */
export const SYSTEMD_ANALYZE: Peer = { ...SYSTEMD, command: "systemd-analyze" };

// What is in /usr/sbin is not in the PATH of users other than root.

export const NGINX: Peer = {
  command: "/usr/sbin/nginx",
  version: ["-v"],
  says: /nginx version/,
  package: "nginx-light",
};

/** nginx's module for streams of any protocol, which it loads. */
export const NGINX_STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

export const NGINX_STREAM: Peer = {
  command: NGINX.command,
  version: ["-t", "-q", "-e", "stderr", "-c", "/dev/null", "-g", `load_module ${NGINX_STREAM_MODULE};`],
  // It has loaded the module by then.
  says: /no "events" section/,
  package: "libnginx-mod-stream",
};

export const HAPROXY: Peer = {
  command: "/usr/sbin/haproxy",
  version: ["-v"],
  says: /^HAProxy version/,
  package: "haproxy",
};

export const POSTGRES: Peer = {
  command: join(programsOfPostgres(), "postgres"),
  version: ["--version"],
  says: /PostgreSQL/,
  package: "postgresql",
};

export const MARIADB: Peer = {
  command: "/usr/sbin/mariadbd",
  version: ["--no-defaults", "--version"],
  says: /MariaDB/,
  package: "mariadb-server",
};

export const MOSQUITTO: Peer = {
  command: "/usr/sbin/mosquitto",
  version: ["-h"],
  says: /^mosquitto version/,
  package: "mosquitto",
};

/** It has to be called by its whole path. */
export const SSHD: Peer = {
  command: "/usr/sbin/sshd",
  version: ["-?"],
  says: /OpenSSH_/,
  package: "openssh-server",
};

/** Tests that need a peer, or several, to be installed. */
export function describeWith(peers: Peer | readonly Peer[], name: string, tests: () => void): void {
  const missing = [peers].flat().map(whyMissing);
  describeWherePossible(
    name,
    missing.find((why) => why !== undefined),
    tests,
  );
}

/** Where the programs of the latest release are: in no PATH. */
function programsOfPostgres(): string {
  const root = "/usr/lib/postgresql";
  const releases = existsSync(root) ? readdirSync(root).map(Number) : [];
  return join(root, String(Math.max(0, ...releases)), "bin");
}

function whyMissing({ command, version, says, package: name }: Peer): string | undefined {
  const { stdout, stderr, error } = spawnSync(command, version, { encoding: "utf8", input: "" });
  if (error === undefined && says.test(stdout + stderr)) return undefined;
  return `${command} of Debian's package ${name} is not installed`;
}
