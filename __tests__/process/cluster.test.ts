import { createServer } from "node:net";
import { once } from "node:events";
import { renameSync } from "node:fs";
import { closeAll, loopback, socketPath } from "../support/peers.js";
import { DONE, run } from "./run.js";

afterEach(closeAll);

/** Leaves a socket at a path as a crash does. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer().listen(`${path}~`);
  await once(server, "listening");
  renameSync(`${path}~`, path);
  server.close();
  await once(server, "close");
}

test.each([
  ["rr", ""],
  ["none", ""],
  ["rr", "tls"],
  ["none", "tls"],
])(
  "workers of a cluster share a listener on several addresses, until the last closes it (%s %s)",
  async (...args) => {
    expect(await run("cluster", { args })).toEqual(DONE);
  },
);

test.each(["rr", "none"])(
  "workers of a cluster take over a Unix socket and share it, and descriptors of the primary, until the last dies (%s)",
  async (policy) => {
    const path = socketPath();
    await leaveStale(path);
    const listener = await loopback();
    const ended = run("cluster-sockets", { args: [policy, path], passed: [listener.fd ?? -1] });
    // The program has it by now; here it would take clients of the program's.
    await listener.close();
    expect(await ended).toEqual(DONE);
  },
);
