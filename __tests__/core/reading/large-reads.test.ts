import { connect, listen } from "../../../src/index.js";
import { onread } from "../../../src/core/transport/stream-socket.js";

const TOTAL = 8 * 1024 * 1024;

test("reads that fill the shared memory, and are copied out, do not go to the same place in a page again", async () => {
  const listener = await listen(0, { host: "127.0.0.1" });
  const [sender, reader] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  const sent = sender.write(Buffer.alloc(TOTAL, "tcp6")).then(() => sender.closeWrite());
  const target = new Uint8Array(64 * 1024);
  const places = new Map<ArrayBufferLike, Set<number>>();
  let received = 0;
  for (let size = await reader.readInto(target); size !== null; size = await reader.readInto(target)) {
    received += size;
    const { buffer, byteOffset } = onread.buffer();
    places.set(buffer, (places.get(buffer) ?? new Set()).add(byteOffset));
  }
  expect(received).toBe(TOTAL);
  expect(places.size).toBe(1);
  for (const offsets of places.values()) expect(offsets.size).toBeGreaterThan(1);
  await Promise.all([sent, sender.close(), reader.close(), listener.close()]);
});
