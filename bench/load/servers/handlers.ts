import type { Connection, Handler } from "../../../src/index.js";

/** Sends every line back; with `timeout`, a line must be whole after so many ms. */
export function echo(timeout?: number): Handler {
  return async (connection) => {
    for (;;) {
      const line = await connection.readLine({ timeout });
      if (line === null) return;
      await connection.writeLine(line);
    }
  };
}

const CHUNK = Buffer.alloc(64 * 1_024);

/** What handlers do wrong, or what is done to them. */
export const BAD = {
  never: () => new Promise<void>(() => undefined),
  throws: () => {
    throw new Error("a fault of the handler");
  },
  writes: async (connection: Connection) => {
    for (;;) await connection.write(CHUNK);
  },
} satisfies Record<string, Handler>;
