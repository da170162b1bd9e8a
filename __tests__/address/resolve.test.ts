import {
  ADDRCONFIG,
  getDefaultResultOrder,
  lookup as systemLookup,
  promises,
  setDefaultResultOrder,
  type LookupAddress,
} from "node:dns";
import { getEventListeners } from "node:events";
import { isIP, type LookupFunction as NodeLookupFunction } from "node:net";
import {
  lookupAddresses,
  resolve,
  type LookupFunction,
  type ResolveOptions,
} from "../../src/address/resolve.js";
import { connect } from "../../src/connect.js";
import type { LookupRequest } from "../../src/core/network.js";
import { NetError, NetTimeoutError } from "../../src/errors.js";
import { turn } from "../support/outcomes.js";

type Answer = Parameters<LookupFunction>[2];

const V4 = { address: "192.0.2.1", port: 80, family: 4 };
const V6 = { address: "2001:db8::1", port: 80, family: 6 };

/** What `lookupAddresses` finds, which answers at once where nothing is to be looked up. */
async function lookedUp(...args: Parameters<typeof lookupAddresses>): Promise<unknown> {
  return await lookupAddresses(...args);
}

/** A lookup that answers each question with the same arguments, a turn later. */
function answering(...answer: unknown[]): LookupFunction {
  return (_name, _options, callback) => {
    setImmediate(() => (callback as (...args: unknown[]) => void)(...answer));
  };
}

/** A lookup that answers when the test says so, and lets it see what was asked. */
function deferred(): { lookup: LookupFunction; asked: Promise<{ request: LookupRequest; answer: Answer }> } {
  let lookup: LookupFunction | undefined;
  const asked = new Promise<{ request: LookupRequest; answer: Answer }>((settle) => {
    lookup = (_name, request, answer) => settle({ request, answer });
  });
  return { lookup: lookup as unknown as LookupFunction, asked };
}

const never: LookupFunction = () => undefined;
const forbidden: LookupFunction = () => {
  throw new Error("looked up");
};

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved to ${JSON.stringify(value)}`);
    },
    (error: unknown) => error,
  );
}

describe("without a lookup", () => {
  test.each([
    ["127.0.0.1", 4],
    ["::1", 6],
    ["::ffff:1.2.3.4", 6],
    ["fe80::1%eth0", 6],
  ])("the literal %s is its own answer", async (host, family) => {
    const options = { lookup: forbidden, numericHost: true, timeout: 0 };
    expect(await resolve(host, "80", options)).toEqual([{ address: host, port: 80, family }]);
  });

  test.each<[ResolveOptions, string[]]>([
    [{}, ["::1", "127.0.0.1"]],
    [{ family: 4 }, ["127.0.0.1"]],
    [{ family: 6 }, ["::1"]],
    [{ passive: true }, ["::", "0.0.0.0"]],
    [{ passive: true, family: 4 }, ["0.0.0.0"]],
    [{ passive: true, family: 6 }, ["::"]],
  ])("no host with %j is %j", async (options, expected) => {
    const found = await resolve(null, "https", { ...options, lookup: forbidden, timeout: 0 });
    expect(found).toEqual(expected.map((address) => ({ address, port: 443, family: isIP(address) })));
  });

  test("a literal of the other family is not found", async () => {
    expect(await failure(resolve("127.0.0.1", 80, { family: 6, lookup: forbidden }))).toMatchObject({
      code: "ENOTFOUND",
      message: "resolve 127.0.0.1:80: no IPv6 address (ENOTFOUND)",
    });
  });

  test("numericHost refuses a name", async () => {
    const error = await failure(resolve("localhost", 80, { numericHost: true, lookup: forbidden }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "localhost", port: 80 });
  });
});

describe("with a lookup", () => {
  test("the system's lookup finds localhost", async () => {
    const found = await resolve("localhost", "http");
    expect(found.length).toBeGreaterThan(0);
    for (const { address, port, family } of found) {
      expect(["127.0.0.1", "::1"]).toContain(address);
      expect(port).toBe(80);
      expect(family).toBe(isIP(address));
    }
  });

  test("it is asked for all addresses in the resolver's order", async () => {
    const { lookup, asked } = deferred();
    const found = resolve("name.example", 80, { lookup, hints: ADDRCONFIG, family: 6 });
    const { request, answer } = await asked;
    const { signal, ...rest } = request;
    expect(rest).toEqual({ all: true, family: 6, hints: ADDRCONFIG, order: "verbatim", verbatim: true });
    expect(signal.aborted).toBe(false);
    answer(null, [{ address: V6.address, family: 6 }]);
    expect(await found).toEqual([V6]);
    expect(signal.aborted).toBe(false);
  });

  test.each(["ipv4first", "ipv6first", "verbatim"] as const)(
    "it is asked for the order that the process wants: %s",
    async (order) => {
      const before = getDefaultResultOrder();
      setDefaultResultOrder(order);
      const { lookup, asked } = deferred();
      const found = resolve("name.example", 80, { lookup });
      const { request, answer } = await asked;
      setDefaultResultOrder(before);
      expect(request).toMatchObject({ order, verbatim: order === "verbatim" });
      // The addresses keep the order of the lookup's answer.
      answer(null, [V6, V4]);
      expect(await found).toEqual([V6, V4]);
    },
  );

  test("family 0 and absent hints are not passed on", async () => {
    const { lookup, asked } = deferred();
    const found = resolve("name.example", 80, { lookup, family: 0 });
    const { request, answer } = await asked;
    expect(Object.keys(request).sort()).toEqual(["all", "order", "signal", "verbatim"]);
    answer(null, "192.0.2.1", 4);
    expect(await found).toEqual([V4]);
  });

  const both: LookupAddress[] = [
    { address: V6.address, family: 6 },
    { address: V4.address, family: 4 },
  ];
  test.each<[string, unknown[], ResolveOptions, unknown[]]>([
    ["all addresses", [null, both], {}, [V6, V4]],
    ["them in another order", [null, both.toReversed()], {}, [V4, V6]],
    ["one address", [null, "192.0.2.1", 4], {}, [V4]],
    ["one address, and no error at all", [undefined, "2001:db8::1", 6], {}, [V6]],
    ["false for no error", [false, "192.0.2.1", 4], {}, [V4]],
    ["0 for no error", [0, both], {}, [V6, V4]],
    ["an empty string for no error", ["", both], {}, [V6, V4]],
    ["a list of texts", [null, ["2001:db8::1", "192.0.2.1"]], {}, [V6, V4]],
    ["a list of texts and objects", [null, ["2001:db8::1", { address: "192.0.2.1" }]], {}, [V6, V4]],
    ["one object", [null, { address: "192.0.2.1", family: 4 }], {}, [V4]],
    ["one object without a family", [null, { address: "2001:db8::1" }], {}, [V6]],
    ["a list of one text", [null, ["192.0.2.1"]], { family: 4 }, [V4]],
    ["duplicates in both shapes", [null, ["192.0.2.1", { address: "192.0.2.1", family: 4 }]], {}, [V4]],
    ["duplicates", [null, [...both, ...both]], {}, [V6, V4]],
    ["families in words, and more", [null, [{ address: "192.0.2.1", family: "IPv4", ttl: 60 }]], {}, [V4]],
    ["a wrong family", [null, "192.0.2.1", 6], {}, [V4]],
    ["both families, though asked for one", [null, both], { family: 4 }, [V4]],
  ])("that answers %s, the addresses are right", async (_name, answer, options, expected) => {
    expect(await resolve("name.example", 80, { ...options, lookup: answering(...answer) })).toEqual(expected);
  });

  test("what is done to the options afterwards changes nothing", async () => {
    const options: ResolveOptions = { lookup: answering(null, both), family: 4 };
    const found = resolve("name.example", 80, options);
    Object.assign(options, { lookup: forbidden, family: 6 });
    expect(await found).toEqual([V4]);
  });

  test("that uses its list again, the addresses are those that it answered", async () => {
    const lookup: LookupFunction = (_name, _options, callback) => {
      const list = ["192.0.2.1"];
      callback(null, list);
      list[0] = "198.51.100.1";
    };
    expect(await resolve("name.example", 80, { lookup })).toEqual([V4]);
  });

  test("that answers at once, the addresses are right", async () => {
    const lookup: LookupFunction = (_name, _options, callback) =>
      callback(null, [{ address: "192.0.2.1", family: 4 }]);
    expect(await resolve("name.example", 80, { lookup })).toEqual([V4]);
  });

  test("a lookup written for net.connect fits", async () => {
    const lookup: NodeLookupFunction = (name, options, callback) => systemLookup(name, options, callback);
    expect(await resolve("localhost", 80, { lookup, family: 4 })).toEqual([{ ...V4, address: "127.0.0.1" }]);
  });
});

describe("a lookup that returns a promise", () => {
  const wanted = [
    { address: "192.0.2.1", port: 80, family: 4 },
    { address: "2001:db8::1", port: 80, family: 6 },
  ];

  test.each<[string, unknown]>([
    ["of one address", "192.0.2.1"],
    ["of addresses", ["192.0.2.1", "2001:db8::1"]],
    ["of one address as an object", { address: "192.0.2.1", family: 4 }],
    ["of objects", wanted.map(({ address, family }) => ({ address, family }))],
  ])("%s has answered", async (_, found) => {
    const lookup: LookupFunction = () => Promise.resolve(found);
    const count = Array.isArray(found) ? 2 : 1;
    expect(await resolve("name.example", 80, { lookup })).toEqual(wanted.slice(0, count));
  });

  test("is that of node:dns/promises", async () => {
    const found = await resolve("localhost", 80, { lookup: promises.lookup, family: 4 });
    expect(found).toEqual([{ address: "127.0.0.1", port: 80, family: 4 }]);
  });

  test("of anything else answers when it calls back", async () => {
    for (const returned of [undefined, null, true, {}, { callback: "later" }]) {
      const { lookup, asked } = deferred();
      const found = resolve("name.example", 80, {
        lookup: async (...args) => {
          lookup(...args);
          return await Promise.resolve(returned);
        },
      });
      const { answer } = await asked;
      await turn();
      answer(null, "192.0.2.1", 4);
      expect(await found).toEqual(wanted.slice(0, 1));
    }
  });

  test("of no address has found none", async () => {
    const error = await failure(resolve("name.example", 80, { lookup: () => Promise.resolve([]) }));
    expect(error).toMatchObject({ name: "NetError", code: "ENOTFOUND" });
    const wrong = await failure(resolve("name.example", 80, { lookup: () => Promise.resolve("hunter2") }));
    expect(wrong).toMatchObject({ name: "NetError", code: "ERR_INVALID_IP_ADDRESS" });
  });
});

describe("a failed lookup", () => {
  test("has operation, host, port, code and cause", async () => {
    const cause = Object.assign(new Error("getaddrinfo"), {
      code: "EAI_AGAIN",
      errno: -3001,
      syscall: "getaddrinfo",
    });
    const error = await failure(resolve("name.example", 80, { lookup: answering(cause) }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({
      code: "EAI_AGAIN",
      operation: "resolve",
      syscall: "getaddrinfo",
      host: "name.example",
      port: 80,
      transient: true,
      cause,
      message: "resolve name.example:80: the name server did not answer (EAI_AGAIN)",
    });
  });

  test("is the same from lookupAddresses", async () => {
    const cause = Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" });
    const signal = new AbortController().signal;
    const error = await failure(lookedUp("name.example", 80, { lookup: answering(cause) }, signal));
    expect(error).toMatchObject({ code: "ENOTFOUND", operation: "resolve", host: "name.example", cause });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("shows in its stack the function that awaited it", async () => {
    async function theCaller(): Promise<unknown> {
      return await resolve("name.example", 80, { lookup: answering(new Error("boom")) });
    }
    expect(((await failure(theCaller())) as Error).stack).toMatch(/at (async )?theCaller/);
  });

  test.each([
    ["an empty list", [null, []]],
    ["null", [null, null]],
    ["nothing", []],
    ["addresses of the other family only", [null, "192.0.2.1", 4], 6 as const],
  ])("%s is not found", async (_name, answer, family: 0 | 6 = 0) => {
    const error = await failure(resolve("name.example", 80, { lookup: answering(...answer), family }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ code: "ENOTFOUND", operation: "resolve" });
  });

  test.each([
    ["a string of 9 characters", "localhost"],
    ["42", 42],
    ["a string of 9 characters", [{ address: "300.1.1.1", family: 4 }]],
    ["undefined", [{ address: undefined }]],
    ["an object", [{ address: { nested: {} } }]],
    ["a string of 5 characters", ["192.0.2.1", "1.2.3"]],
    ["an object", [{}]],
  ])("%s is no address (%#)", async (described, found) => {
    const error = await failure(resolve("name.example", 80, { lookup: answering(null, found) }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({
      code: "ERR_INVALID_IP_ADDRESS",
      operation: "resolve",
      host: "name.example",
    });
    expect((error as Error).message).toContain(`the lookup answered ${described}, no IP address`);
  });

  const ownError = Object.assign(new Error("no address for you"), { code: "EOWN" });
  const fail = (): never => {
    throw ownError;
  };
  test.each<[string, unknown]>([
    [
      "an address",
      [
        {
          get address(): never {
            return fail();
          },
        },
      ],
    ],
    [
      "one address alone",
      {
        get address(): never {
          return fail();
        },
      },
    ],
    ["the list", Object.defineProperty([], 0, { get: fail, enumerable: true })],
    ["a Proxy in the list", [new Proxy({}, { has: fail })]],
    ["a Proxy for a list", new Proxy([], { get: fail })],
  ])("that answers with a getter which throws is one that has failed: %s", async (_, found) => {
    const error = await failure(resolve("name.example", 80, { lookup: answering(null, found) }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({
      operation: "resolve",
      code: "EOWN",
      host: "name.example",
      cause: ownError,
    });
    const connecting = failure(connect("name.example", 80, { lookup: answering(null, found) }));
    expect(await connecting).toMatchObject({ operation: "resolve", code: "EOWN", cause: ownError });
  });

  test.each<[string, object]>([
    ["a code", Object.defineProperty(new Error("hidden"), "code", { get: fail })],
    ["a message", Object.defineProperty({}, "message", { get: fail })],
    ["everything", new Proxy({}, { get: fail })],
  ])("that fails with an error which throws when it is asked has failed: %s", async (_, cause) => {
    const rejecting: LookupFunction = async () => {
      await Promise.resolve();
      throw cause as Error;
    };
    for (const lookup of [answering(cause), rejecting]) {
      const error = await failure(resolve("name.example", 80, { lookup }));
      expect(error).toBeInstanceOf(NetError);
      expect(error).toMatchObject({ operation: "resolve", code: "ERR_UNKNOWN" });
      expect((error as Error).cause).toBe(cause);
    }
  });

  test.each(["ABORT_ERR", "ECANCELED", "ERR_STREAM_PREMATURE_CLOSE"])(
    "keeps the resolver's code and words also where it gave up: %s",
    async (code) => {
      const cause = Object.assign(new Error("the resolver gave up"), { code });
      const error = await failure(resolve("name.example", 80, { lookup: answering(cause) }));
      expect(error).toBeInstanceOf(NetError);
      expect(error).toMatchObject({ code, cause });
      expect((error as Error).message).toBe(`resolve name.example:80: the resolver gave up (${code})`);
    },
  );

  const bare: unknown = Object.create(null);
  test.each([
    ["boom", "boom"],
    [42, "42"],
    [bare, "an object"],
    [{ message: bare }, "an object"],
    [{ password: "hunter2" }, "failed with an object"],
    [{ code: "EOWN" }, "EOWN"],
  ])("that is no Error has a cause all the same: %p", async (cause, words) => {
    const error = await failure(resolve("name.example", 80, { lookup: answering(cause) }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ operation: "resolve", host: "name.example", cause });
    expect((error as Error).message).toContain(words);
  });

  const cause = new TypeError("no");
  test.each<[string, LookupFunction]>([
    [
      "throws",
      () => {
        throw cause;
      },
    ],
    ["rejects", () => Promise.reject(cause)],
    [
      "answers, then throws",
      (_name, _options, callback) => {
        callback(cause, []);
        throw new Error("late");
      },
    ],
    [
      "answers twice",
      (_name, _options, callback) => {
        callback(cause, []);
        callback(null, "192.0.2.1", 4);
      },
    ],
  ])("a lookup that %s is one NetError", async (_name, lookup) => {
    const error = await failure(resolve("name.example", 80, { lookup }));
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ operation: "resolve", host: "name.example", cause });
  });
});

describe("time and signals", () => {
  test("a timeout of 0 does not look up a name", async () => {
    const error = await failure(resolve("name.example", 80, { timeout: 0, lookup: forbidden }));
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ operation: "resolve", host: "name.example", timeout: 0 });
  });

  test("a timeout tells the lookup to stop and ignores its late answer", async () => {
    const { lookup, asked } = deferred();
    const found = failure(resolve("name.example", 80, { timeout: 5, lookup }));
    const { request, answer } = await asked;
    expect(await found).toBeInstanceOf(NetTimeoutError);
    expect(request.signal.aborted).toBe(true);
    answer(null, "192.0.2.1", 4);
    answer(new Error("later still"), []);
  });

  test("an abort rejects with its reason, tells the lookup to stop, and leaves no listener", async () => {
    const { lookup, asked } = deferred();
    const controller = new AbortController();
    const reason = { mine: true };
    const found = failure(resolve("name.example", 80, { signal: controller.signal, lookup }));
    const { request, answer } = await asked;
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    controller.abort(reason);
    expect(await found).toBe(reason);
    expect(request.signal).toMatchObject({ aborted: true, reason });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    answer(null, "192.0.2.1", 4);
  });

  test("after an abort right behind the call, the lookup is not asked", async () => {
    const controller = new AbortController();
    let asked = 0;
    const found = failure(lookedUp("name.example", 80, { lookup: () => asked++ }, controller.signal));
    controller.abort("stop");
    expect(await found).toBe("stop");
    expect(asked).toBe(0);
  });

  test("a lookup that aborts its own call is an abort", async () => {
    const controller = new AbortController();
    const lookup = (): void => controller.abort("stop");
    expect(await failure(lookedUp("name.example", 80, { lookup }, controller.signal))).toBe("stop");
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("an answer leaves no listener", async () => {
    const { signal } = new AbortController();
    await resolve("name.example", 80, { signal, lookup: answering(null, "192.0.2.1", 4) });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test.each(["name.example", "127.0.0.1", null])(
    "an aborted signal rejects before %j is resolved",
    async (host) => {
      const reason = new Error("mine");
      const found = resolve(host, 80, { signal: AbortSignal.abort(reason), lookup: forbidden });
      expect(await failure(found)).toBe(reason);
    },
  );

  test("a signal of AbortSignal.timeout() is a timeout", async () => {
    const signal = AbortSignal.timeout(5);
    const error = await failure(resolve("name.example", 80, { signal, lookup: never }));
    expect(error).toBeInstanceOf(NetTimeoutError);
    expect(error).toMatchObject({ operation: "resolve", cause: signal.reason as unknown });
  });
});

test.each<[string, unknown[], string, string]>([
  ["host", [undefined, 80], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["host", [127, 80], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["host", ["", 80], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["host", ["[::1]", 80], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["host", ["localhost:80", 80], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["host", ["localhost\0.example", 80], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["port", ["localhost"], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["port", ["localhost", ""], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["port", ["localhost", 65_536], "RangeError", "ERR_SOCKET_BAD_PORT"],
  ["options", ["localhost", 80, null], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["options", ["localhost", 80, 5], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["timeout", ["localhost", 80, { timeout: "1" }], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["timeout", ["localhost", 80, { timeout: -1 }], "RangeError", "ERR_OUT_OF_RANGE"],
  ["signal", ["localhost", 80, { signal: {} }], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["family", ["localhost", 80, { family: 5 }], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["family", ["localhost", 80, { family: "IPv4" }], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["passive", ["localhost", 80, { passive: 1 }], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["numericHost", ["localhost", 80, { numericHost: "no" }], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["hints", ["localhost", 80, { hints: "all" }], "TypeError", "ERR_INVALID_ARG_TYPE"],
  ["hints", ["localhost", 80, { hints: NaN }], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["hints", ["localhost", 80, { hints: 1.5 }], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["hints", ["localhost", 80, { hints: -1 }], "TypeError", "ERR_INVALID_ARG_VALUE"],
  ["lookup", ["localhost", 80, { lookup: {} }], "TypeError", "ERR_INVALID_ARG_TYPE"],
])("a wrong %s rejects: %j", async (name, args, kind, code) => {
  const error = await failure((resolve as (...args: unknown[]) => Promise<unknown>)(...args));
  expect(error).toMatchObject({ name: kind, code });
  expect((error as Error).message).toMatch(new RegExp(`^"${name}" must be .*; received `));
});

test("an unknown service is a NetError", async () => {
  expect(await failure(resolve("localhost", "nosuchservice", { lookup: forbidden }))).toMatchObject({
    name: "NetError",
    code: "EAI_SERVICE",
    operation: "resolve",
    host: "localhost",
  });
});
