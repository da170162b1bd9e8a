import { connect, connectTo, listen, serve, type Connection } from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { unusedPort } from "../../support/unused-port.js";
import { closed, rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";

/** Errors that the program keeps, in a log say. */
const KEPT = 100;

/** Calls that fail. The last errors are kept all the time: they must not hold the connections that they are about. */
export const errors: Scenario = {
  name: "errors",
  unit: "failed calls",
  count: 100_000,
  together: 16,
  kinds: 10,

  async start(): Promise<Load> {
    const listener = await listen("127.0.0.1:0");
    const refusing = await unusedPort();
    const [open, peer] = memoryPair();
    await peer.write("x".repeat(100));
    await open.peek(100);
    // Each client says how its connection is to end.
    const serving = serve(listener, async (connection) => {
      if ((await connection.readLine()) === "reset") connection.reset();
    });
    const kept: unknown[] = [];
    let place = 0;
    const keep = (error: unknown): void => {
      kept[place++ % KEPT] = error;
    };
    const endedBy = async (end: "reset" | "close"): Promise<Connection> => {
      const connection = await connect("127.0.0.1", listener.port);
      await connection.writeLine(end);
      return connection;
    };
    const kinds: readonly (() => Promise<unknown>)[] = [
      async () => keep(await rejects(open.readUntil("|", { limit: 10 }), "ERR_LIMIT")),
      async () => keep(await rejects(open.readLine({ limit: 99, timeout: 0 }), "ERR_LIMIT")),
      async () => keep(await rejects(peer.read({ timeout: 0 }), "ETIMEDOUT")),
      async () => keep(await rejects(open.write(1 as never), "TypeError")),
      async () => keep(await rejects(connect("127.0.0.1", refusing), "ECONNREFUSED")),
      async () => {
        const at = { address: "127.0.0.1", port: refusing, family: 4 } as const;
        keep(await rejects(connectTo([at, at, at]), "ECONNREFUSED"));
      },
      async () => {
        const connection = await endedBy("reset");
        const waiting = rejects(connection.readExactly(1), "ECONNRESET");
        keep(await rejects(connection.read(), "ERR_BUSY"));
        keep(await waiting);
        keep(await rejects(connection.write("late"), "ECONNRESET", "EPIPE"));
        await connection.closed.catch(keep);
      },
      async () => {
        const connection = await endedBy("close");
        keep(await rejects(connection.readExactly(1), "ERR_UNEXPECTED_EOF"));
        await connection.close();
        keep(await rejects(connection.read(), "ERR_CLOSED"));
        keep(await rejects(connection.write("late"), "ERR_CLOSED"));
      },
      async () => {
        const connection = await endedBy("close");
        const reason = new Error("given up", { cause: new Error("the cause") });
        const leave = new AbortController();
        const waiting = connection.lines({ signal: leave.signal }).next().catch(keep);
        leave.abort(reason);
        await waiting;
        connection.reset();
      },
      async () => {
        const connection = await endedBy("reset");
        const duplex = connection.duplex.on("error", keep).resume();
        await closed(duplex);
      },
    ];
    return {
      emitters: { "the server": listener.server },
      counts: { "open connections of the listener": () => listener.connections },
      operate: (index) => kinds[index % kinds.length]?.() ?? Promise.reject(new RangeError("no kind")),
      async stop() {
        open.reset();
        peer.reset();
        await listener.close();
        await serving;
      },
    };
  },
};
