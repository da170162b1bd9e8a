/** A test of a user, by each test runner without any setting, or with the one that it is made for. */
import { join } from "node:path";
import { output, project, ROOT } from "./project.mjs";

const TYPESCRIPT = `
import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, NetTimeoutError } from "tcp6";
import { memoryPair, simulate } from "tcp6/testing";
`;
const BODY = `
test("a pair", async () => {
  const [a, b]: Connection[] = memoryPair();
  await a.writeLine("hello");
  expect(await b.readLine()).toBe("hello");
  await expect(b.read({ timeout: 1 })).rejects.toBeInstanceOf(NetTimeoutError);
  a.reset();
  b.reset();
});
test("a simulation", async () => {
  const passed = simulate({ seed: 1 }, async (network) => {
    await new Promise((done) => setTimeout(done, 3_000));
    await sleep(2_000);
    return network.now;
  });
  expect(await passed).toBe(5_000);
});
`;
const OF_NODE = `
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { NetTimeoutError } from "tcp6";
import { memoryPair, simulate } from "tcp6/testing";
test("a pair", async () => {
  const [a, b] = memoryPair();
  await a.writeLine("hello");
  assert.equal(await b.readLine(), "hello");
  await assert.rejects(b.read({ timeout: 1 }), NetTimeoutError);
  a.reset();
  b.reset();
});
test("a simulation", async () => {
  const passed = simulate({ seed: 1 }, async (network) => {
    await new Promise((done) => setTimeout(done, 3_000));
    await sleep(2_000);
    return network.now;
  });
  assert.equal(await passed, 5_000);
});
`;
/** Loaded by a simulation. */
const OPTIONAL = "@sinonjs/fake-timers";

export function tested(tarball) {
  return [
    {
      name: "tested by node --test",
      run: async () => {
        const directory = project(tarball, { "pair.test.mjs": OF_NODE }, Object.fromEntries([own(OPTIONAL)]));
        const printed = await output(process.execPath, ["--test", "--test-reporter=tap"], directory);
        if (!/^# pass 2$/m.test(printed)) throw new Error(printed);
      },
    },
    {
      name: "tested by Jest with the preset of ts-jest",
      run: async () => {
        const files = {
          "package.json": JSON.stringify({ jest: { preset: "ts-jest" } }),
          "tsconfig.json": JSON.stringify({
            compilerOptions: { strict: true, esModuleInterop: true, types: ["jest"] },
          }),
          "pair.test.ts": TYPESCRIPT + BODY,
        };
        const links = ["ts-jest", "typescript", "@types/jest", "@types/node", OPTIONAL].map(own);
        const directory = project(tarball, files, Object.fromEntries(links));
        const jest = join(ROOT, "node_modules/jest/bin/jest.js");
        const { numPassedTests } = JSON.parse(
          await output(process.execPath, [jest, "--ci", "--json"], directory),
        );
        if (numPassedTests !== 2) throw new Error(`${numPassedTests} passed`);
      },
    },
    // In processes, as without any setting, and in vm contexts.
    ...["forks", "vmThreads"].map((pool) => ({
      name: `tested by Vitest in its pool ${pool}`,
      run: async () => {
        const files = {
          "package.json": "{}",
          "pair.test.ts": `import { expect, test } from "vitest";${TYPESCRIPT}${BODY}`,
        };
        const directory = project(tarball, files, {
          vitest: "vitest",
          ...Object.fromEntries([own(OPTIONAL)]),
        });
        const vitest = join(directory, "node_modules/vitest/vitest.mjs");
        const args = [vitest, "run", "--reporter=json", `--pool=${pool}`];
        const { numPassedTests } = JSON.parse(await output(process.execPath, args, directory));
        if (numPassedTests !== 2) throw new Error(`${numPassedTests} passed`);
      },
    })),
  ];
}

/** A link to a package that the library's own tests use. */
function own(name) {
  return [name, join(ROOT, "node_modules", name)];
}
