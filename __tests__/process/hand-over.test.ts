import { closeAll, socketPath } from "../support/peers.js";
import { DONE, run } from "./run.js";

afterEach(closeAll);

test("clients that are detached at once go to another process whole, and their listeners close", async () => {
  expect(await run("hand-over")).toEqual(DONE);
});

test("clients that are not read go to another process whole, with their ends, at any time", async () => {
  expect(await run("hand-over-unread")).toEqual(DONE);
});

test("clients, and the clients of a server, become connections of another process whole", async () => {
  expect(await run("hand-over-to-connections", { args: [socketPath()] })).toEqual(DONE);
});
