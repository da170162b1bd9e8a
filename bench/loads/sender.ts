import { onStage } from "../stage.js";
import { dial } from "./dial.js";

const chunk = Buffer.alloc(256 * 1024, "tcp6");

/** Sends that many bytes, then waits until the other end has read them all and closed. */
function send({ port = 0, bytes = 0 }): Promise<{ sent: number }> {
  return new Promise((resolve, reject) => {
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

onStage({}, { send });
