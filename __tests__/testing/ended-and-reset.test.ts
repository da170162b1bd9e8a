/** A peer that ends and then resets, while a write waits: what Linux makes of it, and connections in memory as well. */
import { connect, listen, type Connection } from "../../src/index.js";
import { memoryPair, simulate } from "../../src/testing/index.js";
import { errorOf } from "../support/outcomes.js";
import { describeWherePossible } from "../support/where-possible.js";

/** More than sockets take. */
const MUCH = Buffer.alloc(32 * 1024 * 1024);

type Pair = readonly [near: Connection, far: Connection];

async function overLoopback(): Promise<Pair> {
  const listener = await listen({ host: "127.0.0.1", port: 0 });
  const pair = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  await listener.close();
  return pair;
}

/** The codes of a write that waits, and of a read and a write after it. */
async function codes([near, far]: Pair, ends: boolean): Promise<(string | undefined)[]> {
  const waiting = errorOf(near.write(MUCH));
  if (ends) {
    await far.closeWrite();
    expect(await near.peek(1)).toHaveLength(0);
  } else await far.readExactly(1);
  far.reset();
  const { code } = await waiting;
  const read = await near.read().then(
    () => "no error",
    (error: unknown) => (error as { code?: string }).code,
  );
  const after = await errorOf(near.write("more"));
  near.reset();
  return [code, read, after.code];
}

const CASES = [
  ["ends and resets", true, ["EPIPE", "EPIPE", "EPIPE"]],
  ["resets", false, ["ECONNRESET", "ECONNRESET", "ECONNRESET"]],
] as const;

describe.each(CASES)("a peer %s while a write waits", (_how, ends, expected) => {
  test("in memory", async () => {
    expect(await codes(memoryPair(), ends)).toEqual(expected);
  });

  test("on a simulated host", async () => {
    const run = async (): Promise<unknown> => await codes(await overLoopback(), ends);
    expect(await simulate({ seed: 1 }, (network) => network.host("a").run(run))).toEqual(expected);
  });

  const missing = process.platform === "linux" ? undefined : "it is Linux that they do the same as";
  describeWherePossible("over loopback", missing, () => {
    test("of this machine", async () => {
      expect(await codes(await overLoopback(), ends)).toEqual(expected);
    });
  });
});
