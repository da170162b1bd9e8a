import { writeFileSync } from "node:fs";
import { isSocket, isSocketOrGone } from "../../src/accept/file-system.js";
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
