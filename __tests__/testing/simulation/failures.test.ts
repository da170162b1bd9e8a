import { readFile } from "node:fs/promises";
import assert from "node:assert/strict";
import process from "node:process";
import { inspect } from "node:util";
import vm from "node:vm";
import { simulate } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

/** How the simulation fails whose body throws it. */
async function failed(thrown: unknown, seed = 7): Promise<Error> {
  return (await failure(simulate({ seed }, () => Promise.reject(thrown as Error)))) as Error;
}

async function thrownBy(body: () => unknown): Promise<unknown> {
  return await failure(
    simulate({ seed: 7 }, async () => {
      await body();
    }),
  );
}

class WithGetter extends Error {
  override get message(): string {
    return "its own";
  }
}

class Renamed extends Error {
  override name = "Renamed";
}

const ERRORS: readonly (readonly [what: string, make: () => unknown, message: string])[] = [
  ["an error", () => new RangeError("its own"), "its own"],
  ["an error of another realm", () => vm.runInNewContext("new Error('its own')") as unknown, "its own"],
  ["an error whose message is a getter", () => new WithGetter(), "its own"],
  [
    "an error whose message was changed",
    () => Object.assign(new Error("other"), { message: "its own" }),
    "its own",
  ],
  ["an error whose message is in its name", () => new Renamed("Rename"), "Rename"],
  ["an abort", () => AbortSignal.abort().reason as unknown, "This operation was aborted"],
  ["a DOMException", () => new DOMException("its own", "TimeoutError"), "its own"],
];

test.each(ERRORS)(
  "%s names the seed in its message and its stack, and stays the same",
  async (_what, make, message) => {
    const thrown = make();
    const error = await failed(thrown);
    expect(error).toBe(thrown);
    expect(error.message).toBe(`${message} (seed 7)`);
    expect(error.stack?.split("\n")[0]).toMatch(/: .*\(seed 7\)$/);
    expect(inspect(error)).toContain(`${message} (seed 7)`);
  },
);

test("an error without a message names the seed in its message and its stack", async () => {
  const error = await failed(new TypeError());
  expect(error.message).toBe("(seed 7)");
  expect(error.stack).toMatch(/^TypeError: \(seed 7\)\n/);
});

test.each<[what: string, body: () => unknown]>([
  ["an assertion", () => assert.equal(1, 2)],
  ["a file that is not there", () => readFile("/nowhere/at-all")],
  ["the process", () => process.chdir("/nowhere/at-all")],
  ["a signal that is aborted", () => AbortSignal.abort().throwIfAborted()],
])("a failure of Node's own names the seed: %s", async (_what, body) => {
  expect((await thrownBy(body)) as Error).toMatchObject({
    message: expect.stringMatching(/\(seed 7\)$/) as unknown,
    stack: expect.stringContaining("(seed 7)") as unknown,
  });
});

test.each([
  ["a frozen error", Object.freeze(new Error("its own")), "its own (seed 7)"],
  ["a string", "its own", "the body has thrown 'its own' (seed 7)"],
  ["nothing", undefined, "the body has thrown undefined (seed 7)"],
  ["null", null, "the body has thrown null (seed 7)"],
  ["an object", { status: 404 }, "the body has thrown { status: 404 } (seed 7)"],
])("%s cannot name the seed, and is the cause of an error that does", async (_what, thrown, message) => {
  const error = await failed(thrown);
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ message, cause: thrown });
});

test("an error that ends several simulations names the last seed", async () => {
  for (const thrown of [new Error("its own"), new Error()]) {
    await failed(thrown, 1);
    await failed(thrown, 1);
    const { message, stack } = await failed(thrown, 2);
    expect(message).toMatch(/^(its own )?\(seed 2\)$/);
    expect(stack?.split("\n")[0]).toBe(`Error: ${message}`);
  }
});
