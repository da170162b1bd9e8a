/** Whether writes that are sent together reach what is beneath in one call. */
import { Duplex } from "node:stream";
import { Connection } from "../../src/index.js";
import { netError, turn } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";
import { socketPair } from "../support/adopted-pairs.js";

afterEach(closeAll);

/** A connection over a stream that notes what each call has written. */
function noted(fail?: Error): { connection: Connection; calls: string[] } {
  const calls: string[] = [];
  const stream = new Duplex({
    read: () => undefined,
    writev: (chunks, done) => {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join(""));
      setImmediate(done, fail);
    },
  });
  return { connection: keep(Connection.from(stream, { autoCork: true })), calls };
}

test("a socket of the kernel's is given the writes of one turn by one writev", async () => {
  const [stream, peer] = await socketPair();
  const connection = keep(Connection.from(stream, { autoCork: true }));
  keep(Connection.from(peer));
  const handle = (stream as unknown as { _handle: Record<string, (...given: unknown[]) => unknown> })._handle;
  const calls: string[] = [];
  for (const name of ["writev", "writeBuffer", "writeUtf8String", "writeLatin1String"]) {
    const own = handle[name]?.bind(handle);
    handle[name] = (...given) => {
      calls.push(name);
      return own?.(...given);
    };
  }
  await Promise.all([
    connection.write("one"),
    connection.write(Buffer.from("two")),
    connection.write(["3", "4"]),
  ]);
  expect(calls).toEqual(["writev"]);
  await connection.write("alone");
  expect(calls).toHaveLength(2);
});

test("a stream is given them together, and what is written meanwhile goes out together behind them", async () => {
  const { connection, calls } = noted();
  const first = ["1", "2", "3"].map((text) => connection.write(text));
  await turn();
  const then = ["4", "5"].map((text) => connection.write(text));
  await Promise.all([...first, ...then]);
  expect(calls).toEqual(["123", "45"]);
});

test("async functions that go on in the same turn write together", async () => {
  const { connection, calls } = noted();
  const gate = Promise.resolve();
  const writer = async (text: string, steps: number) => {
    for (let n = 0; n < steps; n++) await gate;
    await connection.write(text);
  };
  await Promise.all([writer("3", 3), writer("1", 1), writer("2", 2)]);
  expect(calls).toEqual(["123"]);
});

test("when the stream fails, each call that it was given fails, and what follows", async () => {
  const { connection } = noted(new Error("broken"));
  const calls = [connection.write("1"), connection.write("2")];
  await turn();
  calls.push(connection.write("3"));
  for (const call of calls) expect((await netError(call)).message).toContain("broken");
});
