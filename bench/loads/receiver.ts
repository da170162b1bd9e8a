import { createServer, type AddressInfo } from "node:net";
import { onStage } from "../stage.js";
import { dial } from "./dial.js";

/**
 * Everything is read into it and forgotten. It begins in the middle of a page: where it does so a few bytes further into one
 * than what is sent, as large memory would, some processors copy so slowly that the sender has to wait.
 */
const buffer = Buffer.allocUnsafe(1024 * 1024 + 2048).subarray(2048);

/** Connects, and throws away what comes, up to the end. */
function receive({ port = 0 }): Promise<{ received: number }> {
  return new Promise((resolve, reject) => {
    const onread = { buffer, callback: () => true };
    const socket = dial({ port, host: "127.0.0.1", onread });
    socket.on("error", reject);
    socket.on("close", () => resolve({ received: socket.bytesRead }));
    socket.resume();
  });
}

// Where relays send to: ends when the other side does.
const sink = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.resume();
});

sink.listen(0, "127.0.0.1", () => onStage({ port: (sink.address() as AddressInfo).port }, { receive }));
