import { serveNet } from "../net-server.js";
import { count } from "./count.js";

const NOTHING = Buffer.alloc(0);

serveNet((socket) => {
  let rest: Buffer = NOTHING;
  socket.on("data", (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      count(bytes.subarray(at + 4, end));
      at = end;
    }
    rest = bytes.subarray(at);
  });
});
