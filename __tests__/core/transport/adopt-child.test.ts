/** Streams of a child that are adopted: apart from the others, since mutation testing leaves out the files that start a process. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { Connection } from "../../../src/index.js";
import { turn } from "../../support/outcomes.js";

test("a child's stdin and stdout are one connection", async () => {
  const child = spawn("sort", { stdio: ["pipe", "pipe", "inherit"] });
  const sorting = Connection.from(Duplex.from({ readable: child.stdout, writable: child.stdin }));
  await sorting.write(["pear\n", "apple\n", "fig\n"]);
  await sorting.closeWrite();
  const lines: string[] = [];
  for await (const line of sorting.lines()) lines.push(line);
  expect(lines).toEqual(["apple", "fig", "pear"]);
  await sorting.close();
  await sorting.closed;
});

test("a stream that had ended before it was adopted is not ended", async () => {
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"]);
  const input = child.stdin as unknown as Socket;
  Connection.from(input).detach();
  await turn();
  expect(input.writableEnded).toBe(false);
  const closed = once(child, "close");
  input.end();
  await closed;
});
