import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ServerRecipe } from "./local-server.js";
import { MOSQUITTO } from "./machine.js";

/** A broker that trusts every client, and keeps nothing. */
function configuration(port: number): string {
  return `
listener ${String(port)} 127.0.0.1
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
