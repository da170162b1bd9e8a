// How much of short-lived connections outlives a collection of V8's young memory. What an object in the old space refers to does, also
// when that object is garbage: one list that refers from each connection to the next keeps all of them until a full collection.
import assert from "node:assert/strict";
import { Session, type HeapProfiler } from "node:inspector/promises";
import { connect, listen, serve } from "../../../src/index.js";

const CLIENTS = 20;
const CONNECTIONS = 4_000;
/** About the size of one `Link`: those that are open during a collection outlive it. */
const FEW_BYTES = 100;

const listener = await listen(0, { host: "127.0.0.1" });
const stop = new AbortController();
const serving = serve(
  listener,
  async (connection) => {
    const line = await connection.readLine();
    if (line !== null) await connection.writeLine(line);
  },
  { signal: stop.signal },
);

async function converse(connections: number): Promise<void> {
  let left = connections;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const connection = await connect("127.0.0.1", listener.port);
      await connection.writeLine("hello");
      assert.equal(await connection.readLine(), "hello");
      await connection.close();
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** Bytes that a constructor has allocated for its instances. */
function bytesOf(
  name: string,
  { callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode,
): number {
  const own = callFrame.functionName === name ? selfSize : 0;
  return children.reduce((sum, child) => sum + bytesOf(name, child), own);
}

await converse(1_000);
const session = new Session();
session.connect();
const sampling = {
  samplingInterval: 512,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: false,
};
await session.post("HeapProfiler.startSampling", sampling);
await converse(CONNECTIONS);
const { profile } = await session.post("HeapProfiler.stopSampling");
// Both sides of each.
const bytes = bytesOf("Link", profile.head) / (2 * CONNECTIONS);
assert.ok(bytes < FEW_BYTES, `of each connection ${bytes.toFixed(0)} bytes of its Link were left`);

stop.abort();
await serving;
console.log("done");
