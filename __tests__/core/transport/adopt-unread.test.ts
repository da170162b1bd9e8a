import { once } from "node:events";
import { Socket, type SocketConstructorOpts } from "node:net";
import { Connection } from "../../../src/index.js";
import { closeAll, keep } from "../../support/peers.js";
import { until } from "../../support/outcomes.js";
import { socketPair } from "../../support/adopted-pairs.js";

afterEach(closeAll);

/** A sender, which may be reset in the end, and the socket that receives from it. */
async function senderAndSocket(): Promise<[Socket, Socket]> {
  const [left, right] = await socketPair();
  left.setNoDelay().on("error", () => undefined);
  return [left, right];
}

/** The same, with these chunks unread. */
async function withUnread(...chunks: string[]): Promise<[Socket, Socket]> {
  const [left, right] = await senderAndSocket();
  for (const chunk of chunks) {
    const had = right.readableLength;
    left.write(chunk);
    await until(() => right.readableLength === had + chunk.length);
  }
  return [left, right];
}

/** Time enough for an end to arrive, which does not show while bytes are unread. */
function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** Adopts a socket, and reads from it to its end. */
async function readAll(socket: Socket): Promise<string> {
  return String(await keep(Connection.from(socket)).readAll({ timeout: 2_000 }));
}

describe("all that a socket has unread when it is adopted is read, in order", () => {
  test("several chunks", async () => {
    const [left, right] = await withUnread("one,", "two,", "three,");
    left.end("four");
    expect(await readAll(right)).toBe("one,two,three,four");
  });

  test("several chunks and the end", async () => {
    const [left, right] = await withUnread("one,", "two");
    left.end();
    await aWhile();
    expect(await readAll(right)).toBe("one,two");
  });

  test.each([
    ["several chunks", false],
    ["several chunks and the end", true],
  ])("%s of a socket that is about to flow", async (_name, ended) => {
    const [left, right] = await withUnread("one,", "two,", "three");
    if (ended) left.end();
    await aWhile();
    right.resume();
    const reading = readAll(right);
    if (!ended) left.end();
    expect(await reading).toBe("one,two,three");
  });

  test("chunks that the program has read and put back", async () => {
    const [left, right] = await withUnread("one,", "two,");
    left.end("three");
    const reading = new Promise<string>((resolve, reject) => {
      right.once("data", (chunk: Buffer) => {
        right.unshift(chunk);
        readAll(right).then(resolve, reject);
      });
    });
    expect(await reading).toBe("one,two,three");
  });

  test("the beginning of a character, of a socket with an encoding", async () => {
    const [left, right] = await senderAndSocket();
    right.setEncoding("utf8");
    const [first, second] = [Buffer.from("one €").subarray(0, 5), Buffer.from("one €, two").subarray(5)];
    left.write(first);
    await until(() => right.readableLength === 4);
    left.end(second);
    expect(await readAll(right)).toBe("one €, two");
  });

  test("the socket is handed over again as it was, with the beginning of a character", async () => {
    const [left, right] = await senderAndSocket();
    right.setEncoding("utf8");
    left.write(Buffer.from("€").subarray(0, 2));
    await until(() => right.bytesRead === 2);
    const socket = Connection.from(right).detach();
    left.end(Buffer.from("€").subarray(2));
    let text = "";
    socket.on("data", (chunk: string) => (text += chunk));
    await once(socket, "end");
    expect(text).toBe("€");
    socket.destroy();
  });
});

test("a socket that was made with onread cannot be adopted", () => {
  for (const buffer of [Buffer.alloc(10), () => Buffer.alloc(10)]) {
    const socket = new Socket({ onread: { buffer, callback: () => true } } as SocketConstructorOpts);
    expect(() => Connection.from(socket)).toThrow(TypeError);
    expect(() => Connection.from(socket)).toThrow(/"stream" must be one .*onread/);
  }
});
