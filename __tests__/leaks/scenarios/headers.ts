import { BlockList, connect as netConnect } from "node:net";
import { connect, listen, serve } from "../../../src/index.js";
import { closed, rejects } from "../expected.js";
import type { Load, Scenario } from "../scenario.js";

const ENDS = {
  sourceAddress: "192.0.2.1",
  sourcePort: 56_324,
  destinationAddress: "198.51.100.2",
  destinationPort: 443,
};

/** PROXY headers that are read and refused, and clients that other limits turn away. */
export const headers: Scenario = {
  name: "headers",
  unit: "clients behind PROXY headers, and refused ones",
  count: 20_000,
  together: 32,
  kinds: 8,

  async start(): Promise<Load> {
    const listener = await listen("127.0.0.1:0", { proxyProtocol: "require", backlog: 1_024 });
    const blockList = new BlockList();
    blockList.addAddress("127.0.0.1");
    const blocking = await listen("127.0.0.1:0", { blockList });
    const one = await listen("127.0.0.1:0", { backlog: 1_024 });
    const serving = [
      serve(listener, async (connection) => {
        await connection.readLine().catch(() => null);
      }),
      serve(
        one,
        async (connection) => {
          await connection.read().catch(() => null);
        },
        { perAddress: 1 },
      ),
    ];
    const { port } = listener;
    const raw = async (text: string) => {
      const socket = netConnect(port, "127.0.0.1").on("error", () => undefined);
      socket.end(text);
      socket.resume();
      await closed(socket);
    };
    const kinds: readonly (() => Promise<unknown>)[] = [
      async () => {
        const client = await connect("127.0.0.1", port, { proxyHeader: { version: 1, ...ENDS } });
        await client.writeLine("hello");
        await client.close();
      },
      async () => {
        const tlvs = new Map([[2, "example.org"]]);
        const client = await connect("127.0.0.1", port, { proxyHeader: { version: 2, ...ENDS, tlvs } });
        await client.writeLine("hello");
        await client.close();
      },
      async () => {
        const client = await connect("127.0.0.1", port, { proxyHeader: "local" });
        client.reset();
      },
      () => raw("PROXY TCP4 nonsense\r\n"),
      () => raw("PROXY TCP4 1"),
      () => raw(""),
      () =>
        rejects(
          connect("127.0.0.1", blocking.port).then((client) => client.readExactly(1)),
          "ECONNRESET",
        ),
      async () => {
        // All but one are too many.
        const client = await connect("127.0.0.1", one.port).catch(() => undefined);
        await client?.closeWrite().catch(() => undefined);
        await client?.read().catch(() => undefined);
        client?.reset();
      },
    ];
    return {
      emitters: { "the server": listener.server, "the server that blocks": blocking.server },
      counts: { "open connections": () => listener.connections + blocking.connections + one.connections },
      operate: (index) => kinds[index % kinds.length]?.() ?? Promise.reject(new RangeError("no kind")),
      async stop() {
        await Promise.all([listener.close(), blocking.close(), one.close(), ...serving]);
      },
    };
  },
};
