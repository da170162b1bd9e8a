import { Duplex, duplexPair } from "node:stream";
import { Connection } from "../../src/index.js";

/** What Node's types do not have without those of browsers. */
interface Wasm {
  Memory: new (options: { initial: number }) => { buffer: ArrayBuffer };
}

function wasmMemory(): Buffer {
  const { Memory } = (globalThis as unknown as { WebAssembly: Wasm }).WebAssembly;
  return Buffer.from(new Memory({ initial: 1 }).buffer);
}

/** Bytes that a producer keeps, and whether a stream has transferred their memory. */
const kept: readonly (readonly [name: string, make: () => Buffer])[] = [
  ["a buffer with memory of its own", () => Buffer.alloc(10_000, 1)],
  ["memory that is shared with workers", () => Buffer.from(new SharedArrayBuffer(10_000)).fill(1)],
  ["memory of WebAssembly", () => wasmMemory().fill(1)],
];

describe.each(kept)("readable of an adopted stream that yields %s", (_, make) => {
  test.each(["default", "byob"])("leaves it as it is, for a %s reader", async (mode) => {
    const bytes = make();
    const { length } = bytes;
    const [near, far] = duplexPair();
    const connection = Connection.from(far);
    for (let rounds = 0; rounds < 2; rounds++) {
      near.write(bytes);
      const reader = connection.readable;
      let left = length;
      while (left > 0) {
        if (mode === "byob") {
          const byob = reader.getReader({ mode: "byob" });
          const { value } = await byob.read(new Uint8Array(length));
          byob.releaseLock();
          left -= value?.length ?? 0;
        } else {
          const plain = reader.getReader();
          const { value } = await plain.read();
          plain.releaseLock();
          left -= value?.length ?? 0;
        }
      }
      expect(bytes).toHaveLength(length);
      expect(bytes[length - 1]).toBe(1);
    }
    connection.reset();
    near.destroy();
  });
});

test("a chunk that an adopted stream gives to others, too, is not taken away from them", async () => {
  const chunk = Buffer.alloc(5_000, 1);
  const seen: Buffer[] = [];
  const stream = new Duplex({
    read() {
      seen.push(chunk);
      this.push(chunk);
    },
    write: (_chunk, _encoding, done) => done(),
  });
  const connection = Connection.from(stream);
  const reader = connection.readable.getReader();
  expect((await reader.read()).value).toHaveLength(5_000);
  expect(seen[0]).toHaveLength(5_000);
  connection.reset();
});

test.each(["EPIPE", "ETIMEDOUT"])(
  "what had come before a write failed with the platform's %s can be read",
  async (code) => {
    const stream = new Duplex({
      read: () => undefined,
      write(_bytes, _encoding, callback) {
        this.push("the last words");
        callback(Object.assign(new Error("no more is sent"), { code, syscall: "write" }));
      },
    });
    const { readable, writable } = Connection.from(stream);
    await expect(writable.getWriter().write("?")).rejects.toMatchObject({ code });
    const reader = readable.getReader();
    expect(String(Buffer.from((await reader.read()).value ?? []))).toBe("the last words");
    await expect(reader.read()).rejects.toMatchObject({ code });
  },
);
