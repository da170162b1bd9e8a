// Common faults of programs with sockets, one case each: `pains.ts <case>`. Each case provokes one, checks that it does not
// occur here, and leaves the process to end by itself. Unhandled rejections and 'error' events end it otherwise.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import {
  connect,
  delimited,
  framed,
  jsonLines,
  lengthPrefix,
  listen,
  NetError,
  NetTimeoutError,
  requests,
  varintPrefix,
  type Connection,
  type Listener,
  type LookupFunction,
} from "../../../src/index.js";
import { unusedPort } from "../../support/unused-port.js";

const HOST = "127.0.0.1";
const BIG = Buffer.alloc(16 * 1024 * 1024, "all or nothing, ");

async function listener(options = {}): Promise<Listener & { port: number }> {
  return await listen(0, { host: HOST, ...options });
}

async function pair(options = {}): Promise<[Connection, Connection]> {
  const one = await listener(options);
  const both = await Promise.all([connect(HOST, one.port, options), one.accept()]);
  await one.close();
  return both;
}

/** A client of Node's own, whose failures are ignored. */
async function client(port: number): Promise<Socket> {
  const socket = netConnect(port, HOST).on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve).once("close", resolve));
  return socket;
}

function pause(ms = 20): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(1);
}

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    () => assert.fail("resolved"),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  return error;
}

const never: LookupFunction = () => undefined;

const cases: Readonly<Record<string, () => Promise<void>>> = {
  async "a write that waits settles when the socket dies"() {
    const deaths: ((ours: Connection, theirs: Connection) => unknown)[] = [
      (_, theirs) => theirs.reset(),
      (ours) => ours.reset(),
      (ours) => ours.socket.destroy(),
      (ours) => ours.close({ timeout: 1 }).catch(() => undefined),
    ];
    for (const die of deaths) {
      const [ours, theirs] = await pair();
      const writing = failure(ours.write(BIG));
      const queued = failure(ours.write("behind it"));
      await pause();
      await die(ours, theirs);
      assert.equal((await writing).operation, "write");
      assert.equal((await queued).operation, "write");
      theirs.reset();
    }
  },

  async "a reset of an idle connection does not end the process"() {
    const [ours, theirs] = await pair();
    theirs.reset();
    await until(() => ours.socket.destroyed);
    assert.equal((await failure(ours.read())).code, "ECONNRESET");
    assert.equal((await failure(ours.closed)).code, "ECONNRESET");
  },

  async "a reset that no call observes does not end the process"() {
    const [ours, theirs] = await pair();
    theirs.reset();
    await until(() => ours.socket.destroyed);
  },

  async "a reset of a client that was not accepted yet does not end the process"() {
    const one = await listener();
    for (let i = 0; i < 10; i++) (await client(one.port)).resetAndDestroy();
    await until(() => one.pending === 10);
    await pause();
    (await one.accept()).reset();
    const accepted = await one.accept();
    await failure(accepted.read());
    await one.close();
  },

  async "failures of unawaited calls are no unhandled rejections"() {
    const [ours, theirs] = await pair();
    for (let i = 0; i < 10; i++) void ours.write(BIG);
    void ours.flush();
    void ours.closeWrite();
    await pause();
    theirs.reset();
    await until(() => ours.socket.destroyed);
    void ours.write("too late");
    void ours.writeLine("too late");
    void ours.flush();
    void ours.close();
    void ours.closed;
    await pause();
  },

  async "timeouts of unawaited writes are no unhandled rejections"() {
    const [ours, theirs] = await pair({ writeTimeout: 20 });
    void ours.write(BIG);
    void ours.write("behind", { timeout: 0 });
    void ours.write("behind", { signal: AbortSignal.timeout(10) });
    void ours.flush();
    await pause(60);
    ours.reset();
    theirs.reset();
  },

  async "a connect has a deadline, and leaves nothing behind when it times out"() {
    for (let i = 0; i < 20; i++) {
      const error = await failure(connect("never.test", 80, { lookup: never, timeout: 5 }));
      assert(error instanceof NetTimeoutError);
    }
  },

  async "a connection that completes too late is not leaked"() {
    const one = await listener();
    let answer: (() => void) | undefined;
    const lookup: LookupFunction = (_host, _options, callback) => {
      answer = () => callback(null, HOST, 4);
    };
    await failure(connect("late.test", one.port, { lookup, timeout: 5 }));
    answer?.();
    await pause();
    assert.equal(one.pending, 0);
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const connecting = connect(HOST, one.port, { signal: controller.signal });
      one.server.once("connection", () => controller.abort());
      await connecting.then(
        (connection) => connection.reset(),
        () => undefined,
      );
    }
    await one.close();
  },

  async "a signal covers its call and not the connection"() {
    const one = await listener();
    const controller = new AbortController();
    const { signal } = controller;
    const [ours, theirs] = await Promise.all([connect(HOST, one.port, { signal }), one.accept({ signal })]);
    controller.abort();
    await pause();
    await ours.writeLine("still here");
    assert.equal(await theirs.readLine(), "still here");
    await Promise.all([ours.close(), theirs.close(), one.close()]);
  },

  async "aborts of all waiting calls do not end the process"() {
    const one = await listener();
    const [ours, theirs] = await pair();
    const controller = new AbortController();
    const { signal } = controller;
    const reason = new Error("enough");
    const calls = [
      connect("never.test", 80, { lookup: never, signal }),
      one.accept({ signal }),
      one.accept({ signal, timeout: 10_000 }),
      ours.read({ signal }),
      ours.write(BIG, { signal }),
      ours.write("queued", { signal }),
      ours.flush({ signal }),
      listen(0, { host: HOST, signal }),
    ];
    const outcomes = Promise.allSettled(calls);
    controller.abort(reason);
    for (const outcome of await outcomes) {
      assert.equal(outcome.status, "rejected");
      assert.equal(outcome.reason, reason);
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
    ours.reset();
    theirs.reset();
    await one.close();
  },

  async "the error of a refused connection says where and why"() {
    const port = await unusedPort();
    const lookup: LookupFunction = (_host, _options, callback) =>
      callback(null, [
        { address: "::1", family: 6 },
        { address: HOST, family: 4 },
      ]);
    const { message } = await failure(connect("both.test", port, { lookup }));
    for (const part of [`both.test:${port}`, `[::1]:${port}`, `${HOST}:${port}`, "ECONNREFUSED"])
      assert(message.includes(part), message);
  },

  async "clients that no call accepts are bounded and counted"() {
    const one = await listener({ backlog: 5 });
    const clients = [];
    for (let i = 0; i < 50; i++) clients.push(await client(one.port));
    await until(() => one.pending + one.dropped === 50);
    assert.equal(one.pending, 5);
    assert.equal(one.dropped, 45);
    await one.close();
    for (const each of clients) each.destroy();
  },

  async "closing with unread input does not cut the reply short"() {
    const [ours, theirs] = await pair();
    await ours.write("a request that stays unread");
    await until(() => theirs.readableLength > 0);
    const writing = theirs.write(BIG);
    const closing = theirs.close();
    const reply = await ours.readAll();
    assert(reply.equals(BIG));
    await ours.close();
    await Promise.all([writing, closing]);
  },

  async "closing a listener does not wait for connections that are not read"() {
    const one = await listener();
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await client(one.port));
    for (const each of clients) each.write("never read");
    const accepted = [await one.accept(), await one.accept()];
    await one.close();
    for (const connection of accepted) connection.reset();
    for (const each of clients) each.destroy();
  },

  async "closing a listener ends its loops, fails its calls and frees its port"() {
    const port = await unusedPort();
    const one = await listen(port, { host: HOST });
    const looping = (async () => {
      for await (const connection of one) connection.reset();
    })();
    const accepting = failure(one.accept());
    await one.close();
    await looping;
    assert.equal((await accepting).code, "ERR_CLOSED");
    for (let i = 0; i < 20; i++) await (await listen(port, { host: HOST })).close();
  },

  async "a read that times out loses nothing"() {
    const [ours, theirs] = await pair();
    for (let i = 0; i < 20; i++) {
      await theirs.write("half of ");
      assert((await failure(ours.readLine({ timeout: i % 3 }))) instanceof NetTimeoutError);
      await theirs.writeLine("a line");
      assert.equal(await ours.readLine(), "half of a line");
    }
    await Promise.all([ours.close(), theirs.close()]);
  },

  async "a signal of many operations keeps no listener"() {
    const one = await listener();
    const [ours, theirs] = await pair();
    const { signal } = new AbortController();
    for (let i = 0; i < 2_000; i++) {
      await theirs.write("x", { signal });
      assert.equal(String(await ours.read({ signal, timeout: 10_000 })), "x");
    }
    for (let i = 0; i < 50; i++) {
      await failure(ours.read({ signal, timeout: 1 }));
      await failure(one.accept({ signal, timeout: 1 }));
      await failure(one.accept({ timeout: 1 }));
      await failure(connect("never.test", 80, { lookup: never, signal, timeout: 1 }));
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
    await Promise.all([ours.close(), theirs.close(), one.close()]);
  },

  async "a half-closed connection goes on in the other direction"() {
    const [ours, theirs] = await pair();
    await ours.writeLine("question");
    await ours.closeWrite();
    assert.equal(String(await theirs.readAll()), "question\n");
    await pause();
    await theirs.writeLine("answer");
    await theirs.closeWrite();
    assert.equal(await ours.readLine(), "answer");
    assert.equal(await ours.readLine(), null);
    await Promise.all([ours.closed, theirs.closed]);
  },

  async "a failed write says whether it may be sent again"() {
    const [ours, theirs] = await pair();
    const first = failure(ours.write(BIG));
    const second = failure(ours.write("second"));
    await pause();
    theirs.reset();
    assert.equal((await first).written, "partly");
    assert.equal((await second).written, "nothing");
  },

  async "a write is everything or a rejection"() {
    const [ours, theirs] = await pair();
    const [received] = await Promise.all([
      theirs.readAll({ limit: Infinity }),
      ours.write([BIG, BIG, "the end"]),
      ours.closeWrite(),
    ]);
    assert(received.equals(Buffer.concat([BIG, BIG, Buffer.from("the end")])));
    await Promise.all([ours.close(), theirs.close()]);
  },

  async "the caller is in the stack"() {
    async function whoAwaits(): Promise<unknown> {
      return await connect("never.test", 80, { lookup: never, timeout: 1 });
    }
    const { stack } = await failure(whoAwaits());
    assert(stack?.includes("whoAwaits"), stack);
  },

  async "an address is known when its owner has left"() {
    const one = await listen(0);
    const theirs = await client(one.port);
    const { localPort } = theirs;
    theirs.end();
    await until(() => one.pending === 1);
    await pause();
    const ours = await one.accept();
    assert.equal(await ours.read(), null);
    await ours.close();
    assert.equal(ours.remoteAddress, HOST);
    assert.equal(ours.remotePort, localPort);
    await one.close();
  },

  async "localhost is reached whichever of its addresses is listened on"() {
    const shapes: LookupFunction[] = [
      (_host, _options, callback) => callback(null, HOST, 4),
      (_host, _options, callback) =>
        callback(null, [
          { address: "::1", family: 6 },
          { address: HOST, family: 4 },
        ]),
    ];
    for (const host of [HOST, "::1"]) {
      const one = await listen(0, { host });
      const port = one.port;
      (await connect("localhost", port, { lookup: shapes[1] })).reset();
      if (host === HOST) (await connect("localhost", port, { lookup: shapes[0] })).reset();
      await one.close();
    }
  },

  async "a peer that says nothing is noticed"() {
    const [ours, theirs] = await pair({ readTimeout: 20, writeTimeout: 20, keepAlive: true });
    assert((await failure(ours.read())) instanceof NetTimeoutError);
    assert((await failure(theirs.write(BIG))) instanceof NetTimeoutError);
    ours.reset();
    theirs.reset();
  },

  async "a request that timed out does not hand its reply to the next caller"() {
    const [ours, theirs] = await pair();
    const client = requests(framed(ours, jsonLines<string>()));
    const server = framed(theirs, jsonLines<string>());
    const late = await failure(client.request("late", { timeout: 1 }));
    assert(late instanceof NetTimeoutError);
    assert.equal(late.written, "partly");
    const next = client.request("next");
    for (const asked of ["late", "next"]) {
      assert.equal(await server.receive(), asked);
      await server.send(`the reply to ${asked}`);
    }
    assert.equal(await next, "the reply to next");
    await Promise.all([client.close(), theirs.close()]);
  },

  async "frames of any shape are whole, however they arrive"() {
    const shapes = [
      [lengthPrefix({ littleEndian: true }), "hello", "05000000"], // Source RCON
      [lengthPrefix({ bytes: 3, littleEndian: true, adjustment: 1 }), "\0hello", "050000"], // MySQL
      [lengthPrefix({ adjustment: -4 }), "hello", "00000009"], // PostgreSQL's first message
      [varintPrefix(), "x".repeat(300), "ac02"], // Minecraft
      [delimited("\x1c\r"), "\x0bMSH|", ""], // HL7 over MLLP
    ] as const;
    for (const [codec, text, prefix] of shapes) {
      const [ours, theirs] = await pair();
      await framed(theirs, codec).send(text);
      const sent = await ours.peek(Buffer.byteLength(text) + prefix.length / 2);
      assert.equal(sent.toString("hex"), prefix + Buffer.from(text).toString("hex"));
      const messages = framed(ours, codec);
      assert.equal(String(await messages.receive()), text);
      const second = messages.receive();
      const rest = prefix === "" ? Buffer.from("\x1c\r") : Buffer.alloc(0);
      for (const byte of Buffer.concat([sent, rest])) {
        await theirs.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      assert.equal(String(await second), text);
      await Promise.all([ours.close(), theirs.close()]);
    }
  },

  async "a line may end with CR, and a bare LF is no line where CRLF is asked for"() {
    const [ours, theirs] = await pair();
    await theirs.write("4006381333931\r");
    assert.equal(await ours.readLine({ terminator: "cr" }), "4006381333931");
    await theirs.write("The mail\n.\nMAIL FROM:<smuggled>\r\n");
    assert.equal((await failure(ours.readLine({ terminator: "crlf" }))).code, "ERR_INVALID_LINE");
    assert.equal(await ours.readLine(), "The mail");
    await Promise.all([ours.close(), theirs.close()]);
  },

  async "the prompt that comes first is told"() {
    const [ours, theirs] = await pair();
    const prompts = ["login: ", "Password: "] as const;
    for (const prompt of ["Password: ", "login: "]) {
      const asked = ours.readUntilAny(prompts);
      for (const part of ["Wel", "come! ", prompt.slice(0, 3), prompt.slice(3)]) await theirs.write(part);
      const { bytes, delimiter } = (await asked) ?? assert.fail("the stream has ended");
      assert.deepEqual([String(bytes), delimiter], ["Welcome! ", prompt]);
    }
    await Promise.all([ours.close(), theirs.close()]);
  },

  async "two protocols share one port, and neither misses a byte"() {
    const one = await listener();
    for (const hello of ["\x16\x03\x01 a handshake", "GET / HTTP/1.1"]) {
      const theirs = await connect(HOST, one.port);
      const ours = await one.accept();
      const looking = ours.peek(3);
      for (const byte of hello) await theirs.write(byte);
      assert.equal((await looking).toString(), hello.slice(0, 3));
      const head = await ours.readExactly(5);
      ours.unread(head);
      assert.equal((await ours.readExactly(hello.length)).toString(), hello);
      await Promise.all([ours.close(), theirs.close()]);
    }
    await one.close();
  },
};

const [, , name] = process.argv;
if (name === undefined) {
  console.log(JSON.stringify(Object.keys(cases)));
} else {
  const run = cases[name];
  assert(run, `no such case: ${name}`);
  await run();
  console.log("done");
}
