import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, listen, serve, type Connection, type ConnectOptions } from "../../../src/index.js";
import { closed, rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";
import { withAnother } from "../with-another.js";

/** A way in which a connection ends: what each end does until it has. Each end learns of it by the first byte. */
interface Ending {
  readonly options?: () => ConnectOptions;
  client(connection: Connection): unknown;
  server(connection: Connection): unknown;
}

const HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "::1"];
/** One connection in so many ends in one of the ways below; the others end at once, which takes a fraction of the time. */
const SLOW_SHARE = 8;

const lived = new AbortController();
const livedCloseOn = new AbortController();

/** Waits for the peer's end, by whatever it comes. */
async function untilOver(connection: Connection): Promise<void> {
  for (;;) if ((await connection.read().catch(() => null)) === null) return;
}

/** The same for an end that no handler closes. */
async function untilGone(connection: Connection): Promise<void> {
  await untilOver(connection);
  connection.reset();
}

const ENDINGS: readonly Ending[] = [
  {
    // Both close.
    async client(connection) {
      await connection.writeLine("hello");
      await connection.readLine();
      await connection.close();
    },
    async server(connection) {
      await connection.writeLine((await connection.readLine()) ?? "");
    },
  },
  {
    // This end resets.
    client: (connection) => connection.reset(),
    server: untilOver,
  },
  {
    // The peer resets.
    client: untilGone,
    server: (connection) => connection.reset(),
  },
  {
    // The peer ends its side first.
    async client(connection) {
      await connection.closeWrite();
      await connection.readAll();
      await connection.closed;
    },
    async server(connection) {
      await connection.readAll();
      await connection.write("done");
    },
  },
  {
    // A loop that is left, with lines unread.
    async client(connection) {
      for await (const line of connection.lines({ signal: lived.signal, timeout: 60_000 }))
        if (line === "2") break;
      connection.reset();
    },
    async server(connection) {
      await connection.write("1\n2\n3\n");
      await untilOver(connection);
    },
  },
  {
    // A pull that waits is withdrawn.
    async client(connection) {
      const chunks = connection.chunks();
      const waiting = chunks.next();
      await chunks.return?.();
      await waiting;
      await connection.close();
    },
    server: untilOver,
  },
  {
    // A read times out.
    async client(connection) {
      await rejects(connection.read({ timeout: 1 }), "ETIMEDOUT");
      await connection.close({ timeout: 1_000 });
    },
    server: untilOver,
  },
  {
    // A read is aborted.
    async client(connection) {
      const stop = new AbortController();
      const waiting = connection.readLine({ signal: withAnother(stop.signal) });
      stop.abort();
      await waiting.catch(() => undefined);
      connection.reset();
    },
    server: untilOver,
  },
  {
    // Its own signal ends it.
    options: () => ({ closeOn: withAnother(new AbortController().signal) }),
    client: (connection) => connection.close(),
    server: untilOver,
  },
  {
    // One signal could end it and all others.
    options: () => ({ closeOn: livedCloseOn.signal }),
    client: (connection) => connection.close({ signal: lived.signal }),
    server: (connection) => connection.close(),
  },
  {
    // The socket is taken out.
    async client(connection) {
      const socket = connection.detach();
      socket.end();
      await closed(socket);
    },
    server: untilOver,
  },
  {
    // The server's socket is taken out, and destroyed with an error.
    client: untilGone,
    async server(connection) {
      const socket = connection.detach();
      socket.on("error", () => undefined).destroy(new Error("given up"));
      await closed(socket);
    },
  },
  {
    // Used as a Duplex.
    async client(connection) {
      const { duplex } = connection;
      duplex.end("hello");
      duplex.resume();
      await closed(duplex);
    },
    async server(connection) {
      connection.duplex.pipe(connection.duplex);
      await connection.closed;
    },
  },
  {
    // As web streams.
    async client(connection) {
      const writer = connection.writable.getWriter();
      const reader = connection.readable.getReader();
      await writer.write(Buffer.from("hello"));
      await reader.read();
      await Promise.all([reader.cancel(), writer.close()]);
      await connection.closed;
    },
    async server(connection) {
      await connection.write("hello");
      await untilOver(connection);
    },
  },
  {
    // A Duplex is destroyed.
    async client(connection) {
      const duplex = connection.duplex.on("error", () => undefined);
      duplex.setTimeout(60_000);
      duplex.destroy(new Error("given up"));
      await closed(duplex);
    },
    server: untilOver,
  },
  {
    // A write that no call awaits, and a reset.
    client(connection) {
      void connection.write("x".repeat(100)).catch(() => undefined);
      connection.reset();
    },
    server: untilOver,
  },
  {
    // Bytes stay unread, and the connection's own timeout ends a read.
    options: () => ({ readTimeout: 1 }),
    async client(connection) {
      await rejects(connection.readExactly(100), "ETIMEDOUT");
      await connection[Symbol.asyncDispose]();
    },
    async server(connection) {
      await connection.write("hello");
      await untilOver(connection);
    },
  },
];

export const connections: Scenario = {
  name: "connections",
  unit: "connections",
  count: 200_000,
  together: 64,
  kinds: SLOW_SHARE * ENDINGS.length,

  async start(): Promise<Load> {
    const faults: unknown[] = [];
    const directory = mkdtempSync(join(tmpdir(), "tcp6-"));
    const places = [...HOSTS.map((host) => ({ host, port: 0 })), { path: join(directory, "socket") }];
    const listeners = await Promise.all(places.map((place) => listen(place, { backlog: 1_024 })));
    const stop = new AbortController();
    const atOnce = await listen("127.0.0.4:0", { backlog: 1_024 });
    let served = 0;
    const servingAtOnce = serve(atOnce, (connection) => {
      if (served++ % 2 === 0) connection.reset();
    });
    const serving = listeners.map((listener) =>
      serve(
        listener,
        async (connection) => {
          const [kind = 0] = await connection.readExactly(1);
          await ENDINGS[kind]?.server(connection);
        },
        { signal: stop.signal, onError: (error) => faults.push(error) },
      ),
    );
    return {
      signals: {
        "the signal of reads": lived.signal,
        "the signal closeOn": livedCloseOn.signal,
        "the signal of serve": stop.signal,
      },
      emitters: Object.fromEntries(listeners.map(({ server }, index) => [`server ${String(index)}`, server])),
      counts: {
        "open connections of listeners": () =>
          [atOnce, ...listeners].reduce((sum, { connections }) => sum + connections, 0),
        "faults of servers": () => faults.length,
      },
      async operate(index) {
        if (index % SLOW_SHARE !== 0) {
          const { address, port } = atOnce.address as { address: string; port: number };
          const connection = await connect(address, port).catch(() => undefined);
          // The peer may have reset it before.
          if (index % 2 === 0) connection?.reset();
          else await connection?.close().catch(() => undefined);
          return;
        }
        const round = index / SLOW_SHARE;
        const kind = round % ENDINGS.length;
        const ending = ENDINGS[kind] as Ending;
        const listener = listeners[round % listeners.length];
        if (listener === undefined) throw new RangeError("no listener");
        const { address } = listener;
        const endpoint = "path" in address ? address : { host: address.address, port: address.port };
        const connection = await connect(endpoint, ending.options?.());
        await connection.write(Uint8Array.of(kind));
        await ending.client(connection);
      },
      async stop() {
        stop.abort();
        await Promise.all([...serving, atOnce.close(), servingAtOnce]);
        rmSync(directory, { recursive: true });
        if (faults.length > 0) throw new Error("a server has failed", { cause: faults[0] });
      },
    };
  },
};
