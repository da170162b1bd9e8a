// Started by systemd's socket activation: serves a client of each descriptor, by its name, then ends.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { listen, listenFds, NetError, type Listener } from "../../../src/index.js";

async function serveOne(listener: Listener, name: string): Promise<void> {
  const connection = await listener.accept();
  await connection.writeLine(`${name} ${String(await connection.readLine())}`);
  await connection.close();
  await listener.close();
}

/** What a child process finds of descriptors 3 to 5. */
function inheritedByChild(): string {
  const probe = "for fd in 3 4 5; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; echo end";
  return spawnSync("/bin/sh", ["-c", probe], { encoding: "utf8" }).stdout;
}

const sockets = listenFds({ unsetEnvironment: true });
assert.deepEqual(sockets, [
  { fd: 3, name: "four" },
  { fd: 4, name: "six" },
  { fd: 5, name: "unix" },
]);
assert.deepEqual(listenFds(), []);
assert.equal(process.env["LISTEN_PID"], undefined);
assert.equal(inheritedByChild(), "end\n");

const listeners = await Promise.all(sockets.map((socket) => listen(socket)));
for (const { fd } of listeners) {
  const error: unknown = await listen({ fd: fd ?? -1 }).catch((failed: unknown) => failed);
  assert.ok(error instanceof NetError && error.code === "EEXIST", error as Error);
  assert.equal(
    error.message,
    `listen descriptor ${String(fd)}: this process uses the descriptor already (EEXIST)`,
  );
}
await Promise.all(listeners.map((listener, index) => serveOne(listener, sockets[index]?.name ?? "")));
console.log("done");
