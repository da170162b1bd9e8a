import { DONE, run } from "./run.js";

/** The cases of programs/pains.ts; that these are all is tested too. */
const CASES = [
  "a write that waits settles when the socket dies",
  "a reset of an idle connection kills nobody",
  "a reset that nobody asks about kills nobody",
  "a reset of a client that was not accepted yet kills nobody",
  "calls that nobody awaits are no unhandled rejections",
  "writes that time out, and nobody awaits, are no unhandled rejections",
  "a connect has a deadline, and nothing is left when it strikes",
  "a connection that completes too late is not leaked",
  "a signal covers its call and not the connection",
  "aborts of everything that waits kill nobody",
  "a refused connection says where and why",
  "clients that nobody takes are bounded, counted, and harm nobody",
  "closing with unread input does not cut the reply short",
  "closing a listener does not hang on connections that nobody reads",
  "closing a listener ends its loops, fails its calls and frees its port",
  "a read that times out loses nothing",
  "a signal of many operations keeps no listener",
  "half a connection is a connection",
  "a failed write says whether it may be sent again",
  "a write is everything or a rejection",
  "the caller is in the stack",
  "an address is known when its owner has left",
  "localhost is reached whichever of its addresses is listened on",
  "a peer that says nothing is noticed",
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
