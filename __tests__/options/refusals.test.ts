import { Duplex } from "node:stream";
import { inspect } from "node:util";
import * as tcp6 from "../../src/index.js";
import { Connection, connect, lengthPrefixed, listen, Listener, NetError, resolve } from "../../src/index.js";
import type { LookupFunction } from "../../src/index.js";
import { failure, netError } from "../support/outcomes.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { closeAll, loopback, socketPath, unusedPort } from "../support/peers.js";

afterEach(closeAll);

const SECRET = "hunter2";
/** Text that can be no name: of a host, a service, an option or a class. */
const SENTENCE = `the password is ${SECRET}`;
/** The secret as text, and as Node shows the bytes of it. */
const SHOWN = new RegExp(
  [SECRET, Buffer.from(SECRET).toString("hex").match(/../g)?.join("[ ,]*") ?? ""].join("|"),
);

/** What a trap of the program's own throws, which it gets back as it is. */
const TRAPPED = new Error("trapped");

function trap(): never {
  throw TRAPPED;
}

const NAMES = [
  "timeout",
  "signal",
  "limit",
  "host",
  "port",
  "path",
  "then",
  "code",
  "message",
  "name",
  "aborted",
];

function everyGetter(get: () => unknown, enumerable: boolean): object {
  const getters = Object.fromEntries(NAMES.map((name) => [name, { get, enumerable, configurable: true }]));
  return Object.create(Object.prototype, { ...getters, [Symbol.toStringTag]: { get } }) as object;
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({ password: SECRET }, {});
  revoke();
  return proxy;
}

class Trapping {
  get [Symbol.toStringTag](): string {
    return SENTENCE;
  }
}

const everyTrap: ProxyHandler<object> = new Proxy({}, { get: () => trap });
const named = Object.defineProperty(class extends Object {}, "name", { value: SENTENCE });

/** The secret in each kind of value that a caller may give by mistake. */
const VALUES: readonly (readonly [what: string, value: unknown])[] = [
  ["text", SENTENCE],
  ["the text of a URL", `redis://user:${SECRET}@localhost:1`],
  ["text with a user", `user:${SECRET}@localhost:1`],
  ["text in brackets", `[a ${SECRET}]:1`],
  ["text with a NUL", `${SECRET}\0`],
  ["text with an escape sequence", `\u001b]0;${SECRET}\u0007`],
  ["long text", SECRET.repeat(1_000)],
  ["a boxed string", new String(SENTENCE)],
  ["a symbol", Symbol(SECRET)],
  ["a bigint", 10n ** 50n],
  ["a number", -1.5],
  ["NaN", NaN],
  ["null", null],
  ["a boolean", true],
  ["an object", { password: SENTENCE, [Symbol.toStringTag]: SECRET, [Symbol(SECRET)]: SECRET }],
  ["an object by its key", { [SENTENCE]: 1 }],
  ["an object without a prototype", Object.assign(Object.create(null) as object, { [SENTENCE]: SECRET })],
  [
    "an object that answers for its text",
    {
      toString: () => SECRET,
      toJSON: () => SECRET,
      [Symbol.toPrimitive]: () => SECRET,
      [inspect.custom]: () => SECRET,
    },
  ],
  ["an instance of a class of that name", new named()],
  ["an instance with that tag", new Trapping()],
  ["an array", [SENTENCE, [SECRET]]],
  ["a Buffer", Buffer.from(SECRET)],
  ["a Uint8Array", new TextEncoder().encode(SECRET)],
  ["an ArrayBuffer", new TextEncoder().encode(SECRET).buffer],
  ["a DataView", new DataView(new TextEncoder().encode(SECRET).buffer)],
  ["a Map", new Map([[SECRET, SECRET]])],
  ["a Set", new Set([SECRET])],
  ["a Blob", new Blob([SECRET])],
  ["a RegExp", /hunter2/],
  ["URL parameters", new URLSearchParams({ password: SECRET })],
  ["a promise", Promise.resolve(SECRET)],
  ["an object like a promise", { then: (settle: (value: string) => void) => settle(SECRET) }],
  ["a function", Object.assign(() => SECRET, { password: SECRET })],
  ["a function of that name", Object.defineProperty(() => undefined, "name", { value: SENTENCE })],
  ["a class", class extends Object {}],
  ["an Error", Object.assign(new Error(SECRET, { cause: SECRET }), { password: SECRET })],
  ["a URL", new URL(`redis://user:${SECRET}@localhost:1/${SECRET}?${SECRET}#${SECRET}`)],
  ["a URL of a protocol without a service", new URL(`x://user:${SECRET}@localhost/${SECRET}`)],
  ["a URL of a protocol that is refused", new URL(`tls://user:${SECRET}@localhost:1`)],
  ["a URL without a host", new URL(`unix:/run/${SECRET}`)],
  ["a URL with a host that is none", new URL(`x://user%3A${SECRET}%40localhost:1`)],
  ["getters of text", everyGetter(() => SENTENCE, true)],
  ["hidden getters of text", everyGetter(() => SENTENCE, false)],
  ["getters that throw", everyGetter(trap, true)],
  ["hidden getters that throw", everyGetter(trap, false)],
  ["a Proxy", new Proxy({ [SENTENCE]: SECRET }, {})],
  ["a Proxy of a view", new Proxy(Buffer.from(SECRET), {})],
  ["a Proxy whose traps throw", new Proxy({}, everyTrap)],
  ["a Proxy that was revoked", revoked()],
];

type Loose = (...args: readonly unknown[]) => unknown;

/** A call that would do nothing much, and the arguments that each value takes the place of. */
interface Call {
  readonly call: Loose;
  readonly args: readonly unknown[];
}

const ADDRESS = { address: "127.0.0.1", port: 1, family: 4 };

function loose(call: unknown): Loose {
  return call as Loose;
}

/** A connection whose peer has sent two lines and its end. */
async function connection(): Promise<Connection> {
  const [ours, theirs] = memoryPair();
  await theirs.write("one\ntwo\n");
  await theirs.closeWrite();
  return ours;
}

/** A lookup that answers with these arguments. */
function answering(...answer: readonly unknown[]): Loose {
  return (_name, _options, callback) => loose(callback)(...answer);
}

let closed: Listener;

beforeAll(async () => {
  closed = await loopback();
  await closed.close();
});

/** Of a `listen` whose other arguments some value is right for: it takes no port that a test beside this one uses. */
const GIVEN_UP = { signal: AbortSignal.abort(TRAPPED) };

/** All that is exported and takes something; the port 1 of the loopback refuses connections. */
/** `serve` with a listener that is closed, so that it settles at once. */
async function onClosedListener(...args: readonly unknown[]): Promise<unknown> {
  const listener = await loopback();
  await listener.close();
  return loose(tcp6.serve)(listener, ...args);
}

const FUNCTIONS: Readonly<Record<string, readonly Call[]>> = {
  connect: [
    { call: loose(connect), args: ["127.0.0.1", 1, {}] },
    { call: loose(connect), args: ["127.0.0.1:1"] },
    { call: (host) => loose(connect)({ host, port: 1 }), args: ["127.0.0.1"] },
    { call: (port) => loose(connect)({ host: "127.0.0.1", port }), args: [1] },
    { call: (path) => typeof path === "string" || loose(connect)({ path }), args: [1] },
    { call: (keepAlive) => loose(connect)("127.0.0.1", 1, { keepAlive }), args: [{}] },
  ],
  connectDuplex: [
    {
      call: (...args) => (loose(tcp6.connectDuplex)(...args) as tcp6.ConnectedDuplex).connection,
      args: ["127.0.0.1", 1, {}],
    },
  ],
  connectTo: [
    { call: loose(tcp6.connectTo), args: [[ADDRESS], {}] },
    { call: (...addresses) => loose(tcp6.connectTo)(addresses), args: [ADDRESS] },
    { call: (address) => loose(tcp6.connectTo)([{ ...ADDRESS, address }]), args: ["127.0.0.1"] },
    { call: (port) => loose(tcp6.connectTo)([{ ...ADDRESS, port }]), args: [1] },
  ],
  listen: [
    { call: loose(listen), args: [-1, GIVEN_UP] },
    { call: (host) => loose(listen)({ host, port: -1 }), args: [1] },
    { call: (port) => loose(listen)({ host: "127.0.0.1", port }), args: [-1] },
    { call: (fd) => loose(listen)({ fd }), args: [-1] },
  ],
  listenFds: [{ call: loose(tcp6.listenFds), args: [{}] }],
  resolve: [
    { call: loose(resolve), args: ["127.0.0.1", 1, {}] },
    { call: (found) => loose(resolve)("a.test", 1, { lookup: answering(null, found) }), args: ["::1"] },
    {
      call: (address) => loose(resolve)("a.test", 1, { lookup: answering(null, [{ address }]) }),
      args: ["::1"],
    },
    {
      call: (found) => loose(resolve)("a.test", 1, { lookup: () => Promise.resolve([found]) }),
      args: ["::1"],
    },
  ],
  serve: [
    { call: (listener) => loose(tcp6.serve)(listener, () => undefined), args: [null] },
    { call: onClosedListener, args: [() => undefined, {}] },
  ],
  parseEndpoint: [{ call: loose(tcp6.parseEndpoint), args: ["127.0.0.1:1"] }],
  formatEndpoint: [
    { call: loose(tcp6.formatEndpoint), args: ["127.0.0.1:1"] },
    { call: (host) => loose(tcp6.formatEndpoint)({ host, port: 1 }), args: ["127.0.0.1"] },
    { call: (port) => loose(tcp6.formatEndpoint)({ host: "127.0.0.1", port }), args: [1] },
  ],
  relay: [
    {
      call: async (a, b, ...rest) =>
        loose(tcp6.relay)(a ?? (await connection()), b ?? (await connection()), ...rest),
      args: [undefined, undefined, {}],
    },
  ],
  lengthPrefixed: [
    {
      call: async (given, ...rest) => loose(lengthPrefixed)(given ?? (await connection()), ...rest),
      args: [undefined, {}],
    },
  ],
  lengthPrefix: [{ call: loose(tcp6.lengthPrefix), args: [{}] }],
  varintPrefix: [{ call: loose(tcp6.varintPrefix), args: [] }],
  delimited: [{ call: loose(tcp6.delimited), args: ["\n"] }],
  jsonLines: [{ call: loose(tcp6.jsonLines), args: [] }],
  framed: [
    {
      call: async (given, ...rest) => loose(tcp6.framed)(given ?? (await connection()), ...rest),
      args: [undefined, tcp6.jsonLines(), {}],
    },
  ],
  requests: [
    {
      call: async (given, ...rest) =>
        loose(tcp6.requests)(given ?? tcp6.framed(await connection(), tcp6.jsonLines()), ...rest),
      args: [undefined, {}],
    },
  ],
  getParameters: [{ call: loose(tcp6.getParameters), args: [] }],
  setParameters: [{ call: loose(tcp6.setParameters), args: [{}] }],
  withParameters: [{ call: loose(tcp6.withParameters), args: [{}, () => undefined] }],
  Connection: [
    {
      call: (...args) => new (Connection as unknown as new (...args: unknown[]) => object)(...args),
      args: [1, 2],
    },
    {
      call: (...args) => (Connection as unknown as Record<"from", Loose>).from(...args),
      args: [new Duplex(), {}],
    },
  ],
  Listener: [
    {
      call: (...args) => new (Listener as unknown as new (...args: unknown[]) => object)(...args),
      args: [1, 2],
    },
  ],
};

/** Of these, the caller gives the message itself. */
const NOT_CALLED = ["NetError", "NetTimeoutError"];

type Arguments = Readonly<Record<PropertyKey, readonly unknown[]>>;

/** All that has methods, made anew for each call, and the arguments of its methods. */
const OBJECTS: Readonly<Record<string, readonly [of: () => unknown, methods: Arguments]>> = {
  "a connection": [
    connection,
    {
      ...{
        read: [{}],
        readInto: [Buffer.alloc(4), {}],
        readExactly: [1, {}],
        readUntil: ["\n", {}],
        readUntilAny: [["\n"], {}],
        peek: [1, {}],
        split: ["\n", {}],
        unread: ["x"],
      },
      ...{ readLine: [{}], readAll: [{}], lines: [{}], chunks: [{}], [Symbol.asyncIterator]: [] },
      ...{ write: ["x", {}], writeLine: ["x", {}], flush: [{}] },
      ...{
        closeWrite: [{}],
        closeRead: [],
        close: [{}],
        reset: [],
        startTls: [{ isServer: false }],
        [Symbol.asyncDispose]: [],
      },
      ...{
        abandon: ["input"],
        detach: [{}],
        setNoDelay: [true],
        setKeepAlive: [true, 5],
        ref: [],
        unref: [],
      },
      ...{ toString: [], toJSON: [] },
    },
  ],
  "a listener": [
    () => closed,
    {
      ...{
        accept: [{}],
        [Symbol.asyncIterator]: [],
        close: [],
        setTls: [{ key: undefined }],
        [Symbol.asyncDispose]: [],
      },
      ...{ ref: [], unref: [], toString: [], toJSON: [] },
    },
  ],
  frames: [
    async () => lengthPrefixed(await connection()),
    { receive: [{}], send: ["x", {}], [Symbol.asyncIterator]: [], toString: [], toJSON: [] },
  ],
  messages: [
    async () => tcp6.framed(await connection(), tcp6.delimited("\n")),
    { receive: [{}], send: ["x", {}], [Symbol.asyncIterator]: [], toString: [], toJSON: [] },
  ],
  requests: [
    async () => tcp6.requests(tcp6.framed(await connection(), tcp6.delimited("\n"))),
    { request: ["x", {}], close: [{}], [Symbol.asyncDispose]: [], toString: [], toJSON: [] },
  ],
  "the writer of a web stream": [
    async () => ({ writer: (await connection()).writable.getWriter() }).writer,
    { write: ["x"] },
  ],
};

/** A method as a call of its own, and with a list of one value, where it takes data. */
function callsOf(of: () => unknown, name: PropertyKey, args: readonly unknown[]): Call[] {
  const call: Loose = async (...given) => {
    const object = (await of()) as Record<PropertyKey, Loose>;
    const result = await object[name]?.(...given);
    const loop = result as Partial<AsyncIterator<unknown>> | undefined;
    return typeof loop?.next === "function" ? loop.next() : result;
  };
  const takesData = name === "write" || name === "send";
  return [{ call, args }, ...(takesData ? [{ call: (value: unknown) => call([value]), args: ["x"] }] : [])];
}

const CALLS: readonly (readonly [what: string, calls: readonly Call[]])[] = [
  ...Object.entries(FUNCTIONS),
  ...Object.entries(OBJECTS).flatMap(([what, [of, methods]]) =>
    Reflect.ownKeys(methods).map(
      (name) => [`${what}: ${String(name)}`, callsOf(of, name, methods[name] ?? [])] as const,
    ),
  ),
];

/** What a call fails with, at once; `undefined` if it succeeds. */
async function outcome(call: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<unknown>((settle) => {
    timer = setTimeout(() => settle(new Error("it has not settled")), 30_000);
  });
  try {
    const result = await Promise.race([Promise.resolve().then(call), late]);
    if (result instanceof Connection) result.reset();
    return result instanceof Error ? result : undefined;
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
  }
}

/** All that is printed of an error, with its stack, its cause and its attempts. */
function printed(error: unknown): string {
  const shown = inspect(error, { depth: null, showHidden: true, maxStringLength: null });
  return `${(error as Error).message}\n${shown}\n${JSON.stringify(error)}`;
}

/** The names of the options that a call takes: what it says when it is given another. */
async function namesOf({ call, args }: Call, at: number): Promise<readonly string[]> {
  const error = await outcome(() => call(...args.with(at, { [SENTENCE]: 1 })));
  return /; there is ([\w, ]+)/.exec((error as Error).message)?.[1]?.split(", ") ?? [];
}

/** The arguments with each value in place of one of them, behind the last, and as each option. */
async function trialsOf(
  call: Call,
): Promise<(readonly [where: string, args: (value: unknown) => readonly unknown[]])[]> {
  const { args } = call;
  const places = [...args.keys(), args.length].map(
    (at) =>
      [
        `argument ${String(at)}`,
        (value: unknown) => [...args.slice(0, at), value, ...args.slice(at + 1)],
      ] as const,
  );
  const at = args.findIndex((arg) => inspect(arg) === "{}");
  if (at === -1) return places;
  const names = await namesOf(call, at);
  expect(names).not.toEqual([]);
  const options = names.map((name) => [name, (value: unknown) => args.with(at, { [name]: value })] as const);
  return [...places, ...options];
}

describe("no error shows what was given, in its message, its stack or its print", () => {
  const warnings: string[] = [];
  const warned = (warning: Error) => warnings.push(printed(warning));

  const { stackTraceLimit } = Error;

  beforeAll(() => {
    // Frames show names of functions, which the values here do not call. To print ten of each of the errors takes seconds.
    Error.stackTraceLimit = 2;
    process.on("warning", warned);
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
    process.off("warning", warned);
    expect(warnings.filter((warning) => SHOWN.test(warning))).toEqual([]);
  });

  test.each(CALLS)("%s", async (_, calls) => {
    const parameters = tcp6.getParameters();
    const wrong: string[] = [];
    let refusals = 0;
    for (const call of calls) {
      for (const [where, args] of await trialsOf(call)) {
        await Promise.all(
          VALUES.map(async ([what, value]) => {
            const error = await outcome(() => call.call(...args(value)));
            if (error === undefined || error === TRAPPED) return;
            refusals++;
            const isOurs =
              error instanceof TypeError || error instanceof RangeError || error instanceof NetError;
            if (!isOurs || SHOWN.test(printed(error))) wrong.push(`${where}, ${what}: ${printed(error)}`);
          }),
        );
      }
    }
    expect(wrong).toEqual([]);
    if (calls.some(({ args }) => args.length > 0)) expect(refusals).toBeGreaterThan(VALUES.length / 4);
    tcp6.setParameters(parameters); // Some values are right ones.
  });

  test("and no function or method is left out", async () => {
    const functions = Object.entries(tcp6).filter(([, exported]) => typeof exported === "function");
    expect([...Object.keys(FUNCTIONS), ...NOT_CALLED].sort()).toEqual(functions.map(([name]) => name).sort());
    for (const what of ["a connection", "a listener", "frames", "messages", "requests"]) {
      const [of, methods] = OBJECTS[what] ?? [];
      const found = new Set<PropertyKey>();
      let prototype = Object.getPrototypeOf(await of?.()) as object;
      for (; prototype !== Object.prototype; prototype = Object.getPrototypeOf(prototype) as object) {
        for (const [name, { value }] of Reflect.ownKeys(prototype).map(
          (key) => [key, Object.getOwnPropertyDescriptor(prototype, key) ?? {}] as const,
        )) {
          if (typeof value === "function") found.add(name);
        }
      }
      for (const name of ["constructor", inspect.custom]) found.delete(name);
      expect(new Set(Reflect.ownKeys(methods ?? {}))).toEqual(found);
    }
  });
});

describe("what errors do show is", () => {
  test("the endpoint, a name or a path, which is no secret", async () => {
    const port = await unusedPort();
    expect((await netError(connect("localhost", port, { family: 4 }))).message).toContain(
      `connect localhost:${String(port)}`,
    );
    const path = socketPath();
    expect((await netError(connect({ path }))).message).toContain(`connect ${path}: `);
    expect((await netError(resolve("a.example", 1, { numericHost: true }))).message).toContain("a.example:1");
  });

  test("a service that looks like the name of one", async () => {
    const error = await netError(resolve("127.0.0.1", "no-service"));
    expect(error.message).toContain('no service named "no-service"');
  });

  test("the name of an option, or of a class, that looks like one", async () => {
    class Hunter extends Object {}
    const wrong = { hunter: 1 } as object;
    expect(await failure(resolve("127.0.0.1", 1, wrong))).toMatchObject({
      message: expect.stringContaining('"hunter" is no option') as string,
    });
    const data = new Hunter() as unknown as string;
    expect(await failure((await connection()).write(data))).toMatchObject({
      message: expect.stringContaining("an object (Hunter)") as string,
    });
  });

  test("the message of an error of the program's own: of its lookup, and of a stream that it gave", async () => {
    const lookup = answering(new Error("my words")) as LookupFunction;
    expect((await netError(resolve("a.test", 1, { lookup }))).message).toContain("my words");
    const stream = new Duplex({ read: () => undefined, write: (_, __, done) => done(new Error("my words")) });
    expect((await netError(Connection.from(stream).write("x"))).message).toContain("my words");
  });

  test("the reason of the program's own signal, which is no error of this library", async () => {
    const reason = new Error("my reason");
    expect(await failure((await connection()).read({ signal: AbortSignal.abort(reason) }))).toBe(reason);
  });

  test("what a getter of the program's own throws", async () => {
    const options = {
      get timeout() {
        return trap();
      },
    };
    expect(await failure((await connection()).read(options))).toBe(TRAPPED);
  });
});
