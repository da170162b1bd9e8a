import { bundle } from "../support/bundle.js";
import { Program } from "../support/program.js";

export const EXAMPLES = new URL("../../examples/", import.meta.url);

/** Runs an example over the sources as they are now. */
export function example(name: string, ...args: (string | number)[]): Program {
  return new Program(...commandOf(name, ...args));
}

/** The command that runs an example, and its arguments. */
export function commandOf(name: string, ...args: (string | number)[]): [command: string, args: string[]] {
  const program = bundle(new URL(`${name}.ts`, EXAMPLES));
  return [process.execPath, ["--unhandled-rejections=strict", program, ...args.map(String)]];
}

export async function portOf(server: Program): Promise<number> {
  return Number((await server.says(/listening on port (\d+)/))[1]);
}

/** What an example that ends by itself has said. */
export async function sayingsOf(program: Program): Promise<string> {
  const { status, stdout, stderr } = await program.ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.toString();
}

/** What an example that fails prints: a line or two, and no stack. */
export async function complaintOf(program: Program): Promise<string> {
  const { status, stderr } = await program.ended;
  expect(status).toBe(1);
  expect(stderr).toMatch(/^.+\n$/);
  return stderr.trimEnd();
}
