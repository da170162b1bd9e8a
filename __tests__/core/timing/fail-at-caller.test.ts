import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { failAtCaller } from "../../../src/core/timing/fail-at-caller.js";

type Resolve<T> = (value: T | Promise<T>) => void;

/** A promise that is failed from a callback of the event loop, whose stack has no caller. */
function failing(make: () => unknown): Promise<string> {
  return new Promise<string>((resolve: Resolve<string>) => {
    setImmediate(() => failAtCaller(resolve, make));
  });
}

async function stackOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).stack ?? "";
  }
  throw new Error("it did not reject");
}

async function theCaller(promise: Promise<unknown>): Promise<void> {
  await promise;
}

async function itsCaller(promise: Promise<unknown>): Promise<void> {
  await theCaller(promise);
}

test("an error shows the functions that await it", async () => {
  const stack = await stackOf(itsCaller(failing(() => new Error("late"))));
  expect(stack).toMatch(/theCaller/u);
  expect(stack).toMatch(/itsCaller/u);
});

test("a plain rejection would not show them", async () => {
  const promise = new Promise((_, reject: (error: Error) => void) => {
    setImmediate(() => reject(new Error("late")));
  });
  expect(await stackOf(theCaller(promise))).not.toMatch(/theCaller/u);
});

test("the promise rejects with just what was made, which need not be an error", async () => {
  const made = new Error("made");
  await expect(failing(() => made)).rejects.toBe(made);
  await expect(failing(() => "a reason")).rejects.toBe("a reason");
  await expect(failing(() => undefined)).rejects.toBeUndefined();
});

test("the error is made once", async () => {
  let times = 0;
  const promise = new Promise<string>((resolve: Resolve<string>) => failAtCaller(resolve, () => ++times));
  await expect(promise).rejects.toBe(1);
  await Promise.allSettled([promise, promise]);
  expect(times).toBe(1);
});

test("a promise that is failed before it is awaited rejects all the same", async () => {
  const promise = new Promise<string>((resolve: Resolve<string>) =>
    failAtCaller(resolve, () => new Error("early")),
  );
  await expect(promise).rejects.toThrow("early");
});

test("a promise that is marked as handled still shows which function awaits it", async () => {
  const promise = new Promise<string>((resolve: Resolve<string>) => {
    setImmediate(() => failAtCaller(resolve, () => new Error("late"), promise));
  });
  expect(await stackOf(theCaller(promise))).toMatch(/theCaller/u);
});

test("a promise that is marked as handled is no unhandled rejection, any other is", async () => {
  const program = `
    import { failAtCaller } from ${JSON.stringify(new URL("../../../src/core/timing/fail-at-caller.ts", import.meta.url).href)};
    process.on("unhandledRejection", ({ message }) => console.log(message));
    const quiet = new Promise((resolve) => setImmediate(() => failAtCaller(resolve, () => new Error("quiet"), quiet)));
    const loud = new Promise((resolve) => setImmediate(() => failAtCaller(resolve, () => new Error("loud"))));
  `;
  const parameters = ["--import", "tsx", "--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, parameters);
  expect(stdout).toBe("loud\n");
});
