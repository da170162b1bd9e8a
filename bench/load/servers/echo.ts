/** Sends every line back. */
import { listen, type Connection, type ListenOptions } from "../../../src/index.js";
import { LOCALHOST } from "../../../__tests__/support/certificates.js";
import { told, watch } from "./watched.js";

interface Told extends Omit<ListenOptions, "tls"> {
  readonly tls?: true;
  /** Most ms until a line is whole. */
  readonly lineTimeout?: number;
}

const { tls, lineTimeout, ...options } = told() as Told;
const listener = await listen(0, { host: "127.0.0.1", ...options, tls: tls && LOCALHOST });

async function echo(connection: Connection): Promise<void> {
  for (;;) {
    const line = await connection.readLine({ timeout: lineTimeout });
    if (line === null) break;
    await connection.writeLine(line);
  }
  await connection.close();
}

watch(() => listener);
for await (const connection of listener) echo(connection).catch(() => connection.reset());
