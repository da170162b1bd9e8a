import { jest } from "@jest/globals";
import { Duplex } from "node:stream";
import { inspect } from "node:util";
import { Connection, delimited, framed, jsonLines, lengthPrefixed, requests } from "../../src/index.js";
import type { Messages, OperationOptions } from "../../src/index.js";
import { memoryPair } from "../../src/testing/index.js";
import { onManualClock } from "../../src/testing/manual-clock.js";
import { failure, isPending, netError, timeoutError, turn, until } from "../support/outcomes.js";
import { listenersOf } from "../support/resources.js";
import { BY_ID, messagePair, next, wrapped, type Message } from "../support/requests/peer.js";

let open: Connection[] = [];

afterEach(() => {
  for (const connection of open) connection.reset();
  open = [];
});

function pair(...options: Parameters<typeof messagePair>): [Messages<Message>, Messages<Message>] {
  const [client, peer] = messagePair(...options);
  open.push(client.connection, peer.connection);
  return [client, peer];
}

function texts(messages: readonly Message[]): string[] {
  return messages.map(({ text }) => text);
}

describe("requests", () => {
  test("hands replies out in the order of the requests", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const replies = ["a", "b", "c"].map((text) => shared.request({ text }));
    expect(shared.pending).toBe(3);
    for (const text of ["a", "b", "c"]) {
      expect(await next(peer)).toEqual({ text });
      await peer.send({ text: text.toUpperCase() });
    }
    expect(texts(await Promise.all(replies))).toEqual(["A", "B", "C"]);
    expect(shared.pending).toBe(0);
  });

  test("hands replies out by their keys, in whatever order they come", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { match: BY_ID });
    const replies = [1, 2, 3].map((id) => shared.request({ text: "?", id }));
    for (const id of [3, 1, 2]) await peer.send({ text: `reply ${String(id)}`, id });
    expect(texts(await Promise.all(replies))).toEqual(["reply 1", "reply 2", "reply 3"]);
  });

  test("requests with the same key are answered in their order", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { match: BY_ID });
    const replies = [1, 2, 1].map((id, i) => shared.request({ text: String(i), id }));
    for (const [text, id] of [
      ["first of 1", 1],
      ["second of 1", 1],
      ["of 2", 2],
    ] as const)
      await peer.send({ text, id });
    expect(texts(await Promise.all(replies))).toEqual(["first of 1", "of 2", "second of 1"]);
  });

  // What ruby-kafka, ZeroMQ's guide, mojito and armeria had reported to them.
  test("a request that timed out does not hand its reply to the next caller", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const first = await timeoutError(shared.request({ text: "first" }, { timeout: 10 }));
    expect(first).toMatchObject({ operation: "request", timeout: 10, written: "partly" });
    const second = shared.request({ text: "second" });
    await peer.send({ text: "reply to the first" });
    await peer.send({ text: "reply to the second" });
    expect(await second).toEqual({ text: "reply to the second" });
  });

  test("a request that was aborted does not hand its reply to the next one with the same key", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { match: BY_ID });
    const controller = new AbortController();
    const first = shared.request({ text: "first", id: 7 }, { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await failure(first)).toBe(reason);
    const second = shared.request({ text: "second", id: 7 });
    await peer.send({ text: "reply to the first", id: 7 });
    await peer.send({ text: "reply to the second", id: 7 });
    expect(await second).toEqual({ text: "reply to the second", id: 7 });
  });

  test("an abort rejects at once, and leaves nothing on the signal", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const controller = new AbortController();
    const { signal } = controller;
    const calls = [1, 2, 3].map((i) => failure(shared.request({ text: String(i) }, { signal })));
    expect(listenersOf(signal)).toBe(1);
    await turn();
    controller.abort();
    for (const error of await Promise.all(calls)) expect(error).toBe(signal.reason);
    expect(listenersOf(signal)).toBe(0);
    expect(shared.pending).toBe(0);
    expect(await failure(shared.request({ text: "late" }, { signal }))).toBe(signal.reason);
    for (const text of ["1", "2", "3"]) await peer.send({ text });
    const reply = shared.request({ text: "4" });
    for (const text of ["1", "2", "3", "4"]) expect((await next(peer)).text).toBe(text);
    await peer.send({ text: "the fourth" });
    expect(await reply).toEqual({ text: "the fourth" });
  });

  test("of requests made in one tick the first is sent at once, the others at its end unless they were given up", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const controller = new AbortController();
    const { signal } = controller;
    const first = failure(shared.request({ text: "1" }, { signal }));
    const second = shared.request({ text: "2" });
    const third = failure(shared.request({ text: "3" }, { signal }));
    const fourth = netError(shared.request({ text: "4" }));
    controller.abort();
    expect([await first, await third]).toEqual([signal.reason, signal.reason]);
    for (const text of ["1", "2", "4"]) expect((await next(peer)).text).toBe(text);
    for (const text of ["1", "2"]) await peer.send({ text: `reply to ${text}` });
    expect(await second).toEqual({ text: "reply to 2" });
    peer.connection.reset();
    expect(await fourth).toMatchObject({ code: "ECONNRESET", written: "partly" });
  });

  test("requests come before whatever is written after them, and before the end", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const replies = ["1", "2", "3"].map((text) => shared.request({ text }));
    void client.send({ text: "written directly" });
    replies.push(shared.request({ text: "4" }));
    void client.connection.closeWrite();
    for (const text of ["1", "2", "3", "written directly", "4"]) expect((await next(peer)).text).toBe(text);
    expect(await peer.receive()).toBeNull();
    for (const text of ["1", "2", "3", "4"]) await peer.send({ text });
    expect(texts(await Promise.all(replies))).toEqual(["1", "2", "3", "4"]);
  });

  test("a message that cannot be encoded is refused by itself", async () => {
    const [a, b] = memoryPair();
    const shared = requests(framed<string>(a, jsonLines<string>(), { limit: 20 }));
    const peer = framed<string>(b, jsonLines<string>());
    const circular: unknown[] = [];
    circular.push(circular);
    const calls = ["first", circular as unknown as string, "x".repeat(30), "last"].map((message) =>
      shared.request(message),
    );
    const outcomes = Promise.allSettled(calls);
    for (const text of ["first", "last"]) {
      expect(await peer.receive()).toBe(text);
      await peer.send(text);
    }
    expect(await outcomes).toMatchObject([
      { value: "first" },
      { reason: expect.any(TypeError) as unknown },
      { reason: { code: "ERR_LIMIT", written: "nothing" } },
      { value: "last" },
    ]);
    await Promise.all([shared.close(), b.close()]);
  });

  test("a reply may be null", async () => {
    const [a, b] = memoryPair();
    const shared = requests(framed(a, jsonLines()));
    const replies = [shared.request("a"), shared.request("b")];
    await b.write("null\n1\n");
    expect(await Promise.all(replies)).toEqual([null, 1]);
  });

  test("messages may be those of lengthPrefixed, or any object's that has receive and send", async () => {
    for (const make of [lengthPrefixed, (connection: Connection) => wrapped(lengthPrefixed(connection))]) {
      const [a, b] = memoryPair();
      const shared = requests(make(a));
      const replies = Promise.all([shared.request("one"), shared.request(["t", Buffer.from("wo")])]);
      const peer = lengthPrefixed(b);
      for (let i = 0; i < 2; i++) await peer.send((await peer.receive()) ?? "the end");
      expect((await replies).map(String)).toEqual(["one", "two"]);
      await Promise.all([shared.close(), b.close()]);
    }
  });

  test.each(["receive", "send"] as const)(
    "a %s that the program has put into the place of its messages' own is called",
    async (name) => {
      const [a, b] = memoryPair();
      const messages = lengthPrefixed(a);
      const called = jest.spyOn(messages, name);
      const shared = requests(messages);
      const replies = Promise.all([shared.request("one"), shared.request("two")]);
      const peer = lengthPrefixed(b);
      for (let i = 0; i < 2; i++) await peer.send((await peer.receive()) ?? "the end");
      expect((await replies).map(String)).toEqual(["one", "two"]);
      expect(called.mock.calls.length).toBeGreaterThanOrEqual(2);
      await Promise.all([shared.close(), b.close()]);
    },
  );

  test("a signal is left alone once the reply has come", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const { signal } = new AbortController();
    const reply = shared.request({ text: "?" }, { signal, timeout: 60_000 });
    expect(listenersOf(signal)).toBe(1);
    await peer.send({ text: "!" });
    await reply;
    expect(listenersOf(signal)).toBe(0);
  });

  test("a signal of AbortSignal.timeout() is a timeout", async () => {
    const [client] = pair();
    const error = await timeoutError(
      requests(client).request({ text: "?" }, { signal: AbortSignal.timeout(5) }),
    );
    expect(error.written).toBe("partly");
  });

  test("a timeout of 0 sends nothing", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const error = await timeoutError(shared.request({ text: "never" }, { timeout: 0 }));
    expect(error).toMatchObject({ operation: "request", timeout: 0, written: "nothing" });
    void shared.request({ text: "next" }).catch(() => undefined);
    expect((await next(peer)).text).toBe("next");
  });
});

describe("concurrency", () => {
  test("of 1: the next request is sent when the last one is answered", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const replies = ["a", "b", "c"].map((text) => shared.request({ text }));
    for (const text of ["a", "b", "c"]) {
      expect((await next(peer)).text).toBe(text);
      await turn();
      expect(peer.connection.readableLength).toBe(0);
      await peer.send({ text });
    }
    expect(texts(await Promise.all(replies))).toEqual(["a", "b", "c"]);
  });

  test("a request that was given up while it waited is never sent", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const first = shared.request({ text: "first" });
    const error = await timeoutError(shared.request({ text: "never" }, { timeout: 5 }));
    expect(error.written).toBe("nothing");
    const third = shared.request({ text: "third" });
    for (const text of ["first", "third"]) {
      expect((await next(peer)).text).toBe(text);
      await peer.send({ text });
    }
    expect(texts(await Promise.all([first, third]))).toEqual(["first", "third"]);
  });

  test("a request that was given up counts until its reply has come", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    await timeoutError(shared.request({ text: "first" }, { timeout: 5 }));
    const second = shared.request({ text: "second" });
    expect((await next(peer)).text).toBe("first");
    await turn();
    expect(peer.connection.readableLength).toBe(0);
    await peer.send({ text: "late" });
    expect((await next(peer)).text).toBe("second");
    await peer.send({ text: "in time" });
    expect(await second).toEqual({ text: "in time" });
  });

  test("more requests than the queue holds are refused at once", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1, queue: 2 });
    const replies = ["a", "b", "c"].map((text) => shared.request({ text }));
    const error = await netError(shared.request({ text: "d" }));
    expect(error).toMatchObject({ code: "ERR_BUSY", operation: "request", written: "nothing" });
    expect(error.message).toContain("2 requests wait to be sent");
    for (const text of ["a", "b", "c"]) {
      expect((await next(peer)).text).toBe(text);
      await peer.send({ text });
    }
    await Promise.all(replies);
  });

  test("a queue of 0 refuses what cannot be sent now", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 2, queue: 0 });
    const replies = ["a", "b"].map((text) => shared.request({ text }));
    expect(await netError(shared.request({ text: "c" }))).toMatchObject({ code: "ERR_BUSY" });
    for (const text of ["a", "b"]) await peer.send({ text });
    expect(texts(await Promise.all(replies))).toEqual(["a", "b"]);
  });

  test("any number of requests made in one turn is sent, if the peer takes them", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const count = 2_000;
    const replies = Array.from({ length: count }, (_, i) => shared.request({ text: String(i) }));
    void (async () => {
      for await (const message of peer) await peer.send(message);
    })().catch(() => undefined);
    expect(texts(await Promise.all(replies))).toEqual(Array.from({ length: count }, (_, i) => String(i)));
  });
});

describe("a reply that does not come", () => {
  test("fails the connection after its readTimeout, and every request with it", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      const shared = requests(client, { concurrency: 2 });
      const errors = ["a", "b", "c"].map((text) => netError(shared.request({ text })));
      const closed = netError(shared.closed);
      await clock.advance(999);
      expect(shared.pending).toBe(3);
      await clock.advance(1);
      const failures = await Promise.all(errors);
      for (const error of failures)
        expect(error).toMatchObject({ code: "ETIMEDOUT", operation: "read", timeout: 1_000 });
      expect(failures.map(({ written }) => written)).toEqual(["partly", "partly", "nothing"]);
      expect(new Set(failures).size).toBe(3);
      expect(await closed).toMatchObject({ code: "ETIMEDOUT" });
      expect(await netError(shared.request({ text: "d" }))).toMatchObject({
        code: "ETIMEDOUT",
        written: "nothing",
      });
      await failure(peer.receive().then(async () => await peer.receive().then(() => peer.receive())));
    });
  });

  test("of a request that was given up fails the connection too", async () => {
    await onManualClock(async (clock) => {
      const [client] = pair({ readTimeout: 1_000 });
      const shared = requests(client);
      const first = timeoutError(shared.request({ text: "a" }, { timeout: 100 }));
      await clock.advance(100);
      expect(await first).toMatchObject({ operation: "request", timeout: 100 });
      const second = netError(shared.request({ text: "b" }, { timeout: 5_000 }));
      await clock.advance(999);
      expect(shared.pending).toBe(1);
      await clock.advance(1);
      expect(await second).toMatchObject({ code: "ETIMEDOUT", operation: "read", timeout: 1_000 });
    });
  });

  test("may take longer than the readTimeout if its caller has said so", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      const shared = requests(client);
      const slow = shared.request({ text: "a" }, { timeout: 60_000 });
      const hasty = timeoutError(shared.request({ text: "b" }));
      await clock.advance(10_000);
      expect(await hasty).toMatchObject({ operation: "request", timeout: 1_000, written: "partly" });
      const third = shared.request({ text: "c" });
      for (const text of ["a", "b", "c"]) await peer.send({ text });
      expect(texts(await Promise.all([slow, third]))).toEqual(["a", "c"]);
    });
  });

  test("leaves requests with other keys alone", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      const shared = requests(client, { match: BY_ID, concurrency: 1 });
      const lost = timeoutError(shared.request({ text: "lost", id: 1 }));
      const next = shared.request({ text: "next", id: 2 }, { timeout: 60_000 });
      await clock.advance(1_000);
      expect(await lost).toMatchObject({ operation: "request", timeout: 1_000, written: "partly" });
      // The place of the lost one is free again.
      await peer.send({ text: "reply", id: 2 });
      expect(await next).toEqual({ text: "reply", id: 2 });
      expect(client.connection.toJSON().state).toBe("open");
      // Its reply is thrown away, even now.
      const again = shared.request({ text: "again", id: 1 });
      await peer.send({ text: "late", id: 1 });
      await peer.send({ text: "right", id: 1 });
      expect(await again).toEqual({ text: "right", id: 1 });
    });
  });

  test("fails the connection if the next one with its key waits behind it", async () => {
    await onManualClock(async (clock) => {
      const [client] = pair({ readTimeout: 1_000 });
      const shared = requests(client, { match: BY_ID });
      const errors = [1, 1, 2].map((id) => netError(shared.request({ text: "?", id })));
      await clock.advance(1_000);
      for (const error of await Promise.all(errors)) expect(error.operation).toBe("read");
    });
  });

  test("fails the connection if another one with its key was overdue before", async () => {
    await onManualClock(async (clock) => {
      const [client] = pair({ readTimeout: 1_000 });
      const shared = requests(client, { match: BY_ID });
      for (const operation of ["request", "read"]) {
        const error = timeoutError(shared.request({ text: "?", id: 1 }));
        await clock.advance(1_000);
        expect(await error).toMatchObject({ operation });
      }
    });
  });

  test("is not overdue while a part of it comes now and then", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      const shared = requests(client);
      const reply = shared.request({ text: "?" });
      const text = JSON.stringify({ text: "slow" });
      const bytes = Buffer.concat([Buffer.of(0, 0, 0, text.length), Buffer.from(text)]);
      for (const byte of bytes) {
        await peer.connection.write(Buffer.of(byte));
        await clock.advance(600);
      }
      expect(await reply).toEqual({ text: "slow" });
    });
  });

  test("is not waited for while no request is with the peer", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      for (const options of [{}, { unsolicited: () => undefined }]) {
        const shared = requests(client, options);
        for (let i = 0; i < 3; i++) {
          const reply = shared.request({ text: "?" });
          await next(peer);
          await peer.send({ text: "!" });
          await reply;
          await clock.advance(10_000);
        }
      }
      expect(client.connection.toJSON().state).toBe("open");
      expect(clock.pending).toBe(0);
    });
  });
});

describe("what answers no request", () => {
  test("goes to unsolicited, before, between and after replies", async () => {
    const [client, peer] = pair();
    const pushes: string[] = [];
    const shared = requests(client, { match: BY_ID, unsolicited: ({ text }) => pushes.push(text) });
    await peer.send({ text: "hello" });
    await until(() => pushes.length === 1);
    const reply = shared.request({ text: "?", id: 1 });
    await peer.send({ text: "news" });
    await peer.send({ text: "other", id: 2 });
    await peer.send({ text: "!", id: 1 });
    await peer.send({ text: "again", id: 1 });
    expect(await reply).toEqual({ text: "!", id: 1 });
    await until(() => pushes.length === 4);
    expect(pushes).toEqual(["hello", "news", "other", "again"]);
  });

  test("in the order of the requests: a message that came before the request does not answer it", async () => {
    const [client, peer] = pair();
    const pushes: string[] = [];
    const shared = requests(client, { unsolicited: ({ text }) => pushes.push(text) });
    const bytes = Buffer.from(JSON.stringify({ text: "early" }));
    await peer.connection.write([Buffer.of(0, 0, 0, bytes.length), bytes.subarray(0, 5)]);
    await turn();
    const reply = shared.request({ text: "?" });
    await peer.connection.write(bytes.subarray(5));
    await peer.send({ text: "!" });
    expect(await reply).toEqual({ text: "!" });
    expect(pushes).toEqual(["early"]);
  });

  test("fails the connection where there is no unsolicited: a reply that came twice is not the next one's", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const first = shared.request({ text: "first" });
    await peer.send({ text: "once" });
    await peer.send({ text: "once" });
    await first;
    const error = await netError(shared.request({ text: "second" }));
    expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE", operation: "read", written: "partly" });
    await expect(shared.closed).rejects.toMatchObject({ code: "ERR_INVALID_MESSAGE" });
  });

  test("fails the connection if unsolicited throws, or rejects", async () => {
    const thrown = new Error("thrown by the program");
    for (const unsolicited of [
      () => {
        throw thrown;
      },
      (): unknown => Promise.reject(thrown),
    ]) {
      const [client, peer] = pair();
      const shared = requests(client, { match: BY_ID, unsolicited: unsolicited });
      const error = netError(shared.request({ text: "?", id: 1 }));
      await peer.send({ text: "push" });
      expect(await error).toMatchObject({ code: "ERR_INVALID_MESSAGE", cause: thrown, written: "partly" });
      expect((await error).message).not.toContain(thrown.message);
    }
  });

  test("match: a function that throws", async () => {
    const thrown = new Error("thrown by the program");
    const [client, peer] = pair();
    const shared = requests(client, {
      match: {
        request: ({ id }: Message) => {
          if (id === 0) throw thrown;
          return id;
        },
        reply: () => {
          throw thrown;
        },
      },
    });
    expect(await failure(shared.request({ text: "?", id: 0 }))).toBe(thrown);
    expect(await failure(shared.request({ text: "?" }))).toMatchObject({ code: "ERR_INVALID_ARG_VALUE" });
    const error = netError(shared.request({ text: "?", id: 1 }));
    expect((await next(peer)).id).toBe(1);
    await peer.send({ text: "!" });
    expect(await error).toMatchObject({ code: "ERR_INVALID_MESSAGE", cause: thrown });
  });
});

describe("an end of the connection", () => {
  test("closes the connection: a read that waits finds the end, one made afterwards is refused", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const reply = shared.request({ text: "?" });
    await next(peer);
    await peer.send({ text: "!" });
    expect(await reply).toEqual({ text: "!" });
    const waiting = client.connection.readAll();
    await peer.connection.closeWrite();
    expect(await waiting).toHaveLength(0);
    await shared.closed;
    expect(await netError(client.connection.readAll())).toMatchObject({ code: "ERR_CLOSED" });
    expect(await peer.connection.read()).toBeNull();
  });

  test("that comes with the last reply closes the connection as well", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const reply = shared.request({ text: "?" });
    await next(peer);
    await Promise.all([peer.send({ text: "!" }), peer.connection.closeWrite()]);
    expect(await reply).toEqual({ text: "!" });
    await shared.closed;
    expect(await netError(client.connection.readAll())).toMatchObject({ code: "ERR_CLOSED" });
  });

  test.each(["EPIPE", "ETIMEDOUT"])(
    "replies that had come before a write failed with the platform's %s are handed out",
    async (code) => {
      let writes = 0;
      const stream = new Duplex({
        read: () => undefined,
        write(_bytes, _encoding, callback) {
          if (++writes === 1) {
            callback();
            return;
          }
          this.push("one\ntwo\n");
          callback(Object.assign(new Error("no more is sent"), { code, syscall: "write" }));
        },
      });
      const connection = Connection.from(stream);
      const lines = framed(connection, delimited("\n"));
      // A codec of the program's own, which takes its time: the second reply is unread when the write fails.
      const slow: Messages<Uint8Array, string> = Object.assign(wrapped(lines), {
        receive: async (options?: OperationOptions) => {
          const message = await lines.receive(options);
          await turn();
          return message;
        },
      });
      const shared = requests(slow);
      const replies = ["a", "b"].map((text) => shared.request(text));
      expect((await Promise.all(replies)).map(String)).toEqual(["one", "two"]);
      expect(await netError(shared.request("c"))).toMatchObject({
        code,
        operation: "write",
        written: "nothing",
      });
    },
  );

  test("rejects each request with an error of its own, with its own `written`", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const errors = ["a", "b"].map((text) => netError(shared.request({ text })));
    await next(peer);
    peer.connection.reset();
    const [a, b] = await Promise.all(errors);
    expect(a).toMatchObject({ code: "ECONNRESET", operation: "read", written: "partly" });
    expect(b).toMatchObject({ code: "ECONNRESET", operation: "read", written: "nothing" });
    expect(await netError(shared.closed)).toMatchObject({ code: "ECONNRESET" });
    expect(await netError(shared.request({ text: "c" }))).toMatchObject({
      code: "ECONNRESET",
      written: "nothing",
    });
    await shared.close();
  });

  test("the stack of an error shows its caller", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    async function callerOfRequest(): Promise<void> {
      await shared.request({ text: "?" });
    }
    const error = netError(callerOfRequest());
    await next(peer);
    peer.connection.reset();
    expect((await error).stack).toContain("callerOfRequest");
  });

  test("by the peer, before the reply", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const errors = ["a", "b"].map((text) => netError(shared.request({ text })));
    await next(peer);
    await peer.connection.closeWrite();
    const [a, b] = await Promise.all(errors);
    expect(a).toMatchObject({ code: "ERR_UNEXPECTED_EOF", written: "partly" });
    expect(b).toMatchObject({ code: "ERR_UNEXPECTED_EOF", written: "nothing" });
    expect(await netError(shared.closed)).toMatchObject({ code: "ERR_UNEXPECTED_EOF" });
    expect(await peer.receive()).toBeNull();
  });

  test("by the peer, after the replies: they are handed out", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const replies = ["a", "b"].map((text) => shared.request({ text }));
    for (const text of ["a", "b"]) await peer.send({ text });
    await peer.connection.closeWrite();
    expect(texts(await Promise.all(replies))).toEqual(["a", "b"]);
    await shared.closed;
    expect(await netError(shared.request({ text: "c" }))).toMatchObject({
      code: "ERR_UNEXPECTED_EOF",
      written: "nothing",
    });
  });

  test("by the peer, while no request is under way: the connection is closed", async () => {
    for (const options of [{}, { unsolicited: () => undefined }]) {
      const [client, peer] = pair();
      const shared = requests(client, options);
      await turn();
      await peer.connection.closeWrite();
      await shared.closed;
      expect(await peer.receive()).toBeNull();
    }
  });

  test("by the program", async () => {
    for (const end of ["reset", "close"] as const) {
      const [client, peer] = pair();
      const shared = requests(client, { concurrency: 1 });
      const errors = ["a", "b"].map((text) => netError(shared.request({ text })));
      await next(peer);
      void client.connection[end]();
      const [a, b] = await Promise.all(errors);
      expect(a).toMatchObject({ code: "ERR_CLOSED", written: "partly" });
      expect(b).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
      await peer.connection[end]();
      await shared.closed;
      expect(await netError(shared.request({ text: "c" }))).toMatchObject({ code: "ERR_CLOSED" });
    }
  });
});

describe("close", () => {
  test("waits for the calls that wait, refuses new ones, and closes the connection", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const replies = ["a", "b"].map((text) => shared.request({ text }));
    const closing = shared.close();
    expect(await netError(shared.request({ text: "c" }))).toMatchObject({
      code: "ERR_CLOSED",
      operation: "request",
      written: "nothing",
    });
    for (const text of ["a", "b"]) {
      expect((await next(peer)).text).toBe(text);
      expect(await isPending(closing)).toBe(true);
      await peer.send({ text });
    }
    expect(texts(await Promise.all(replies))).toEqual(["a", "b"]);
    expect(await peer.receive()).toBeNull();
    await peer.connection.close();
    await closing;
    await shared.close();
    await shared.closed;
  });

  test("does not wait for replies that no caller waits for", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    await timeoutError(shared.request({ text: "a" }, { timeout: 1 }));
    const closing = shared.close();
    await next(peer);
    expect(await peer.receive()).toBeNull();
    await peer.connection.close();
    await closing;
  });

  test("with a timeout: what is not answered by then rejects, and the connection is reset", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { concurrency: 1 });
    const errors = ["a", "b"].map((text) => netError(shared.request({ text })));
    const unbounded = shared.close();
    expect(await timeoutError(shared.close({ timeout: 5 }))).toMatchObject({
      operation: "close",
      timeout: 5,
    });
    const [a, b] = await Promise.all(errors);
    expect(a).toMatchObject({ code: "ERR_CLOSED", written: "partly" });
    expect(b).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    await unbounded;
    await shared.closed;
    expect(await netError(next(peer).then(() => next(peer)))).toMatchObject({ code: "ECONNRESET" });
  });

  test("with a signal, and with one that is aborted already", async () => {
    const [client] = pair();
    const shared = requests(client);
    const controller = new AbortController();
    const error = netError(shared.request({ text: "a" }));
    const closing = failure(shared.close({ signal: controller.signal }));
    controller.abort();
    expect(await closing).toBe(controller.signal.reason);
    expect(await error).toMatchObject({ code: "ERR_CLOSED" });
    expect(listenersOf(controller.signal)).toBe(0);
    const [other, peer] = pair();
    const others = requests(other);
    expect(await failure(others.close({ signal: controller.signal }))).toBe(controller.signal.reason);
    const reply = others.request({ text: "still open" });
    await peer.send({ text: "yes" });
    expect(await reply).toEqual({ text: "yes" });
  });

  test("await using", async () => {
    const [client, peer] = pair();
    let reply: Promise<Message>;
    {
      await using shared = requests(client);
      reply = shared.request({ text: "?" });
      void next(peer).then(async () => {
        await peer.send({ text: "!" });
        await peer.connection.close();
      });
    }
    expect(await reply).toEqual({ text: "!" });
    expect(client.connection.toJSON().state).toBe("closed");
  });
});

describe("sending", () => {
  test("a message that cannot be sent fails its own call only", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const [wrong, long] = [
      failure(shared.request(cycle as never)),
      netError(shared.request({ text: "x".repeat(5 * 1024 * 1024) })),
    ];
    const reply = shared.request({ text: "right" });
    expect(await wrong).toBeInstanceOf(TypeError);
    expect(await long).toMatchObject({ code: "ERR_LIMIT", written: "nothing" });
    expect((await next(peer)).text).toBe("right");
    await peer.send({ text: "reply" });
    expect(await reply).toEqual({ text: "reply" });
  });

  test("an own `send` that fails after it has sent fails the connection: the next caller gets no reply of it", async () => {
    const thrown = new TypeError("thrown by the program");
    const [client, peer] = pair();
    const messages = wrapped(client);
    messages.send = async (message) => {
      await client.send(message);
      throw thrown;
    };
    const shared = requests(messages, { concurrency: 1 });
    const errors = ["a", "b"].map((text) => netError(shared.request({ text })));
    await peer.send({ text: "reply to a" });
    const [a, b] = await Promise.all(errors);
    expect(a).toMatchObject({ code: "ERR_INVALID_MESSAGE", cause: thrown, written: "partly" });
    expect(b).toMatchObject({ code: "ERR_INVALID_MESSAGE", cause: thrown, written: "nothing" });
    expect(await netError(shared.closed)).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
  });

  test("an own `send` that fails before it has sent fails its own call only", async () => {
    const thrown = new TypeError("thrown by the program");
    const [client, peer] = pair();
    const messages = wrapped(client);
    messages.send = async (message) => {
      await turn();
      if (message.text === "wrong") throw thrown;
      await client.send(message);
    };
    const shared = requests(messages);
    const wrong = failure(shared.request({ text: "wrong" }));
    const reply = shared.request({ text: "right" });
    expect(await wrong).toBe(thrown);
    expect((await next(peer)).text).toBe("right");
    await peer.send({ text: "reply" });
    expect(await reply).toEqual({ text: "reply" });
  });

  test("an own `send` that fails when its request is overdue leaves later requests their replies", async () => {
    await onManualClock(async (clock) => {
      const [client, peer] = pair({ readTimeout: 1_000 });
      const messages = wrapped(client);
      let fail: (error: Error) => void = () => undefined;
      messages.send = (message) =>
        message.id === 1 ? new Promise((_resolve, reject) => (fail = reject)) : client.send(message);
      const shared = requests(messages, { match: BY_ID });
      const late = timeoutError(shared.request({ text: "late", id: 1 }));
      await clock.advance(1_000);
      expect(await late).toMatchObject({ operation: "request", written: "partly" });
      fail(new Error("thrown by the program"));
      await turn();
      for (const id of [2, 3]) {
        const reply = shared.request({ text: "request", id });
        await peer.send({ text: "reply", id });
        expect(await reply).toEqual({ text: "reply", id });
      }
    });
  });

  test("requests after the end of our side are refused, each with an error of its own", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const first = shared.request({ text: "first" });
    await client.connection.closeWrite();
    const calls = ["a", "b", "c"].map((text) => netError(shared.request({ text })));
    const errors = await Promise.all(calls);
    for (const error of errors) expect(error).toMatchObject({ code: "ERR_CLOSED", written: "nothing" });
    expect(new Set(errors).size).toBe(3);
    await peer.send({ text: "reply" });
    expect(await first).toEqual({ text: "reply" });
  });

  test("a reply that had come is handed out although the next request fails", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const first = shared.request({ text: "first" });
    await next(peer);
    const padding = "x".repeat(4_000_000);
    const errors = ["a", "b", "c"].map((text) => netError(shared.request({ text, padding })));
    await turn();
    await peer.send({ text: "reply" });
    peer.connection.reset();
    expect(await first).toEqual({ text: "reply" });
    const written = (await Promise.all(errors)).map((error) => error.written);
    expect(written).toEqual(["partly", "nothing", "nothing"]);
    expect(await netError(shared.request({ text: "d" }))).toMatchObject({ written: "nothing" });
    await netError(shared.closed);
  });

  test("when nothing more can be written, the connection fails once the replies that are due have come", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    const first = shared.request({ text: "first" });
    await next(peer);
    // A gap in the stream: bytes that the program has taken away before they were sent.
    void client.connection.write(Buffer.alloc(2 * 1024 * 1024));
    const lost = Buffer.from(new ArrayBuffer(1_000));
    void client.connection.write(lost);
    structuredClone(lost.buffer, { transfer: [lost.buffer] });
    await peer.connection.readExactly(2 * 1024 * 1024);
    const error = await netError(shared.request({ text: "second" }));
    expect(error).toMatchObject({ operation: "write", written: "nothing" });
    expect(await isPending(first)).toBe(true);
    await peer.send({ text: "reply" });
    expect(await first).toEqual({ text: "reply" });
    expect(await netError(shared.closed)).toMatchObject({ code: error.code });
    expect(await netError(peer.receive())).toMatchObject({ code: "ECONNRESET" });
  });

  test("while the peer takes nothing, requests wait here, and can be given up", async () => {
    const [client, peer] = pair();
    const shared = requests(client, { queue: 3 });
    const padding = "x".repeat(2 * 1024 * 1024);
    const errors = [
      netError(shared.request({ text: "a", padding }, { timeout: 20 })),
      netError(shared.request({ text: "b" }, { timeout: 20 })),
    ];
    const third = shared.request({ text: "c" });
    const fourth = shared.request({ text: "d" });
    expect(await netError(shared.request({ text: "e" }))).toMatchObject({ code: "ERR_BUSY" });
    expect((await Promise.all(errors)).map(({ written }) => written)).toEqual(["partly", "nothing"]);
    for (const text of ["a", "c", "d"]) {
      expect((await next(peer)).text).toBe(text);
      await peer.send({ text });
    }
    expect(texts(await Promise.all([third, fourth]))).toEqual(["c", "d"]);
  });

  test("a peer that takes nothing for the writeTimeout fails the connection", async () => {
    const [client] = pair({ writeTimeout: 20 });
    const shared = requests(client);
    const errors = [
      netError(shared.request({ text: "a", padding: "x".repeat(2 * 1024 * 1024) })),
      netError(shared.request({ text: "b" })),
    ];
    const [a, b] = await Promise.all(errors);
    expect(a).toMatchObject({ code: "ETIMEDOUT", operation: "write", written: "partly" });
    expect(b).toMatchObject({ code: "ETIMEDOUT", operation: "write", written: "nothing" });
  });

  test("what is gathered by the connection is sent", async () => {
    const [client, peer] = pair({ bufferSize: 16 * 1024 });
    const shared = requests(client);
    const replies = ["a", "b"].map((text) => shared.request({ text }));
    for (const text of ["a", "b"]) {
      expect((await next(peer)).text).toBe(text);
      await peer.send({ text });
    }
    expect(texts(await Promise.all(replies))).toEqual(["a", "b"]);
  });
});

describe("mistakes", () => {
  const [client] = messagePair();
  const wrong: [what: string, call: () => unknown, message: RegExp][] = [
    ["no messages", () => requests(undefined as never), /"messages" must be messages over a Connection/],
    ["a connection", () => requests(client.connection as never), /"messages" must be messages/],
    ["a misspelt option", () => requests(client, { concurency: 1 } as never), /did you mean "concurrency"/],
    ["a function", () => requests(client, (() => 1) as never), /a handler .* is \{ unsolicited \}/],
    ["a number", () => requests(client, 3 as never), /a limit is \{ concurrency \}/],
    [
      "concurrency of 0",
      () => requests(client, { concurrency: 0 }),
      /"concurrency" must be a whole number, 1/,
    ],
    ["a queue below 0", () => requests(client, { queue: -1 }), /"queue" must be a whole number, 0 or more/],
    [
      "a match that is a function",
      () => requests(client, { match: (() => 1) as never }),
      /"match" must be an obj/,
    ],
    [
      "a match without reply",
      () => requests(client, { match: { request: () => 1 } as never }),
      /"match.reply"/,
    ],
    ["no function", () => requests(client, { unsolicited: 1 as never }), /"unsolicited" must be a function/],
  ];
  test.each(wrong)("%s", (_what, call, message) => {
    expect(call).toThrow(message);
    expect(call).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_/) as string }) as Error,
    );
  });

  test("wrong options of a call reject, and send nothing", async () => {
    const [client, peer] = pair();
    const shared = requests(client);
    for (const call of [
      shared.request({ text: "?" }, { timeout: -1 }),
      shared.request({ text: "?" }, 5 as never),
      shared.request({ text: "?" }, { timeuot: 5 } as never),
      shared.close({ timeuot: 5 } as never),
    ])
      expect(await failure(call)).toMatchObject({ code: expect.stringMatching(/^ERR_/) as string });
    expect(shared.pending).toBe(0);
    const reply = shared.request({ text: "right" });
    expect((await next(peer)).text).toBe("right");
    await peer.send({ text: "!" });
    await reply;
  });
});

test("it is printed in one line", async () => {
  const [client, peer] = pair();
  const shared = requests(client);
  void shared.request({ text: "secret" }).catch(() => undefined);
  await next(peer);
  expect(String(shared)).toBe("memory");
  expect(inspect(shared)).toBe("Requests memory { state: 'open', pending: 1 }");
  expect(JSON.parse(JSON.stringify(shared))).toMatchObject({ connection: { state: "open" }, pending: 1 });
});
