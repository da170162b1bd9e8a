/** docs/troubleshooting.md quotes the library: each message is one that it says, and each that is tried is there. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { messages } from "../support/troubles.js";

const PAGE = fileURLToPath(new URL("../../docs/troubleshooting.md", import.meta.url));

test("the messages of the page are those of the library", async () => {
  const page = await readFile(PAGE, "utf8");
  const quoted = [...page.matchAll(/^\| `(\w+Error: .*?)` +\|/gm)].map(([, message]) => message);
  expect(quoted.length).toBeGreaterThan(10);
  expect(quoted).toEqual(await messages());
});
