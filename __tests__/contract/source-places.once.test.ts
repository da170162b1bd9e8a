import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bundle } from "../support/bundle.js";
import { endPrograms, Program } from "../support/program.js";

afterEach(endPrograms);

test("the stack of a built program can be shown with the places in its sources", async () => {
  const source = new URL("source-places-shown.ts", import.meta.url);
  const { stdout } = await new Program(process.execPath, [bundle(source)]).ended;
  const line = readFileSync(source, "utf8")
    .split("\n")
    .findIndex((text) => text.includes("new Error"));
  expect(stdout.toString()).toContain(`${fileURLToPath(source)}:${line + 1}:`);
});
