import { once } from "node:events";
import { connect as netConnect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../support/bundle.js";
import { closeAll, keep, netClient } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { describeWherePossible } from "../support/where-possible.js";

afterEach(endPrograms);
afterEach(closeAll);

const ITSELF = new URL("programs/stopped-itself.ts", import.meta.url);

/** Longer than each of the waits of the program. */
const PAST_DEADLINES_MS = 2_300;

const whyNot = process.platform === "linux" ? undefined : "it needs /proc to see that a process is stopped";

describeWherePossible("a process that is stopped past the deadlines of its waits", whyNot, () => {
  test("goes on with what has come meanwhile, and only what has not come has timed out", async () => {
    const clients = new Map<string, Socket[]>();
    const server = keep(createServer()).listen(0, "127.0.0.1");
    server.on("connection", (socket) => {
      socket.on("error", () => undefined);
      socket.once("data", (line: Buffer) => {
        // The rest stays in the kernel.
        socket.pause().write("ready\n");
        const name = line.toString().trim();
        clients.set(name, [...(clients.get(name) ?? []), socket]);
      });
    });
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const program = new Program(
      process.execPath,
      ["--unhandled-rejections=strict", "--enable-source-maps", bundle(ITSELF), String(port)],
      { NODE_OPTIONS: "" },
    );
    const [, listening, proxied] = await program.says(/ports (\d+) (\d+)/);
    const withHeader = await netClient(Number(proxied));
    clients.get("is silent")?.[0]?.write("go\n");
    await program.stopped();

    for (const socket of clients.get("sends") ?? []) socket.write("in time");
    for (const socket of clients.get("takes") ?? []) socket.resume();
    for (const socket of clients.get("answers") ?? []) {
      socket.once("data", (question: Buffer) => socket.write(`re: ${question.toString()}`));
      socket.resume();
    }
    withHeader.write("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nmore");
    const client = keep(netConnect(Number(listening), "127.0.0.1"));
    client.write("here");
    const [, sink] = clients.get("is silent") ?? [];
    const relayed = new Promise((resolve) =>
      sink?.once("data", (bytes: Buffer) => resolve(bytes.toString())),
    );
    sink?.resume();
    await sleep(PAST_DEADLINES_MS);
    program.kill("SIGCONT");

    const { stdout, stderr } = await program.ended;
    const told = stdout.toString().split("\n")[1] ?? "";
    expect({ stderr, told: JSON.parse(told) as unknown }).toEqual({
      stderr: "",
      told: {
        "a read": "in time",
        "a read of nothing": "timed out: read",
        // That timer is Node's.
        "a read with AbortSignal.timeout": "timed out: read",
        "a read after AbortSignal.timeout": "in time",
        "a write": "true",
        "a request": "re: question",
        "an accept": "here",
        "an accept without clients": "timed out: accept",
        "a connect": "undefined",
        "a client with a PROXY header": "more",
      },
    });
    expect(await relayed).toBe("in time");
  });
});
