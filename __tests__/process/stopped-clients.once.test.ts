/** Clients that are stopped when a server is told to end. */
import { createHash, randomBytes } from "node:crypto";
import { listen, serve, type Handler, type NetError } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { until } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { nothingLeft } from "../support/resources.js";
import { describeWherePossible } from "../support/where-possible.js";

afterEach(closeAll);
afterEach(endPrograms);

const whyNot = process.platform === "linux" ? undefined : "it needs /proc to see that a process is stopped";
const CLIENTS = new URL("programs/stoppable-client.ts", import.meta.url);
/** More than the buffers of the kernel hold. */
const BYTES = Buffer.alloc(16 * 1024 * 1024, randomBytes(1_000_003));
const REPLY = Buffer.from("a reply to a client that is stopped");

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Serves clients, each of which gives an order, and stops their process before any order is carried out. */
async function served(orders: readonly string[], grace: number) {
  const listener = keep(await listen(0, { host: "127.0.0.1" }));
  const stop = new AbortController();
  let go: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => (go = resolve));
  let ordered = 0;
  let begun = 0;
  const outcomes = new Map<string, unknown>();
  const handler: Handler = async (connection) => {
    const order = String(await connection.readLine());
    ordered++;
    await stopped;
    try {
      if (order === "bulk") {
        const written = connection.write(BYTES);
        begun++;
        await written;
      } else if (order === "reply") {
        begun++;
        await connection.read({ signal: stop.signal }).catch(() => undefined);
        await connection.write(REPLY);
      } else {
        begun++;
        await connection.read();
      }
      outcomes.set(order, "done");
    } catch (error) {
      outcomes.set(order, (error as NetError).code);
      throw error;
    }
  };
  const failures: unknown[] = [];
  const serving = serve(listener, handler, {
    signal: stop.signal,
    grace,
    onError: (error) => failures.push(error),
  });
  const program = new Program(
    process.execPath,
    ["--unhandled-rejections=strict", bundle(CLIENTS), String(listener.port), ...orders],
    { NODE_OPTIONS: "" },
  );
  await until(() => ordered === orders.length);
  await program.stop();
  go();
  await until(() => begun === orders.length);
  stop.abort();
  return { serving, program, outcomes, failures };
}

describeWherePossible("serve that is told to end while its clients are stopped", whyNot, () => {
  test("ends with the grace, whatever its handlers wait for; the clients see that they were cut off", async () => {
    const { serving, program, outcomes, failures } = await served(["bulk", "reply", "silent"], 100);
    await serving;
    expect(Object.fromEntries(outcomes)).toEqual({ bulk: "ERR_CLOSED", reply: "done", silent: "ERR_CLOSED" });
    expect(failures).toEqual([]);
    await nothingLeft();
    program.kill("SIGCONT");
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.toString().trim().split("\n").sort()).toEqual([
      "bulk was cut off: ECONNRESET.",
      "reply was cut off: ECONNRESET.",
      "silent was cut off: ECONNRESET.",
    ]);
  });

  test("waits for those that go on within the grace: what was under way arrives whole", async () => {
    const { serving, program, outcomes, failures } = await served(["bulk", "reply"], 60_000);
    program.kill("SIGCONT");
    await serving;
    expect(Object.fromEntries(outcomes)).toEqual({ bulk: "done", reply: "done" });
    expect(failures).toEqual([]);
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.toString().trim().split("\n").sort()).toEqual([
      `bulk took ${BYTES.length} ${sha256(BYTES)}.`,
      `reply took ${REPLY.length} ${sha256(REPLY)}.`,
    ]);
  });
});
