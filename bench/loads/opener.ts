import type { Socket } from "node:net";
import { onStage } from "../stage.js";
import { dial } from "./dial.js";

/** How many connections are being made at a time: less than any backlog. */
const AT_ONCE = 50;

const open: Socket[] = [];

/**
 * Opens idle connections until there are `upTo`. They stay open as long as this process lives.
 *
 * `from` is the last number of their own address: 2 for 127.0.0.2. The system chooses it by default.
 */
async function openUp({ port = 0, upTo = 0, from = 0 }): Promise<{ open: number }> {
  while (open.length < upTo) {
    const batch = Math.min(AT_ONCE, upTo - open.length);
    open.push(...(await Promise.all(Array.from({ length: batch }, () => opened(port, from)))));
  }
  return { open: open.length };
}

function opened(port: number, from: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const local = from === 0 ? {} : { localAddress: `127.0.0.${from}` };
    const socket = dial({ port, host: "127.0.0.1", ...local }, () => resolve(socket));
    socket.on("error", reject);
  });
}

onStage({}, { open: openUp });
