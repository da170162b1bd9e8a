import { connect as netConnect, type Socket } from "node:net";
import { connect, type ListenerStats, type NetError } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { closeAll, endOf, keep } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { DONE, run } from "./run.js";

afterEach(closeAll);
afterEach(endPrograms);

test("a lack of descriptors is EMFILE for connect and listen, ends no listener and no client that is served, and leaves nothing behind", async () => {
  // Node warns of a file of certificates that it cannot open.
  const env = { NODE_EXTRA_CA_CERTS: "" };
  expect(await run("few-descriptors", { descriptors: 64, env })).toEqual(DONE);
});

/** A server of lines in a process that may have 64 descriptors. */
async function serverWith(maxConnections: number): Promise<{ program: Program; port: number }> {
  const module = bundle(new URL("programs/echo-server.ts", import.meta.url));
  const node = [process.execPath, "--unhandled-rejections=strict", module, String(maxConnections)];
  const program = new Program("/bin/sh", ["-c", 'ulimit -n 64 && exec "$@"', "sh", ...node], {
    NODE_OPTIONS: "",
  });
  const [, port] = await program.says(/port (\d+)/);
  return { program, port: Number(port) };
}

/** What a client gets first: `"data"`, or how its connection ends. */
function firstOf(client: Socket): Promise<string> {
  return Promise.race([
    endOf(client),
    new Promise<string>((resolve) => client.once("data", () => resolve("data"))),
  ]);
}

/** What 150 clients get first that send a line and stay; they are gone when this resolves. */
async function flood(port: number): Promise<string[]> {
  const clients = Array.from({ length: 150 }, () => keep(netConnect(port, "127.0.0.1")));
  for (const client of clients) client.write("hello\n");
  const firsts = await Promise.all(clients.map(firstOf));
  await closeAll();
  return firsts;
}

/** The stats of a server that serves again, and how many tries it took: it may not have seen yet that its clients have left. */
async function statsAt(port: number): Promise<{ stats: ListenerStats; refused: number }> {
  for (let refused = 0; ; refused++) {
    const client = keep(await connect("127.0.0.1", port));
    try {
      await client.writeLine("stats");
      const line = await client.readLine();
      if (line !== null) return { stats: JSON.parse(line) as ListenerStats, refused };
    } catch (error) {
      expect((error as NetError).code).toBe("ECONNRESET");
    } finally {
      await client.close().catch(() => undefined);
    }
  }
}

test("a process whose descriptors have run out turns clients away, serves those it has, and others when they have left", async () => {
  const { program, port } = await serverWith(Infinity);
  let ofClients = 0;
  for (let round = 0; round < 2; round++) {
    const firsts = await flood(port);
    const { length: served } = firsts.filter((first) => first === "data");
    expect(served).toBeGreaterThan(20);
    expect(served).toBeLessThan(64);
    // libuv closes them without a word to the listener.
    expect(firsts.every((first) => ["data", "end", "ECONNRESET"].includes(first))).toBe(true);
    ofClients += served + 1;
    const { accepted, dropped } = (await statsAt(port)).stats;
    expect({ accepted, dropped }).toEqual({ accepted: ofClients, dropped: 0 });
  }
  program.feed("");
  expect(await program.ended).toMatchObject({ status: 0, stderr: "" });
});

test("with a maxConnections below its descriptors each client that is turned away is counted", async () => {
  const { program, port } = await serverWith(30);
  const firsts = await flood(port);
  expect(firsts.filter((first) => first === "data").length).toBe(30);
  expect(firsts.filter((first) => first === "ECONNRESET").length).toBe(120);
  const { stats, refused } = await statsAt(port);
  expect(stats).toMatchObject({ accepted: 31, refused: { maxConnections: 120 + refused } });
  program.feed("");
  expect(await program.ended).toMatchObject({ status: 0, stderr: "" });
});
