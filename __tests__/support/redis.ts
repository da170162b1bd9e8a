import { join } from "node:path";
import type { ServerRecipe } from "./local-server.js";
import { writeIdentity } from "./certificate-files.js";
import { REDIS } from "./machine.js";

/** A redis that keeps nothing; its Unix socket is `socket` in its directory. */
export const REDIS_SERVER: ServerRecipe = {
  peer: REDIS,
  args: (directory, port) => ["--port", String(port), ...settings(directory)],
  ready: /Ready to accept connections/,
};

/** The same, which speaks TLS only. */
export const REDIS_TLS_SERVER: ServerRecipe = {
  ...REDIS_SERVER,
  prepare: writeIdentity,
  args: (directory, port) => [
    ...["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no"],
    ...["--tls-cert-file", join(directory, "certificate"), "--tls-key-file", join(directory, "key")],
    ...["--tls-ca-cert-file", join(directory, "certificate"), ...settings(directory)],
  ],
};

function settings(directory: string): string[] {
  return [
    ...["--bind", "127.0.0.1", "--unixsocket", join(directory, "socket")],
    ...["--dir", directory, "--save", "", "--appendonly", "no"],
  ];
}
