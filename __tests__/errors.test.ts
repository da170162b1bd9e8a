import { inspect } from "node:util";
import { isNativeError } from "node:util/types";
import { AbortError, isAbortError } from "abort-controller-x";
import {
  connect,
  connectTo,
  listen,
  NetError,
  NetTimeoutError,
  resolve,
  type Operation,
} from "../src/index.js";
import { attemptsFailed, timedOut, translated } from "../src/errors.js";
import { lookupOf } from "./support/lookups.js";
import { failure, netError, timeoutError, turn } from "./support/outcomes.js";
import { closeAll, keep, loopback, netClient, pair, socketPath, unusedPort } from "./support/peers.js";

afterEach(closeAll);

const never = () => undefined;

describe("NetError", () => {
  test("is an Error with name, code and operation, and has no fields without a meaning", () => {
    const error = new NetError("read 1.2.3.4:5: closed (ERR_CLOSED)", {
      code: "ERR_CLOSED",
      operation: "read",
    });
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: "NetError",
      code: "ERR_CLOSED",
      operation: "read",
      transient: false,
    });
    expect(error.toString()).toBe("NetError: read 1.2.3.4:5: closed (ERR_CLOSED)");
    expect(error.stack).toMatch(/^NetError: read 1\.2\.3\.4:5: closed/);
    for (const absent of ["syscall", "host", "address", "port", "attempts", "written", "cause", "timeout"]) {
      expect(error).not.toHaveProperty(absent);
    }
    expect(error).not.toBeInstanceOf(NetTimeoutError);
  });

  test("carries what it is given", () => {
    const cause = new Error("underneath");
    const fields = {
      code: "ECONNRESET",
      operation: "write" as const,
      syscall: "write",
      host: "example.test",
      address: "192.0.2.1",
      port: 80,
      written: "partly" as const,
      attempts: [],
      cause,
    };
    expect(new NetError("message", fields)).toMatchObject({ ...fields, transient: true });
  });

  test("NetTimeoutError is a NetError with code ETIMEDOUT, and is transient", () => {
    const error = new NetTimeoutError("message", { operation: "accept", timeout: 5 });
    expect(error).toBeInstanceOf(NetError);
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({
      name: "NetTimeoutError",
      code: "ETIMEDOUT",
      operation: "accept",
      timeout: 5,
      transient: true,
    });
    expect(error.stack).toMatch(/^NetTimeoutError: message/);
    expect(new NetTimeoutError("message", { operation: "accept" })).not.toHaveProperty("timeout");
  });

  test.each([
    ["EAGAIN", true],
    ["EAI_AGAIN", true],
    ["ECONNABORTED", true],
    ["ECONNREFUSED", true],
    ["ECONNRESET", true],
    ["EHOSTDOWN", true],
    ["EHOSTUNREACH", true],
    ["EMFILE", true],
    ["ENETDOWN", true],
    ["ENETUNREACH", true],
    ["ENFILE", true],
    ["ENOBUFS", true],
    ["ENOMEM", true],
    ["EPIPE", true],
    ["ESERVFAIL", true],
    ["ETIMEDOUT", true],
    ["ETIMEOUT", true],
    ["EACCES", false],
    ["EADDRINUSE", false],
    ["EADDRNOTAVAIL", false],
    ["EAI_SERVICE", false],
    ["EINVAL", false],
    ["ENOENT", false],
    ["ENOTFOUND", false],
    ["EPERM", false],
    ["ERR_BUSY", false],
    ["ERR_CLOSED", false],
    ["ERR_FEATURE_UNAVAILABLE_ON_PLATFORM", false],
    ["ERR_INVALID_LINE", false],
    ["ERR_LIMIT", false],
    ["ERR_UNEXPECTED_EOF", false],
  ])("%s is transient: %s", (code, transient) => {
    expect(new NetError("message", { code, operation: "connect" }).transient).toBe(transient);
  });
});

describe("an error of the platform", () => {
  const place = { address: "1.2.3.4", port: 80, text: "1.2.3.4:80" };

  test.each([
    "ABORT_ERR",
    "ERR_SOCKET_CLOSED",
    "ERR_STREAM_DESTROYED",
    "ERR_STREAM_PREMATURE_CLOSE",
    "ECANCELED",
  ])("with code %s says that a stream is closed, but nothing of the kind from a lookup", (code) => {
    const cause = Object.assign(new Error("own words"), { code });
    const error = translated("read", place, cause);
    expect(error).toMatchObject({
      code: "ERR_CLOSED",
      message: "read 1.2.3.4:80: closed (ERR_CLOSED)",
      cause,
    });
    expect(translated("resolve", place, cause)).toMatchObject({
      code,
      message: `resolve 1.2.3.4:80: own words (${code})`,
    });
  });

  test("whose number the system does not know keeps its own words", () => {
    const cause = Object.assign(new Error("own words"), { code: "EODD", errno: -123_456 });
    expect(translated("read", place, cause).message).toBe("read 1.2.3.4:80: own words (EODD)");
  });

  test("that has no code has the one for what is not permitted, if its name says that", () => {
    const cause = Object.assign(new Error("needs net access"), { name: "NotCapable" });
    expect(translated("connect", place, cause)).toMatchObject({
      code: "ERR_ACCESS_DENIED",
      message: "connect 1.2.3.4:80: needs net access (ERR_ACCESS_DENIED)",
    });
    expect(translated("connect", place, new Error("odd")).code).toBe("ERR_UNKNOWN");
  });
});

describe("the message of a connect", () => {
  const host = { host: "a.test", port: 80, text: "a.test:80" };
  const at = (address: string) => ({ address, port: 80, text: `${address}:80` });
  const refusedAt = (address: string) =>
    translated("connect", at(address), { code: "ECONNREFUSED", message: "connection refused" });
  const one = "1.2.3.4:80: connection refused (ECONNREFUSED)";
  const other = "5.6.7.8:80: timed out after 9 ms (ETIMEDOUT)";

  test("lists all attempts, each once, when the last one failed", () => {
    const attempts = [refusedAt("1.2.3.4"), timedOut("connect", at("5.6.7.8"), 9)];
    const error = attemptsFailed(host, attempts[1] as NetError, attempts);
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ host: "a.test", address: "5.6.7.8", port: 80, timeout: 9 });
    expect(error.message).toBe(`connect a.test:80: ${one}; ${other}`);
    expect(error.attempts).toBe(attempts);
  });

  test("lists all attempts after the reason, when time ran out", () => {
    const attempts = [refusedAt("1.2.3.4"), timedOut("connect", at("5.6.7.8"), 9)];
    const error = attemptsFailed(host, timedOut("connect", host, 10), attempts);
    expect(error.message).toBe(`connect a.test:80: timed out after 10 ms (ETIMEDOUT): ${one}; ${other}`);
  });

  test("does not list a single attempt at the place that the caller named", () => {
    const only = refusedAt("1.2.3.4");
    expect(attemptsFailed(at("1.2.3.4"), only, [only]).message).toBe(only.message);
    expect(attemptsFailed(host, only, [only]).message).toBe(`connect a.test:80: ${one}`);
  });

  test("lists nothing where no attempt was made: the error itself is returned", () => {
    const error = timedOut("connect", host, 10);
    expect(attemptsFailed(host, error, [])).toBe(error);
    expect(error).not.toHaveProperty("attempts");
  });

  test("contains the message of the program's own error unchanged", () => {
    const own = new NetError("no way there", { code: "EOWN", operation: "connect" });
    expect(attemptsFailed(host, own, [own, refusedAt("1.2.3.4")])).toMatchObject({
      code: "EOWN",
      message: `connect a.test:80: connect: no way there; ${one}`,
    });
  });

  test("has no visible property for its parts", () => {
    const shown = inspect(refusedAt("1.2.3.4"));
    expect(shown).toContain("transient: true");
    expect(shown).not.toMatch(/parts|reason/);
    expect(Object.assign({}, refusedAt("1.2.3.4"))).toEqual({
      ...{ code: "ECONNREFUSED", operation: "connect", transient: true },
      ...{ address: "1.2.3.4", port: 80 },
    });
  });
});

describe("every failure names operation, addresses, reason and code", () => {
  interface Case {
    readonly what: string;
    readonly operation: Operation;
    readonly code: string;
    readonly fail: () => Promise<unknown>;
    /** The place in the message and in the fields. */
    readonly where: RegExp;
  }

  const cases: Case[] = [
    {
      what: "a refused connect",
      operation: "connect",
      code: "ECONNREFUSED",
      fail: async () => connect("127.0.0.1", await unusedPort()),
      where: /^127\.0\.0\.1:\d+$/,
    },
    {
      what: "a connect that timed out",
      operation: "connect",
      code: "ETIMEDOUT",
      fail: () => connect("never.test", 80, { lookup: never, timeout: 5 }),
      where: /^never\.test:80$/,
    },
    {
      what: "a connect to a path",
      operation: "connect",
      code: "ENOENT",
      fail: () => connect({ path: socketPath() }),
      where: /^\/.+socket$/,
    },
    {
      what: "a connectTo without a usable address",
      operation: "connect",
      code: "EADDRNOTAVAIL",
      fail: () => connectTo([{ address: "127.0.0.1", port: 9, family: 4 }], { localAddress: "::1" }),
      where: /^127\.0\.0\.1:9$/,
    },
    {
      what: "a connect whose name is unknown",
      operation: "resolve",
      code: "ENOTFOUND",
      fail: () => connect("none.test", 80, { lookup: lookupOf() }),
      where: /^none\.test:80$/,
    },
    {
      what: "a resolve",
      operation: "resolve",
      code: "ENOTFOUND",
      fail: () => resolve("not-literal.test", 80, { numericHost: true }),
      where: /^not-literal\.test:80$/,
    },
    {
      what: "a resolve that timed out",
      operation: "resolve",
      code: "ETIMEDOUT",
      fail: () => resolve("never.test", 80, { lookup: never, timeout: 5 }),
      where: /^never\.test:80$/,
    },
    {
      what: "a service that is unknown",
      operation: "resolve",
      code: "EAI_SERVICE",
      fail: () => listen("no-such-service"),
      where: /^\*:no-such-service$/,
    },
    {
      what: "a listen on a port in use",
      operation: "listen",
      code: "EADDRINUSE",
      fail: async () => listen((await loopback()).port, { host: "127.0.0.1" }),
      where: /^127\.0\.0\.1:\d+$/,
    },
    {
      what: "an accept that timed out",
      operation: "accept",
      code: "ETIMEDOUT",
      fail: async () => (await loopback()).accept({ timeout: 5 }),
      where: /^127\.0\.0\.1:[1-9]\d+$/,
    },
    {
      what: "an accept of a closed listener",
      operation: "accept",
      code: "ERR_CLOSED",
      fail: async () => {
        const listener = await loopback();
        await listener.close();
        return listener.accept();
      },
      where: /^127\.0\.0\.1:[1-9]\d+$/,
    },
    {
      what: "a read that timed out",
      operation: "read",
      code: "ETIMEDOUT",
      fail: async () => (await pair()).client.read({ timeout: 5 }),
      where: /^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/,
    },
    {
      what: "a write to a closed connection",
      operation: "write",
      code: "ERR_CLOSED",
      fail: async () => {
        const { client } = await pair();
        client.reset();
        return client.write("too late");
      },
      where: /^127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+$/,
    },
  ];

  test.each(cases)("$what", async ({ operation, code, fail, where }) => {
    const error = await netError(fail());
    expect(error).toMatchObject({ operation, code });
    expect(error.name).toBe(code === "ETIMEDOUT" ? "NetTimeoutError" : "NetError");
    const [, said, place, reason, saidCode] = /^(\w+) (.+?): (.+) \((\w+)\)$/.exec(error.message) ?? [];
    expect([said, saidCode]).toEqual([operation, code]);
    expect(place).toMatch(where);
    expect(reason).not.toBe("");
    if (error.address !== undefined) expect(place).toContain(error.address);
    if (error.host !== undefined) expect(place).toContain(error.host);
    if (error.port !== undefined) expect(place).toContain(String(error.port));
  });
});

describe("the stack shows the function that awaited", () => {
  type Failing = () => Promise<unknown>;

  const cases: [string, () => Promise<Failing>][] = [
    ["connect, refused", () => unusedPort().then((port) => () => connect("127.0.0.1", port))],
    [
      "connect, refused by every address",
      async () => {
        const port = await unusedPort();
        return () => connect("two.test", port, { lookup: lookupOf("127.0.0.1", "::1") });
      },
    ],
    [
      "connect, timed out",
      () => Promise.resolve(() => connect("never.test", 80, { lookup: never, timeout: 10 })),
    ],
    ["connect, timed out at once", () => Promise.resolve(() => connect("127.0.0.1", 80, { timeout: 0 }))],
    [
      "connect, by AbortSignal.timeout()",
      () =>
        Promise.resolve(() => connect("never.test", 80, { lookup: never, signal: AbortSignal.timeout(10) })),
    ],
    ["connect, lookup failed", () => Promise.resolve(() => connect("none.test", 80, { lookup: lookupOf() }))],
    ["connect, unknown service", () => Promise.resolve(() => connect("127.0.0.1", "no-such-service"))],
    ["connect, no such path", () => Promise.resolve(() => connect("/no/such/socket"))],
    [
      "connectTo, refused",
      async () => {
        const port = await unusedPort();
        return () => connectTo([{ address: "127.0.0.1", port, family: 4 }]);
      },
    ],
    [
      "listen, port in use",
      () =>
        loopback().then(
          ({ port }) =>
            () =>
              listen(port, { host: "127.0.0.1" }),
        ),
    ],
    ["listen, not our address", () => Promise.resolve(() => listen(0, { host: "192.0.2.77" }))],
    ["accept, timed out", () => loopback().then((listener) => () => listener.accept({ timeout: 10 }))],
    ["accept, timed out at once", () => loopback().then((listener) => () => listener.accept({ timeout: 0 }))],
    [
      "accept, by AbortSignal.timeout()",
      () => loopback().then((listener) => () => listener.accept({ signal: AbortSignal.timeout(10) })),
    ],
    [
      "accept, closed meanwhile",
      async () => {
        const listener = await loopback();
        return () => {
          setTimeout(() => void listener.close(), 10);
          return listener.accept();
        };
      },
    ],
    [
      "accept with a timeout, closed meanwhile",
      async () => {
        const listener = await loopback();
        return () => {
          setTimeout(() => void listener.close(), 10);
          return listener.accept({ timeout: 10_000 });
        };
      },
    ],
    [
      "accept, closed before",
      async () => {
        const listener = await loopback();
        await listener.close();
        return () => listener.accept();
      },
    ],
    [
      "resolve, timed out",
      () => Promise.resolve(() => resolve("never.test", 80, { lookup: never, timeout: 10 })),
    ],
    ["resolve, not found", () => Promise.resolve(() => resolve("none.test", 80, { lookup: lookupOf() }))],
    [
      "read, timed out",
      () =>
        pair().then(
          ({ client }) =>
            () =>
              client.read({ timeout: 10 }),
        ),
    ],
    [
      "read, reset by the peer",
      async () => {
        const { client, server } = await pair();
        return () => {
          setTimeout(() => server.reset(), 10);
          return client.read();
        };
      },
    ],
    [
      "write, timed out",
      () =>
        pair().then(
          ({ client }) =>
            () =>
              client.write(Buffer.alloc(32 * 1024 * 1024), { timeout: 10 }),
        ),
    ],
  ];

  test.each(cases)("%s", async (_, prepare) => {
    const fail = await prepare();
    async function theOneThatAwaited(): Promise<unknown> {
      return await fail();
    }
    async function itsCaller(): Promise<unknown> {
      return await theOneThatAwaited();
    }
    const error = await netError(itsCaller());
    expect(error.stack).toContain("theOneThatAwaited");
    expect(error.stack).toContain("itsCaller");
    expect(error.stack?.split("\n")[0]).toBe(`${error.name}: ${error.message}`);
  });
});

describe("what a signal was aborted with", () => {
  class OwnReason extends Error {}

  /** Calls that would wait for ever, by their names. */
  const waiting: [string, (signal: AbortSignal) => Promise<unknown>][] = [
    ["connect", (signal) => connect("never.test", 80, { lookup: never, signal })],
    ["resolve", (signal) => resolve("never.test", 80, { lookup: never, signal })],
    ["accept", async (signal) => (await loopback()).accept({ signal })],
    ["read", async (signal) => (await pair()).client.read({ signal })],
  ];

  test.each(waiting)("%s rejects with the reason itself, of whatever kind", async (_, wait) => {
    for (const reason of [new OwnReason("own"), new AbortError(), "a string", 42, { an: "object" }]) {
      const controller = new AbortController();
      const rejected = failure(wait(controller.signal));
      await turn();
      controller.abort(reason);
      expect(await rejected).toBe(reason);
    }
  });

  test.each(waiting)("%s rejects with what isAbortError knows where no reason is given", async (_, wait) => {
    const controller = new AbortController();
    const rejected = failure(wait(controller.signal));
    await turn();
    controller.abort();
    expect(isAbortError(await rejected)).toBe(true);
    expect(isAbortError(await failure(wait(AbortSignal.abort())))).toBe(true);
  });

  test.each(waiting)(
    "%s rejects with NetTimeoutError if it was AbortSignal.timeout()",
    async (name, wait) => {
      const signal = AbortSignal.timeout(10);
      const error = await timeoutError(wait(signal));
      expect(error).toMatchObject({ operation: name, code: "ETIMEDOUT", transient: true });
      expect(error.message).toMatch(/^\w+ [^()]+: timed out \(ETIMEDOUT\)$/);
      expect(error.cause).toBe(signal.reason);
      expect((await timeoutError(wait(signal))).cause).toBe(signal.reason);
    },
  );
});

test("a write whose signal has run out of time before says that nothing was written", async () => {
  const { client } = await pair();
  const signal = AbortSignal.abort(new DOMException("late", "TimeoutError"));
  expect(await timeoutError(client.write("x", { signal }))).toMatchObject({
    operation: "write",
    written: "nothing",
    cause: signal.reason as unknown,
  });
});

test("an error of the platform is the cause, and its syscall is kept", async () => {
  const error = await netError(connect("127.0.0.1", await unusedPort()));
  expect(error.syscall).toBe("connect");
  expect(isNativeError(error.cause)).toBe(true);
  expect(error.cause).toMatchObject({ code: "ECONNREFUSED", syscall: "connect", address: "127.0.0.1" });
});

test("the failures of one call are not shared: each caller has an error of its own", async () => {
  const listener = await loopback();
  const calls = [failure(listener.accept()), failure(listener.accept())];
  await listener.close();
  const [first, second] = await Promise.all(calls);
  expect(first).not.toBe(second);
  expect(first).toBeInstanceOf(NetError);
});

test("the error of an accepted connection names both ends", async () => {
  const listener = await loopback();
  const client = await netClient(listener.port);
  const server = keep(await listener.accept());
  const { remotePort } = server;
  client.resetAndDestroy();
  const error = await netError(server.read());
  expect(error).toMatchObject({ code: "ECONNRESET", address: "127.0.0.1", port: remotePort });
  expect(error.message).toBe(
    `read 127.0.0.1:${listener.port} -> 127.0.0.1:${remotePort}: connection reset by peer (ECONNRESET)`,
  );
});

describe("a signal of a library older than AbortSignal.reason", () => {
  /** An object with all members of an `AbortSignal` but `reason`. */
  class OldSignal extends EventTarget {
    aborted = false;
    reason: unknown = undefined;

    abort(): void {
      this.aborted = true;
      this.dispatchEvent(new Event("abort"));
    }
  }

  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ["connect", (signal) => connect("never.test", 80, { lookup: never, signal })],
    ["resolve", (signal) => resolve("never.test", 80, { lookup: never, signal })],
    ["listen", (signal) => listen({ host: "127.0.0.1", port: 0 }, { signal }).then(keep)],
    ["accept", async (signal) => (await loopback()).accept({ signal })],
    ["read", async (signal) => (await pair()).client.read({ signal })],
  ])("%s rejects with an AbortError, not with undefined", async (name, wait) => {
    const before = new OldSignal();
    before.abort();
    expect(isAbortError(await failure(wait(before as unknown as AbortSignal)))).toBe(true);
    if (name === "listen") return;
    const signal = new OldSignal();
    const rejected = failure(wait(signal as unknown as AbortSignal));
    await turn();
    signal.abort();
    expect(await rejected).toMatchObject({ name: "AbortError", message: "This operation was aborted" });
  });

  test.each<[string, (signal: AbortSignal) => Promise<unknown>]>([
    ["connect", (signal) => connect("never.test", 80, { lookup: never, signal })],
    [
      "connect with a timeout",
      (signal) => connect("never.test", 80, { lookup: never, signal, timeout: 10_000 }),
    ],
    ["resolve", (signal) => resolve("never.test", 80, { lookup: never, signal })],
    ["accept", async (signal) => (await loopback()).accept({ signal })],
    ["read", async (signal) => (await pair()).client.read({ signal })],
  ])("%s rejects with an AbortError where the reason cannot be read", async (_, wait) => {
    const signal = new OldSignal();
    Object.defineProperty(signal, "reason", {
      get: () => {
        throw new Error("no reason");
      },
    });
    const rejected = failure(wait(signal as unknown as AbortSignal));
    await turn();
    signal.abort();
    expect(isAbortError(await rejected)).toBe(true);
    expect(isAbortError(await failure(wait(signal as unknown as AbortSignal)))).toBe(true);
  });

  test("a reason whose name cannot be read is given as it is", async () => {
    const reason = Object.defineProperty({}, "name", {
      get: () => {
        throw new Error("no name");
      },
    });
    const signal = AbortSignal.abort(reason);
    expect(await failure(connect("never.test", 80, { lookup: never, signal }))).toBe(reason);
  });
});
