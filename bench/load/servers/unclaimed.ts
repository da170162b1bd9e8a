/** Listens, and accepts no client until it is told to. From then on it sends every line back. */
import { listen, type ListenOptions } from "../../../src/index.js";
import { told, watch } from "./watched.js";

const listener = await listen(0, { host: "127.0.0.1", ...(told() as ListenOptions) });

watch(() => listener, {
  accept: () => {
    void acceptAll();
    return {};
  },
});

async function acceptAll(): Promise<void> {
  for await (const connection of listener) {
    void (async () => {
      for await (const line of connection.lines()) await connection.writeLine(line);
      await connection.close();
    })().catch(() => connection.reset());
  }
}
