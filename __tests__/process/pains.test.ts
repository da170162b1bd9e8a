import { DONE, run } from "./run.js";

/** The cases of programs/pains.ts; that these are all is tested too. */
const CASES = [
  "a write that waits settles when the socket dies",
  "a reset of an idle connection does not end the process",
  "a reset that no call observes does not end the process",
  "a reset of a client that was not accepted yet does not end the process",
  "failures of unawaited calls are no unhandled rejections",
  "timeouts of unawaited writes are no unhandled rejections",
  "a connect has a deadline, and leaves nothing behind when it times out",
  "a connection that completes too late is not leaked",
  "a signal covers its call and not the connection",
  "aborts of all waiting calls do not end the process",
  "the error of a refused connection says where and why",
  "clients that no call accepts are bounded and counted",
  "closing with unread input does not cut the reply short",
  "closing a listener does not wait for connections that are not read",
  "closing a listener ends its loops, fails its calls and frees its port",
  "a read that times out loses nothing",
  "a signal of many operations keeps no listener",
  "a half-closed connection goes on in the other direction",
  "a failed write says whether it may be sent again",
  "a write is everything or a rejection",
  "the caller is in the stack",
  "an address is known when its owner has left",
  "localhost is reached whichever of its addresses is listened on",
  "a peer that says nothing is noticed",
  "a request that timed out does not hand its reply to the next caller",
  "frames of any shape are whole, however they arrive",
  "a line may end with CR, and a bare LF is no line where CRLF is asked for",
  "the prompt that comes first is told",
  "two protocols share one port, and neither misses a byte",
];

describe("in a process where an unhandled rejection is fatal, and which must end by itself", () => {
  test.each(CASES)("%s", async (name) => {
    expect(await run("pains", { args: [name] })).toEqual(DONE);
  });

  test("no case is left out", async () => {
    const { stdout } = await run("pains");
    expect(JSON.parse(stdout)).toEqual(CASES);
  });

  test("a case that fails is seen to fail", async () => {
    const ended = await run("pains", { args: ["there is no such case"] });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain("no such case");
  });
});
