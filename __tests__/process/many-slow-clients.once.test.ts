import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { connect } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { closeAll, keep, socketPath } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { describeWherePossible } from "../support/where-possible.js";

afterEach(closeAll);
afterEach(endPrograms);

const SERVER = new URL("programs/many-slow-clients.ts", import.meta.url);
const CLIENTS = 3_000;
/** Fewer than wait in the queue of the kernel: a Unix socket refuses others. */
const BATCH = 250;
/** What a client sends: the kind, and a part of what the server waits for. */
const PARTS = ["lhalf a line", "f\0\0\x01\0a part of a frame", "rsome of 100 bytes"];
const KIB = 1_024;
/** Of a connection that waits, as in docs/performance.md; of `serve` and its handler; and the block that a part is kept in. */
const MOST_PER_CONNECTION = (3 + 3 + 4) * KIB;
/** What the engine has made larger, and keeps. */
const MOST_LEFT = 1_000 * KIB;

const { stdout } = spawnSync("sh", ["-c", "ulimit -Hn"], { encoding: "utf8" });
const whyNot = Number(stdout) < CLIENTS + 500 ? "a process may not have 3 500 descriptors" : undefined;

async function slowClient(path: string, part: string): Promise<Socket> {
  const socket = keep(netConnect({ path, allowHalfOpen: true }));
  socket.on("error", () => undefined);
  socket.write(part);
  await once(socket, "data");
  return socket;
}

describeWherePossible("a process with a small heap and 3 000 slow clients", whyNot, () => {
  test("lives, holds a few KiB for each, serves another one, and has nothing left of them when they end", async () => {
    const path = socketPath();
    const program = new Program(
      process.execPath,
      ["--max-old-space-size=64", "--unhandled-rejections=strict", bundle(SERVER), path],
      { NODE_OPTIONS: "" },
    );
    await program.says(/listening/);
    const meter = keep(await connect({ path }));
    await meter.write("m");
    await meter.readExactly(1);
    const measured = async (order = "measure"): Promise<number[]> => {
      await meter.writeLine(order);
      return String(await meter.readLine())
        .split(" ")
        .map(Number);
    };
    const open = async (count: number): Promise<Socket[]> => {
      const sockets: Socket[] = [];
      while (sockets.length < count) {
        const batch = Array.from({ length: Math.min(BATCH, count - sockets.length) }, (_, i) =>
          slowClient(path, PARTS[i % PARTS.length] ?? ""),
        );
        sockets.push(...(await Promise.all(batch)));
      }
      return sockets;
    };
    const ended = async (sockets: readonly Socket[]): Promise<void> => {
      for (const [i, socket] of sockets.entries()) {
        if (i % 2 === 0) socket.end();
        else socket.destroy();
      }
      while ((await measured())[0] !== 1);
    };
    // What is made once is not to be counted.
    await ended(await open(BATCH));
    const [, before = 0] = await measured();
    const sockets = await open(CLIENTS);
    const [count, during = 0] = await measured();
    expect(count).toBe(CLIENTS + 1);
    expect((during - before) / CLIENTS).toBeLessThan(MOST_PER_CONNECTION);
    const another = keep(await connect({ path }));
    await another.write("lhello\n");
    expect(String(await another.readExactly(7))).toBe("!hello\n");
    await another.close();
    await ended(sockets);
    const [, after = 0] = await measured();
    expect(after - before).toBeLessThan(MOST_LEFT);
    await measured("stop");
    await meter.close();
    const { stdout, ...outcome } = await program.ended;
    expect({ ...outcome, said: stdout.toString() }).toEqual({
      status: 0,
      signal: null,
      stderr: "",
      said: "listening\nfailures: EPIPE,ERR_UNEXPECTED_EOF\ndone\n",
    });
  });
});
