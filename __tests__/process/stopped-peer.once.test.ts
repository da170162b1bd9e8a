import { createHash, randomBytes } from "node:crypto";
import { connect, NetTimeoutError, type Connection, type ConnectOptions } from "../../src/index.js";
import { bundle } from "../support/bundle.js";
import { timeoutError } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { ANY_TLS } from "../support/tls-pairs.js";
import { describeWherePossible } from "../support/where-possible.js";

const whyNot = process.platform === "linux" ? undefined : "it needs /proc to see that a process is stopped";
const SERVER = new URL("programs/stoppable.ts", import.meta.url);
const timeout = 50;
/** More than the buffers of the kernel hold. */
const BYTES = Buffer.alloc(32 * 1024 * 1024, randomBytes(1_000_003));

let peer: Program;
let port: number;
let securePort: number;

beforeEach(async () => {
  peer = new Program(process.execPath, ["--unhandled-rejections=strict", bundle(SERVER)], {
    NODE_OPTIONS: "",
  });
  [, port, securePort] = [...(await peer.says(/ports (\d+) (\d+)/))].map(Number) as [number, number, number];
});
afterEach(closeAll);
afterEach(endPrograms);

async function ordered(order: string, options: ConnectOptions = {}): Promise<Connection> {
  const connection = keep(await connect("127.0.0.1", port, options));
  await connection.writeLine(order);
  return connection;
}

function sha256(...parts: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

describeWherePossible("a peer that is stopped past a deadline", whyNot, () => {
  test("reads time out; when it goes on, each reply comes once, in order, also to a client of the meantime", async () => {
    const before = await ordered("echo");
    await before.writeLine("one");
    expect(await before.readLine()).toBe("one");
    await peer.stop();
    // Its kernel takes the client.
    const meanwhile = await ordered("echo");
    for (const client of [before, meanwhile]) {
      await client.writeLine("two");
      expect(await timeoutError(client.readLine({ timeout }))).toMatchObject({ operation: "read", timeout });
      await client.writeLine("three");
      expect(client.readableLength).toBe(0);
    }
    peer.kill("SIGCONT");
    for (const client of [before, meanwhile]) {
      expect([await client.readLine(), await client.readLine()]).toEqual(["two", "three"]);
    }
  });

  test("a write times out, and is not repeated or lost: when the peer goes on it takes all, once, in order", async () => {
    const sender = await ordered("one", { writeTimeout: timeout });
    await peer.stop();
    expect(await timeoutError(sender.write(BYTES))).toMatchObject({ operation: "write", written: "partly" });
    const never = await timeoutError(sender.write("it leaves the queue"));
    expect(never).toMatchObject({ operation: "write", written: "nothing" });
    const [last, end] = [
      sender.write("last", { timeout: Infinity }),
      sender.closeWrite({ timeout: Infinity }),
    ];
    peer.kill("SIGCONT");
    await Promise.all([last, end]);
    const [, count, hash] = await peer.says(/one took (\d+) (\w+)\./);
    expect([Number(count), hash]).toEqual([BYTES.length + 4, sha256(BYTES, Buffer.from("last"))]);
    expect(await sender.read()).toBe(null);
  });

  test("close waits no longer than lingerTimeout, and what was sent arrives whole; a close that is cut off does not look whole", async () => {
    const whole = await ordered("whole", { lingerTimeout: timeout });
    const cutOff = await ordered("part");
    await peer.stop();
    await whole.write("to be read later");
    await whole.close();
    await timeoutError(cutOff.write(BYTES, { timeout }));
    expect(await timeoutError(cutOff.close({ timeout }))).toMatchObject({ operation: "close", timeout });
    await cutOff.closed;
    peer.kill("SIGCONT");
    const [, hash] = await peer.says(/whole took 16 (\w+)\./);
    expect(hash).toBe(sha256(Buffer.from("to be read later")));
    await peer.says(/part was cut off: ECONNRESET\./);
  });

  test("handshakes of TLS time out and leave no socket; the peer, when it goes on, serves the next client", async () => {
    const tls = ANY_TLS.client;
    const plain = await ordered("startTls");
    await peer.stop();
    const connecting = await timeoutError(connect("127.0.0.1", securePort, { tls, timeout }));
    expect(connecting).toMatchObject({ operation: "connect", timeout });
    const starting = await timeoutError(plain.startTls({ ...tls, timeout }));
    expect(starting).toMatchObject({ operation: "tls", timeout });
    expect(starting).toBeInstanceOf(NetTimeoutError);
    await plain.closed;
    peer.kill("SIGCONT");
    const next = keep(await connect("127.0.0.1", securePort, { tls }));
    await next.writeLine("echo");
    await next.writeLine("hello");
    expect(await next.readLine()).toBe("hello");
    peer.feed("");
    await peer.says(/refused \{.*"handshake":1/);
  });
});
