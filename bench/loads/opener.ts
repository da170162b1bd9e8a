import type { Socket } from "node:net";
import { onStage } from "../stage.js";
import { dial } from "./dial.js";

/** How many connections are being made at a time: less than any backlog. */
const AT_ONCE = 50;

const open: Socket[] = [];

/** Opens idle connections until there are `upTo`. They stay open as long as this process lives. */
async function openUp({ port = 0, upTo = 0 }): Promise<{ open: number }> {
  while (open.length < upTo) {
    const batch = Math.min(AT_ONCE, upTo - open.length);
    open.push(...(await Promise.all(Array.from({ length: batch }, () => opened(port)))));
  }
  return { open: open.length };
}

function opened(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = dial({ port, host: "127.0.0.1" }, () => resolve(socket));
    socket.on("error", reject);
  });
}

onStage({}, { open: openUp });
