import { jest } from "@jest/globals";
import { runInNewContext } from "node:vm";
import { pipeline } from "node:stream/promises";
import { NetError, type Connection, type Handler } from "../../src/index.js";
import { isPending, until } from "../support/outcomes.js";
import { closeAll, endOf, endOfClient, netClient } from "../support/peers.js";
import { endServices, gate, service } from "../support/service.js";

/** What the process was to warn of. Jest's `process` has events of its own, so the warnings themselves are not seen here. */
const warnings: unknown[][] = [];
const emitWarning = process.emitWarning.bind(process) as (...args: unknown[]) => void;
beforeEach(() => {
  warnings.length = 0;
  jest.spyOn(process, "emitWarning").mockImplementation((...args: unknown[]) => {
    // It refuses what it does not take.
    if (typeof args[0] !== "string" && !(args[0] instanceof Error)) emitWarning(...args);
    warnings.push(args);
  });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await endServices();
  await closeAll();
});

const failing: [string, Handler][] = [
  [
    "throws",
    () => {
      throw new Error("no");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no"))],
  [
    "rejects later",
    async (connection) => {
      await connection.write("half of the ans");
      throw new Error("no");
    },
  ],
];

test.each(failing)(
  "a handler that %s has its connection reset, is reported, and stops nothing",
  async (_, fail) => {
    const told: [unknown, Connection][] = [];
    let first = true;
    const { port, listener } = await service(
      (connection, context) => {
        if (!first) return undefined;
        first = false;
        return fail(connection, context);
      },
      { onError: (error, connection) => void told.push([error, connection]) },
    );
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await until(() => told.length === 1);
    const [[error, connection]] = told as [[Error, Connection]];
    expect(error.message).toBe("no");
    expect(connection.remoteAddress).toBe("127.0.0.1");
    expect(connection.toJSON().state).toBe("reset");
    expect(await endOfClient(port)).toBe("end");
    await until(() => listener.stats.open === 0);
    expect(warnings).toEqual([]);
  },
);

test("a handler whose peer resets the connection is reported with how that ended", async () => {
  const { port, errors } = await service(async (connection) => {
    await connection.read();
  });
  (await netClient(port)).resetAndDestroy();
  await until(() => errors.length === 1);
  expect(errors).toMatchObject([{ name: "NetError", code: "ECONNRESET", operation: "read" }]);
});

test("an ERR_CLOSED of the handler's own making is reported", async () => {
  const { port, errors } = await service(async (connection) => {
    connection.reset();
    await connection.write("too late");
  });
  await endOfClient(port);
  await until(() => errors.length === 1);
  expect(errors).toMatchObject([{ code: "ERR_CLOSED", operation: "write" }]);
});

test("bytes that were lost after the handler had settled are reported", async () => {
  const { port, errors, listener } = await service(
    (connection) => void connection.write("x".repeat(50_000_000)),
  );
  const client = await netClient(port);
  client.pause();
  await until(() => listener.stats.open === 1);
  client.resetAndDestroy();
  await until(() => errors.length === 1 && listener.stats.open === 0);
  expect((errors[0] as NetError).code).toMatch(/^(?:ECONNRESET|EPIPE)$/);
});

describe("an onError that fails itself", () => {
  const wrong: [string, () => void | Promise<void>][] = [
    [
      "by throwing",
      () => {
        throw new Error("onError has failed");
      },
    ],
    ["by rejecting", () => Promise.reject(new Error("onError has failed"))],
  ];
  test.each(wrong)("%s is a warning, and stops nothing", async (_, onError) => {
    const { port } = await service(
      () => {
        throw new Error("no");
      },
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- programs do
      { onError },
    );
    expect(await endOfClient(port)).toBe("ECONNRESET");
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await until(() => warnings.length === 2);
    const failure = expect.objectContaining({ message: "onError has failed" }) as unknown;
    expect(warnings).toEqual([[failure], [failure]]);
  });

  test("with what is no error is a warning that says so", async () => {
    const { port } = await service(() => Promise.reject(new Error("no")), {
      // eslint-disable-next-line @typescript-eslint/no-misused-promises, @typescript-eslint/prefer-promise-reject-errors -- programs do
      onError: () => Promise.reject(undefined),
    });
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await until(() => warnings.length === 1);
    expect(warnings).toEqual([["onError has failed with undefined", {}]]);
  });
});

function oddError(property: string): Error {
  return Object.defineProperty(new Error("no"), property, {
    get: () => {
      throw new Error("never read");
    },
  });
}

describe("without onError", () => {
  const class_ = class Odd {
    get message(): string {
      throw new Error("never read");
    }
  };
  const typeError = new TypeError("no");
  const thrown: [string, unknown, unknown[]][] = [
    ["an error", typeError, [typeError]],
    [
      "an error of another realm",
      runInNewContext("new RangeError('no')"),
      ["no", { type: "RangeError", detail: expect.stringMatching(/^RangeError: no\n +at /) as unknown }],
    ],
    [
      "an error of another realm with a code",
      runInNewContext("Object.assign(new Error('no'), { code: 'ENO' })"),
      ["no", { type: "Error", detail: expect.stringMatching(/^Error: no\n +at /) as unknown, code: "ENO" }],
    ],
    [
      "an error of another realm whose code is a number",
      runInNewContext("Object.assign(new Error('no'), { code: 20 })"),
      ["no", { type: "Error", detail: expect.stringMatching(/^Error: no\n +at /) as unknown }],
    ],
    ["text", "no", ["no"]],
    ["undefined", undefined, ["a handler has failed with undefined", {}]],
    ["an object", new class_(), ["a handler has failed with an object (Odd)", {}]],
    // Node would print them in a later turn, and what is thrown then ends the process.
    [
      "an error whose message throws",
      oddError("message"),
      [expect.stringMatching(/^a handler has failed with an /), {}],
    ],
    [
      "an error whose stack throws",
      oddError("stack"),
      [expect.stringMatching(/^a handler has failed with an /), {}],
    ],
    [
      "an error whose name is a symbol",
      Object.assign(new Error("no"), { name: Symbol("odd") }),
      [expect.stringMatching(/^a handler has failed with an /), {}],
    ],
  ];
  test.each(thrown)("%s that a handler throws is a warning of the process", async (_, error, warning) => {
    const { port } = await service(() => Promise.reject(error), { onError: undefined });
    expect(await endOfClient(port)).toBe("ECONNRESET");
    await until(() => warnings.length === 1);
    expect(warnings).toEqual([warning]);
  });
});

describe("what the end of the grace causes in a handler is not reported", () => {
  const ended: [string, Handler][] = [
    [
      "a read",
      async (connection) => {
        await connection.read();
      },
    ],
    [
      "a read with the signal",
      async (connection, { signal }) => {
        await connection.read({ signal });
      },
    ],
    ["a pipeline", async (connection) => pipeline(connection.duplex, connection.duplex)],
    [
      "an error whose cause it is",
      async (connection) => {
        try {
          await connection.readLine();
        } catch (cause) {
          throw new Error("no request", { cause });
        }
      },
    ],
    [
      "a wait of its own",
      (_, { signal }) => new Promise((_, no) => (signal.onabort = () => no(signal.reason as Error))),
    ],
    [
      "an AbortError",
      (_, { signal }) =>
        new Promise((_, no) => (signal.onabort = () => no(new DOMException("stop", "AbortError")))),
    ],
  ];
  test.each(ended)("%s", async (_, handler) => {
    const { port, stop, done, errors, listener } = await service(handler, { grace: 5 });
    const end = endOf(await netClient(port));
    await until(() => listener.stats.open === 1);
    stop.abort(new Error("enough"));
    await done;
    expect(await end).toBe("ECONNRESET");
    expect(await isPending(new Promise(() => undefined))).toBe(true);
    expect(errors).toEqual([]);
  });

  test("any other error is, also after serve has resolved", async () => {
    const { calls, handler } = gate();
    const { port, stop, done, errors } = await service(handler, { grace: 0 });
    await netClient(port);
    await netClient(port);
    await until(() => calls.length === 2);
    calls[0]?.signal.addEventListener("abort", () => calls[0]?.fail(new Error("at the end")));
    stop.abort();
    await done;
    calls[1]?.fail(new Error("after the end"));
    await until(() => errors.length === 2);
    expect(errors).toMatchObject([{ message: "at the end" }, { message: "after the end" }]);
  });
});
