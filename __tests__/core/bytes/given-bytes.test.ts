/** Memory that is resized. `process/transferred-memory.test.ts` has memory that is transferred. */
import { givenBytes } from "../../../src/core/bytes/given-bytes.js";
import { pair, closeAll } from "../../support/peers.js";
import { failure } from "../../support/outcomes.js";

afterEach(closeAll);

function resizable(size: number): ArrayBuffer & { resize(size: number): void } {
  return Reflect.construct(ArrayBuffer, [size, { maxByteLength: 64 }]) as ReturnType<typeof resizable>;
}

test("a view whose memory has become too short is refused, and not sent as no bytes", async () => {
  const { client, server } = await pair();
  const buffer = resizable(8);
  const views = [new Uint8Array(buffer, 4, 4), new Uint16Array(buffer, 4, 2), new DataView(buffer, 4, 4)];
  buffer.resize(2);
  for (const view of views) {
    for (const data of [view, ["<", view, ">"]]) {
      expect(await failure(client.write(data))).toMatchObject({ code: "ERR_INVALID_ARG_VALUE" });
    }
    expect(() => client.duplex.write(view)).toThrow(TypeError);
  }
  await client.write(new Uint8Array(buffer));
  expect((await server.read())?.length).toBe(2);
});

test("a write whose memory is resized before it is sent fails; other writes do not", async () => {
  const { client, server } = await pair();
  const large = Buffer.alloc(32 * 1024 * 1024);
  const [shrunk, grown, same] = [resizable(8), resizable(8), resizable(8)];
  void client.write(large);
  const writes = [shrunk, grown].flatMap((buffer) => [
    client.write(new Uint8Array(buffer)),
    client.write(["<", new Uint8Array(buffer), ">"]),
  ]);
  const last = client.write(new Uint8Array(same));
  shrunk.resize(4);
  grown.resize(12);
  const reading = server.readExactly(large.length + 8);
  for (const write of writes) expect(await failure(write)).toBeInstanceOf(TypeError);
  await last;
  await reading;
});

test("values that are no memory are told apart from empty memory", () => {
  expect(givenBytes(new ArrayBuffer(0), "data")).toEqual(new Uint8Array(0));
  expect(givenBytes(new DataView(new ArrayBuffer(4), 4), "data")).toEqual(new Uint8Array(0));
  for (const value of ["text", 5, null, undefined, {}, [], new Proxy(new ArrayBuffer(8), {})]) {
    expect(givenBytes(value, "data")).toBeUndefined();
  }
});
