/** Conversations with examples that run on simulated hosts. */
import { connect, type Connection } from "../../src/index.js";
import type { Host } from "../../src/testing/index.js";
import { sleep } from "./bad-network.js";
import { failure } from "./outcomes.js";
import { startExample, type SimulatedProgram } from "./simulated-program.js";

/** That of the examples, if they are given none. */
export const PORT = 4242;

/** Starts an example that listens. */
export async function startServer(
  host: Host,
  name: string,
  ...args: (string | number)[]
): Promise<SimulatedProgram> {
  const program = startExample(host, name, ...args);
  await Promise.race([program.ended, program.says("listening on port")]);
  return program;
}

export function connectFrom(host: Host, server: Host, options = {}): Promise<Connection> {
  return host.run(() => connect(`${server.name}:${String(PORT)}`, { readTimeout: Infinity, ...options }));
}

/** Crashes a server within a conversation and starts its host again: the client is told by a reset, once it asks again. */
export async function crash(server: Host, program: SimulatedProgram, connection: Connection): Promise<void> {
  server.crash();
  expect(await failure(program.ended)).toMatchObject({ code: "ERR_HOST_CRASHED" });
  await connection.writeLine("into silence");
  await sleep(1_000);
  server.restart();
  const error = await failure(
    (async () => {
      while ((await connection.readLine()) !== null);
    })(),
  );
  expect(error).toMatchObject({ code: "ECONNRESET" });
}

export async function ask(connection: Connection, line: string): Promise<string | null> {
  await connection.writeLine(line);
  return await connection.readLine();
}
