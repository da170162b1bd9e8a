import { connect, relay, type Connection } from "../../../src/index.js";
import { tally } from "../../stage.js";
import { serveTcp6 } from "../tcp6-server.js";

const [busy, sink, source, lines] = process.argv.slice(2) as [string, string, string, string];

const to = (port: string) => connect("127.0.0.1", port);

/** What keeps a second connection busy, without end. */
const kinds: Readonly<Record<string, () => Promise<void>>> = {
  nothing: () => Promise.resolve(),
  "16-byte writes": () => writes(16),
  "64 KiB writes": () => writes(64 * 1024),
  "1 MiB writes": () => writes(1024 * 1024),
  "gathered writes": () => writes(16, 64 * 1024),
  "16-byte reads": async () => {
    const connection = await to(source);
    for (;;) await connection.readExactly(16);
  },
  chunks: async () => exhaust(await to(source)),
  lines: async () => exhaust((await to(lines)).lines()),
  relay: async () => {
    await relay(await to(source), await to(sink));
  },
};

async function writes(size: number, bufferSize = 0): Promise<void> {
  const connection = await connect("127.0.0.1", sink, { bufferSize });
  const chunk = Buffer.alloc(size, "tcp6");
  for (;;) await connection.write(chunk);
}

async function exhaust(loop: AsyncIterable<{ readonly length: number }>): Promise<void> {
  for await (const { length } of loop) tally.operations += length;
}

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}

const serving = serveTcp6(echo);
// The first client must be accepted before the work begins: a loop that never yields would keep it waiting.
setTimeout(() => void kinds[busy]?.(), 200);
await serving;
