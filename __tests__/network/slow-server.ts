import { spawn } from "node:child_process";
import { once } from "node:events";

const PROGRAM = `
const { readFileSync, writeSync } = require("node:fs");
const { connect, createServer } = require("node:net");
const server = createServer((client) => client.end());
server.listen({ host: process.argv[1], port: 0, backlog: 1 }, () => {
  const { port, family } = server.address();
  const hex = ":" + port.toString(16).toUpperCase().padStart(4, "0");
  const rows = () => {
    const table = readFileSync(family === "IPv6" ? "/proc/net/tcp6" : "/proc/net/tcp", "utf8");
    return table.trim().split("\\n").slice(1).map((row) => row.trim().split(/\\s+/));
  };
  // Linux takes one more than the backlog.
  for (let i = 0; i < 2; i++) connect(port, process.argv[1], function () { this.end(); }).resume();
  process.nextTick(() => {
    const [listening] = rows().filter(([, local, , state]) => local.endsWith(hex) && state === "0A");
    if (parseInt(listening[4].split(":")[1], 16) !== 2) throw new Error("the queue is not full: " + listening);
    writeSync(1, port + "\\n");
    const pause = new Int32Array(new SharedArrayBuffer(4));
    const waiting = () => rows().some(([, , remote, state]) => remote.endsWith(hex) && state === "02");
    for (let i = 0; i < 1_500 && !waiting(); i++) Atomics.wait(pause, 0, 0, 10);
  });
});
// Ends with the program that it serves.
process.stdin.on("end", () => process.exit()).resume();
`;

/**
 * Resolves to the port of a server at the end of a slow link: a client's first SYN is lost, for the queue of the kernel is
 * full, and so the handshake takes about a second, until Linux sends the SYN again. It begins to accept as soon as a
 * client waits, sends no byte, and keeps no process alive.
 */
export async function slowServer(host: string): Promise<number> {
  const child = spawn(process.execPath, ["-e", PROGRAM, host], { stdio: ["pipe", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  child.stdout.destroy();
  child.unref();
  return Number(line.toString());
}
