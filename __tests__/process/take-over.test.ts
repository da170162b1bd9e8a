import { existsSync } from "node:fs";
import { connect } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { closeAll, socketPath } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";

afterEach(endPrograms);
afterEach(closeAll);

const PROGRAM = new URL("programs/take-over.ts", import.meta.url);

function taker(path: string): Program {
  return new Program(process.execPath, [bundle(PROGRAM), path], { NODE_OPTIONS: "" });
}

/** What the server at a path says. */
async function asked(path: string, question: string): Promise<string | null> {
  await using connection = await connect(path);
  await connection.writeLine(question);
  return await connection.readLine();
}

test("a Unix socket whose process was killed goes to one of the processes that come next", async () => {
  const path = socketPath();
  const crashed = taker(path);
  await crashed.says(/has it/);
  expect(await asked(path, "hello")).toMatch(/^hello \d+$/);
  crashed.kill("SIGKILL");
  await crashed.ended;
  expect(existsSync(path)).toBe(true);

  const takers = [taker(path), taker(path), taker(path)];
  const said = await Promise.all(takers.map(async (one) => String(await one.says(/has it|.+/))));
  expect(said.sort()).toEqual(["EADDRINUSE", "EADDRINUSE", "has it"]);
  expect(await asked(path, "end")).toMatch(/^end \d+$/);
  for (const one of takers) expect((await one.ended).status).toBe(0);
  expect(existsSync(path)).toBe(false);
});
