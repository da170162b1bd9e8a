import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Below the kernel's range for ephemeral ports (`net.ipv4.ip_local_port_range`), above the well-known ones. */
const FIRST = 12_000;
const LAST = 32_000;

/** A port of 127.0.0.1 for a server that must be told one: free, and no other process is given it by chance. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}
