import type { Numbers } from "../stage.js";
import { dial } from "./dial.js";

/** Sends `bytes` bytes, `chunk` over and over, then waits until the other end has read them all and closed. */
export function sending(chunk: Buffer): (numbers: Numbers) => Promise<{ sent: number }> {
  return ({ port = 0, bytes = 0 }) =>
    new Promise((resolve, reject) => {
      const socket = dial({ port, host: "127.0.0.1", allowHalfOpen: true }, pump);
      let left = bytes;
      function pump(): void {
        while (left > 0) {
          const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
          left -= part.length;
          if (!socket.write(part)) return;
        }
        socket.end();
      }
      socket.on("drain", pump);
      socket.on("error", reject);
      socket.on("close", () => resolve({ sent: socket.bytesWritten }));
      socket.resume();
    });
}
