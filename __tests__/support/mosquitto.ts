import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeIdentity } from "./certificate-files.js";
import type { ServerRecipe } from "./local-server.js";
import { MOSQUITTO } from "./machine.js";

/** A broker that trusts every client, and keeps nothing. */
function configuration(port: number, tls = ""): string {
  return `
listener ${String(port)} 127.0.0.1
${tls}
allow_anonymous true
persistence false
log_dest stderr
${process.geteuid?.() === 0 ? "user root" : ""}
`;
}

export const MOSQUITTO_SERVER: ServerRecipe = {
  peer: MOSQUITTO,
  prepare: (directory, port) => writeFile(join(directory, "mosquitto.conf"), configuration(port)),
  args: (directory) => ["-c", join(directory, "mosquitto.conf")],
  ready: /mosquitto version \S+ running/,
};

/** The same, which speaks TLS only. */
export const MOSQUITTO_TLS_SERVER: ServerRecipe = {
  ...MOSQUITTO_SERVER,
  async prepare(directory, port) {
    await writeIdentity(directory);
    const [certificate, key] = [join(directory, "certificate"), join(directory, "key")];
    const tls = `certfile ${certificate}\nkeyfile ${key}`;
    await writeFile(join(directory, "mosquitto.conf"), configuration(port, tls));
  },
};
