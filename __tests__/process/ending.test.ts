import { DONE, run } from "./run.js";

describe("a process ends by itself after", () => {
  test.each([
    "everything closed",
    "everything reset",
    "everything closed, nothing awaited",
    "clients in their handshake, and clients that wait, at a TLS listener without a hold on the process",
    "await using",
    "timeouts that never fired",
    "an accept that waits on a listener without a hold on the process",
    "connections without a hold on the process",
    "a Duplex without a hold on the process whose setTimeout runs",
    "a socket beneath that has no hold on the process",
    "sockets that were unreferenced before they were adopted",
    "connections without a hold that are not read, and whose peers have ended",
    "adopted streams that are left open",
    "adopted streams that are closed, nothing awaited",
    "adopted streams without a hold on the process that wait",
    "a wait for a read of an adopted stream",
    "a wait for a write to an adopted stream",
    "a wait for an adopted stream to close",
    "a wait for adopted streams that are relayed",
  ])("%s", async (name) => {
    expect(await run("ending", { args: [name] })).toEqual(DONE);
  });
});

describe("a process lives on with", () => {
  test.each([
    "an open listener",
    "an open listener that got its hold back",
    "open connections",
    "an open TLS connection that was accepted",
    "an open connection that is not read",
    "an open connection whose peer has ended",
    "an open connection over a Unix socket whose peer has ended",
    "an adopted stream that is read",
    "an adopted stream whose close is awaited",
  ])("%s", async (name) => {
    expect(await run("ending", { args: [name] })).toEqual({ ...DONE, stdout: "done\nheld\n" });
  });
});
