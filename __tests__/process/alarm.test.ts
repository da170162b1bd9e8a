import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { connect } from "../../src/index.js";
import { closeAll, keep } from "../support/peers.js";
import { DONE, run } from "./run.js";

afterEach(closeAll);

describe("reads time out all the same after", () => {
  test.each(["a setTimeout that does nothing, for a while", "a stream that throws when it is destroyed"])(
    "%s",
    async (name) => {
      expect(await run("alarm", { args: [name] })).toEqual(DONE);
    },
  );
});

test("a test framework that has replaced the global timers stops nothing", async () => {
  expect(await run("alarm", { args: ["global timers that do nothing, for good"] })).toEqual(DONE);
});

/** A thread that reads all that it is sent. */
const SINK = `
  const { createServer } = require("node:net");
  const server = createServer((socket) => socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1", () => require("node:worker_threads").parentPort.postMessage(server.address().port));
`;

test("a write to a peer that takes all the time does not fail because the program was busy", async () => {
  const worker = new Worker(SINK, { eval: true });
  try {
    const [port] = (await once(worker, "message")) as [number];
    const connection = keep(await connect("127.0.0.1", port, { writeTimeout: 2_000 }));
    const bytes = Buffer.alloc(64 * 1024 * 1024);
    const written = connection.write(bytes);
    for (const end = performance.now() + 2_500; performance.now() < end;);
    await written;
    expect(connection.bytesWritten).toBe(bytes.length);
  } finally {
    await worker.terminate();
  }
});
