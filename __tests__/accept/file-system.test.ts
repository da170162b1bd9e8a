import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { isSocket, isSocketOrGone } from "../../src/accept/file-system.js";
import { withoutStale } from "../../src/accept/stale-socket.js";
import { listen } from "../../src/index.js";
import { closeAll, keep, socketPath } from "../support/peers.js";

afterEach(closeAll);

test("a name that no file has, that a socket has, and that another file has are told apart", async () => {
  const [gone, socket, file] = [socketPath(), socketPath(), socketPath()];
  keep(await listen({ path: socket }));
  writeFileSync(file, "");
  expect([gone, socket, file].map(isSocket)).toEqual([false, true, false]);
  expect([gone, socket, file].map(isSocketOrGone)).toEqual([true, true, false]);
});

test("what has bound in place of a stale socket does not fail because its lock cannot be removed", async () => {
  const path = socketPath();
  const directory = dirname(path);
  const isLock = (name: string): boolean => name !== basename(path) && name.startsWith(basename(path));
  const bound = await withoutStale(path, { text: path }, undefined, () => {
    const lock = join(directory, readdirSync(directory).find(isLock) ?? "no lock");
    rmSync(lock);
    mkdirSync(lock);
    return Promise.resolve("bound");
  });
  expect(bound).toBe("bound");
  expect(readdirSync(directory).filter((name) => !isLock(name))).toEqual([]);
});
