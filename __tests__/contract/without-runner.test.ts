import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pairKinds } from "../support/pairs.js";
import { connectionContract } from "./contract.js";

test("the contract holds without a test runner: no rejection, error event or warning goes astray, and nothing keeps the process alive", async () => {
  const program = fileURLToPath(new URL("without-runner.ts", import.meta.url));
  const child = spawn(process.execPath, ["--unhandled-rejections=strict", "--import", "tsx", program], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 290_000,
  });
  let held = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (held += text));
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (complaints += text));
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  expect({ complaints, code, signal }).toEqual({ complaints: "", code: 0, signal: null });
  expect(Number(held)).toBe(pairKinds.length * connectionContract.length);
}, 300_000);
