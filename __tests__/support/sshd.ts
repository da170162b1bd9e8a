import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { utils } from "ssh2";
import type { ServerRecipe } from "./local-server.js";
import { SSHD } from "./machine.js";

const CLIENT_KEY = utils.generateKeyPairSync("ecdsa", { bits: 256 });

/** Only the user who runs the server can log in. */
export const LOGIN = { username: userInfo().username, privateKey: CLIENT_KEY.private };

/** Where the server confines a part of itself when it is root's. The system makes it when it starts its own server. */
const CONFINEMENT = "/run/sshd";

function configuration(directory: string, port: number): string {
  return `
Port ${String(port)}
ListenAddress 127.0.0.1
HostKey ${join(directory, "host-key")}
AuthorizedKeysFile ${join(directory, "authorized-keys")}
PermitRootLogin yes
StrictModes no
UsePAM no
PidFile none
# Otherwise bash would read the files that a person has it read.
SetEnv SHLVL=2
`;
}

async function prepare(directory: string, port: number): Promise<void> {
  if (process.geteuid?.() === 0 && !existsSync(CONFINEMENT)) await mkdir(CONFINEMENT, { recursive: true });
  const hostKey = utils.generateKeyPairSync("ecdsa", { bits: 256 }).private;
  await writeFile(join(directory, "host-key"), hostKey, { mode: 0o600 });
  await writeFile(join(directory, "authorized-keys"), `${CLIENT_KEY.public}\n`);
  await writeFile(join(directory, "sshd_config"), configuration(directory, port));
}

/** An OpenSSH server. Its sessions are processes of their own, and outlive it. */
export const SSH_SERVER: ServerRecipe = {
  peer: SSHD,
  prepare,
  args: (directory) => ["-D", "-e", "-f", join(directory, "sshd_config")],
  ready: /Server listening on/,
};
