import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Below the ports that systems give to port 0 and to outgoing connections (`net.ipv4.ip_local_port_range` is 32768 to
 * 60999, the IANA's range 49152 to 65535), above the well-known ones.
 */
const FIRST = 12_000;
const LAST = 32_000;
const TRIES = 1_000;

/**
 * A TCP port on which nothing listens, at any address, and that stays so while this process runs, unless the caller
 * uses it: the system chooses it for nothing, and no other call is given it, in this process or another.
 *
 * For a port that must refuse, for a server that must be told its port, and for one that listens on its port again:
 * a port that the system chose is free at that address, at that moment only.
 */
export async function unusedPort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries++) {
    const port = randomInt(FIRST, LAST);
    if ((await reserved(port)) && (await canListen(port))) return port;
  }
  throw new Error(`of ${String(TRIES)} ports none is unused`);
}

/**
 * Whether this process is the one that may give the port away: the one that has the UDP port of that number, which
 * nothing else here uses, and which the system takes back when the process ends, however it ends.
 */
async function reserved(port: number): Promise<boolean> {
  const reservation = createSocket("udp4").unref();
  reservation.bind({ port, address: "127.0.0.1", exclusive: true });
  return succeeds(once(reservation, "listening"));
}

/** Whether a server can listen on the port at all addresses. */
async function canListen(port: number): Promise<boolean> {
  // Without a reference: one that is closed counts among the resources of the process for a turn more.
  const server = createServer().unref().listen({ port, exclusive: true });
  if (!(await succeeds(once(server, "listening")))) return false;
  server.close();
  await once(server, "close");
  return true;
}

async function succeeds(event: Promise<unknown>): Promise<boolean> {
  try {
    await event;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    return false;
  }
}
