/** What `serve` does in a process: `serve.ts CASE`. Prints "done" at the end, and the warnings of the process. */
import { once } from "node:events";
import { connect as netConnect } from "node:net";
import { connect, listen, serve, type Handler } from "../../../src/index.js";

process.on("warning", (warning) => console.log(`${warning.name}: ${warning.message}`));

const stop = new AbortController();
const { signal } = stop;
const listener = await listen({ host: "127.0.0.1", port: 0 });

/** A client, when its connection has ended. */
async function client(): Promise<void> {
  const socket = netConnect(listener.port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  await new Promise((resolve) => socket.once("close", resolve));
}

const cases: Record<string, () => Promise<void>> = {
  "handlers that fail": async () => {
    const failures = [new Error("one"), "two", undefined];
    const fail: Handler = () => {
      throw failures.shift() as Error;
    };
    const serving = serve(listener, fail, { signal });
    for (let i = 0; i < 3; i++) await client();
    stop.abort();
    await serving;
  },

  "handlers that all listen to the signal": async () => {
    const handler: Handler = async (connection, context) => {
      for (let i = 0; i < 20; i++) context.signal.addEventListener("abort", () => undefined);
      await connection.read({ signal: context.signal });
    };
    const serving = serve(listener, handler, { signal, grace: 0 });
    const clients = [client(), client()];
    while (listener.stats.open < 2) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await Promise.all([serving, ...clients]);
  },

  "a handler that never settles": async () => {
    const serving = serve(listener, () => new Promise(() => undefined), { signal, grace: 20 });
    const gone = client();
    while (listener.stats.open < 1) await new Promise((resolve) => setImmediate(resolve));
    stop.abort();
    await Promise.all([serving, gone]);
  },

  "a handler that never settles, without a connection": async () => {
    const handler: Handler = (connection) => {
      connection.reset();
      return new Promise(() => undefined);
    };
    const serving = serve(listener, handler, { signal, grace: 20 });
    await client();
    stop.abort();
    await serving;
  },

  "a signal of the process": async () => {
    process.once("SIGTERM", () => stop.abort());
    const serving = serve(
      listener,
      async (connection) => {
        process.kill(process.pid, "SIGTERM");
        await once(signal, "abort");
        await connection.write("last words");
      },
      { signal },
    );
    const connection = await connect("127.0.0.1", listener.port);
    console.log(String(await connection.readAll()));
    await connection.close();
    await serving;
  },
};

await cases[process.argv[2] ?? ""]?.();
await new Promise((resolve) => setImmediate(resolve));
console.log("done");
