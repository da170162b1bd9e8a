import { DONE, run } from "./run.js";

/** What a process that ends by itself has said, and Node's own lines for its warnings are left out. */
async function said(name: string): Promise<string> {
  const { stderr, ...ended } = await run("serve", { args: [name], nodeOptions: ["--no-warnings"] });
  expect({ ...ended, stdout: "done\n", stderr }).toEqual(DONE);
  return ended.stdout;
}

test("without onError, failures of handlers are warnings", async () => {
  const all = "Error: one\nWarning: two\nWarning: a handler has failed with undefined\ndone\n";
  expect(await said("handlers that fail")).toBe(all);
});

test("the signal of the context warns of no leak, however many handlers listen to it", async () => {
  expect(await said("handlers that all listen to the signal")).toBe("done\n");
});

test("a handler that never settles keeps no process alive", async () => {
  expect(await said("a handler that never settles")).toBe("done\n");
  expect(await said("a handler that never settles, without a connection")).toBe("done\n");
});

test("a process that is told to end serves the last client", async () => {
  expect(await said("a signal of the process")).toBe("last words\ndone\n");
});
