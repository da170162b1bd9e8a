import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { connect, listen, serve, type Listener } from "../../../src/index.js";
import { LOCALHOST } from "../../support/certificates.js";
import { pairOver } from "../pair.js";
import { rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";
import { withAnother } from "../with-another.js";

/** Listeners that close in every way, with clients and calls that wait. */
export const listeners: Scenario = {
  name: "listeners",
  unit: "listeners",
  count: 10_000,
  together: 8,
  kinds: 13,

  async start(): Promise<Load> {
    const lived = new AbortController();
    const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
    const taken = await listen("127.0.0.1:0");
    let paths = 0;
    const local = () => listen("127.0.0.1:0", { signal: lived.signal });
    const closing = async (listener: Listener) => listener.close();
    const kinds: readonly (() => Promise<unknown>)[] = [
      async () => closing(await local()),
      async () => closing(await listen("localhost:0")),
      async () => closing(await listen(join(directory, String(paths++)), { unlinkStale: true, mode: 0o600 })),
      async () => closing(await listen("127.0.0.1:0", { closeOn: lived.signal, tls: LOCALHOST })),
      async () => {
        const end = new AbortController();
        const listener = await listen("127.0.0.1:0", { closeOn: end.signal });
        const [a] = await pairOver(listener);
        end.abort();
        await rejects(a.readExactly(1), "ECONNRESET");
        await listener.close();
      },
      async () =>
        rejects(listen({ host: "127.0.0.1", port: taken.port }, { signal: lived.signal }), "EADDRINUSE"),
      async () => {
        const leave = new AbortController();
        const listening = listen("localhost:0", { signal: leave.signal });
        leave.abort();
        await rejects(listening, "AbortError");
      },
      async () => {
        await using listener = await local();
        await rejects(listener.accept({ timeout: 1, signal: lived.signal }), "ETIMEDOUT");
        const leave = new AbortController();
        const accepting = listener.accept({ signal: withAnother(leave.signal) });
        leave.abort();
        await rejects(accepting, "AbortError");
        await rejects(listener.accept({ timeout: 0 }), "ETIMEDOUT");
      },
      async () => {
        const listener = await local();
        const accepting = rejects(listener.accept(), "ERR_CLOSED");
        await listener.close();
        await accepting;
      },
      async () => {
        // Clients that no call has accepted.
        const listener = await local();
        const client = await connect("127.0.0.1", listener.port);
        await listener.close();
        client.reset();
      },
      async () => {
        const listener = await local();
        const client = await connect("127.0.0.1", listener.port);
        for await (const connection of listener) {
          connection.reset();
          break;
        }
        client.reset();
        await listener.close();
      },
      async () => serve(await local(), () => undefined, { signal: AbortSignal.abort() }),
      async () => {
        const stop = new AbortController();
        const listener = await local();
        const serving = serve(
          listener,
          async (connection, { signal }) => {
            await connection.read({ signal });
          },
          { signal: withAnother(stop.signal), grace: 0 },
        );
        const client = await connect("127.0.0.1", listener.port);
        await turn();
        stop.abort();
        await serving;
        client.reset();
      },
    ];
    return {
      signals: { "the signal of listeners": lived.signal },
      emitters: { "the server": taken.server },
      operate: (index) => kinds[index % kinds.length]?.() ?? Promise.reject(new RangeError("no kind")),
      async stop() {
        await taken.close();
        rmSync(directory, { recursive: true });
      },
    };
  },
};
