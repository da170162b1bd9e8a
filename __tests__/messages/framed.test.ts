/** Messages by a codec of the program's own, over connections in memory. */
import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import {
  framed,
  jsonLines,
  lengthPrefixed,
  NetError,
  requests,
  type Codec,
  type Connection,
  type Data,
  type BatchOptions,
  type FramedOptions,
  type Messages,
} from "../../src/index.js";
import { until } from "../../src/testing/contract/expectations.js";
import { memoryPair } from "../../src/testing/memory-pair.js";
import { errorOf } from "../support/outcomes.js";

/** Messages with a byte of length before them. */
const short: Codec<Buffer, Data> = {
  decode(bytes) {
    const size = 1 + (bytes[0] ?? 0);
    return bytes.length < size ? size : { message: bytes.subarray(1, size), size };
  },
  encode(message) {
    const payload = Buffer.from(message as string);
    return [Buffer.of(payload.length), payload];
  },
};

let a: Connection;
let b: Connection;

beforeEach(() => {
  [a, b] = memoryPair();
});

afterEach(() => {
  a.reset();
  b.reset();
});

/** Has bytes arrive at `a`. */
async function arrived(bytes: Data): Promise<void> {
  const before = a.bytesRead;
  await b.write(bytes);
  await until(() => a.bytesRead > before);
}

/** A codec whose `decode` answers this. */
function answering(answer: unknown): Codec<string> {
  return { decode: () => answer as number, encode: (message) => message };
}

test("messages go both ways, until the end of the stream", async () => {
  const [one, other] = [framed(a, short), framed(b, short)];
  expect(one.connection).toBe(a);
  await one.send("hello");
  await one.send("");
  await a.closeWrite();
  await other.send("welcome");
  expect(String(await other.receive())).toBe("hello");
  expect(await other.receive()).toHaveLength(0);
  expect(await other.receive()).toBeNull();
  expect(String(await one.receive())).toBe("welcome");
});

test("a loop gives the messages to come, and leaves those that it has not given", async () => {
  await b.write("\x011\x012\x013");
  await b.closeWrite();
  const messages = framed(a, short);
  for await (const message of messages) {
    expect(String(message)).toBe("1");
    break;
  }
  expect(String(await messages.receive())).toBe("2");
  const rest: string[] = [];
  for await (const message of messages) rest.push(String(message));
  expect(rest).toEqual(["3"]);
});

test("with batch: true the loop gives lists, and receive one message", async () => {
  const messages: Messages<Buffer, Data, Buffer[]> = framed(a, short, { batch: true });
  await arrived("\x011\x012\x013");
  expect(String(await messages.receive())).toBe("1");
  for await (const batch of messages) {
    expect(batch.map(String)).toEqual(["2", "3"]);
    break;
  }
  await messages.send("4");
  const one: Messages<Buffer, Data> = framed(b, short, { batch: false });
  for await (const message of one) {
    expect(String(message)).toBe("4");
    break;
  }
});

test("whether a loop gives lists may be known to the program only", async () => {
  await b.write("\x011\x012");
  const options: BatchOptions = { batch: Number("1") === 1 };
  for await (const each of framed(a, short, options)) {
    expect(Array.isArray(each) && each.length).toBe(2);
    break;
  }
});

test("requests need no loop, so messages in batches serve them as well", async () => {
  const service = requests(framed(a, short, { batch: true }));
  const reply = service.request("?");
  const peer = framed(b, short);
  expect(String(await peer.receive())).toBe("?");
  await peer.send("!");
  expect(String(await reply)).toBe("!");
});

test.each([["yes"], [1], [null]])("batch: %p is refused", (batch) => {
  const options = { batch } as unknown as FramedOptions;
  expect(() => framed(a, short, options)).toThrow(TypeError);
  expect(() => lengthPrefixed(a, options)).toThrow(TypeError);
});

test("a loop that is left while it waits gives up its place", async () => {
  const messages = framed(a, short);
  const loop = messages[Symbol.asyncIterator]();
  const waiting = loop.next();
  await loop.return?.();
  expect(await waiting).toEqual({ value: undefined, done: true });
  await b.write("\x011");
  expect(String(await messages.receive())).toBe("1");
});

test("a message may be null or undefined, which a loop tells from the end", async () => {
  const codec: Codec<null | undefined, string> = {
    decode: (bytes) => ({ message: bytes[0] === 0 ? null : undefined, size: 1 }),
    encode: (message) => message,
  };
  await b.write("\0\x01");
  await b.closeWrite();
  const got: unknown[] = [];
  for await (const message of framed(a, codec)) got.push(message);
  expect(got).toEqual([null, undefined]);
});

test("a decode that throws is an invalid message, with the cause, and leaves the bytes unread", async () => {
  const cause = new SyntaxError("secret");
  const codec: Codec<string> = {
    decode() {
      throw cause;
    },
    encode: (message) => message,
  };
  await arrived("bytes");
  const messages = framed(a, codec);
  const loop = messages[Symbol.asyncIterator]();
  for (const call of [() => messages.receive(), () => loop.next()]) {
    const error = await errorOf(call());
    expect(error).toBeInstanceOf(NetError);
    expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE", operation: "read", cause });
    expect(error.message).not.toContain("secret");
  }
  expect(String(await a.read())).toBe("bytes");
});

test.each([
  [
    "undefined",
    () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- a program may
      throw undefined;
    },
  ],
  [
    "a size that cannot be read",
    () => ({
      message: 1,
      get size() {
        throw new Error("trap");
      },
    }),
  ],
  [
    "an object of which nothing can be asked",
    () =>
      new Proxy(
        {},
        {
          has() {
            throw new Error("trap");
          },
        },
      ),
  ],
])("a decode that fails with %s is an invalid message, which receive rejects with", async (_, decode) => {
  await arrived("bytes");
  const messages = framed(a, { decode: decode as () => number, encode: () => "" });
  const loop = messages[Symbol.asyncIterator]();
  for (const call of [() => messages.receive(), () => loop.next()])
    expect(await errorOf(call())).toMatchObject({ name: "NetError", code: "ERR_INVALID_MESSAGE" });
  expect(String(await a.read())).toBe("bytes");
});

test("a decode that throws an error of a connection is an invalid message too", async () => {
  const cause = new NetError("of another", { code: "ECONNRESET", operation: "read" });
  const codec: Codec<string> = {
    decode() {
      throw cause;
    },
    encode: (message) => message,
  };
  const failing = errorOf(framed(a, codec).receive());
  await b.write("bytes");
  expect(await failing).toMatchObject({ code: "ERR_INVALID_MESSAGE", cause });
});

const SIZES = [0, -1, -0, 1.5, 6, 2 ** 53, Infinity, NaN, undefined, null, "2"];

test.each(SIZES)("a size of %p is refused, and leaves the bytes unread", async (size) => {
  const messages = framed(a, answering({ message: "x", size }));
  await b.write("bytes");
  const error = await errorOf(messages.receive());
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toMatch(/^"decode\(bytes\)\.size" must be a whole number from 1 to 5/);
  expect(String(await a.read())).toBe("bytes");
});

test.each([0, -1, 4, 5, 5.5, NaN, Infinity, -Infinity])(
  "a need of %p bytes where 5 are there is refused",
  async (need) => {
    const waiting = errorOf(framed(a, answering(need)).receive());
    await b.write("bytes");
    const error = await waiting;
    expect(error).toBeInstanceOf(RangeError);
    expect(error.message).toMatch(/^"decode\(bytes\)" must be a whole number above 5/);
    expect(String(await a.read())).toBe("bytes");
  },
);

test.each([
  ["a string", "text"],
  ["null", null],
  ["a bigint", 9n],
  ["true", true],
  ["a list", []],
  ["bytes", Buffer.of(1)],
  ["a function", () => 1],
  ["a promise", Promise.resolve(1)],
])("%s is no answer of decode", async (_name, answer) => {
  const waiting = errorOf(framed(a, answering(answer)).receive());
  await b.write("bytes");
  const error = await waiting;
  expect(error).toBeInstanceOf(TypeError);
  expect(error.message).toMatch(
    /^"decode\(bytes\)" must be \{ message, size \}, a number of bytes, or undefined/,
  );
  expect(String(await a.read())).toBe("bytes");
});

const NO_CODEC = '"codec" must be an object with the methods decode and encode; received ';

test.each([
  [undefined, `${NO_CODEC}undefined`],
  [null, `${NO_CODEC}null`],
  [5, `${NO_CODEC}5`],
  ["codec", `${NO_CODEC}a string of 5 characters`],
  [{}, '"codec.decode" must be a function; received undefined'],
  [{ decode: () => 1 }, '"codec.encode" must be a function; received undefined'],
  [{ encode: () => "" }, '"codec.decode" must be a function; received undefined'],
  [{ decode: 1, encode: 1 }, '"codec.decode" must be a function; received 1'],
  [Object.assign(() => 1, { decode: () => 1 }), '"codec.encode" must be a function; received undefined'],
  [Object.assign(() => 1, { encode: () => "" }), '"codec.decode" must be a function; received undefined'],
])("%p is no codec: %s", (codec, message) => {
  const call = () => framed(a, codec as unknown as Codec<string>);
  expect(call).toThrow(TypeError);
  expect(call).toThrow(new Error(message));
});

test("a function that has the methods is a codec", async () => {
  await b.write("\x02hi");
  expect(
    String(
      await framed(
        a,
        Object.assign(() => 1, short),
      ).receive(),
    ),
  ).toBe("hi");
});

test("the function that makes a codec is no codec, and the error shows a call", () => {
  const call = () => framed(a, jsonLines as unknown as Codec<string>);
  expect(call).toThrow(TypeError);
  expect(call).toThrow(
    '"codec" must be an object with the methods decode and encode, such as jsonLines(); received a function',
  );
});

test("what is over the limit is refused by what is known of it", async () => {
  await b.write(Buffer.from([9, 1, 2, 3]));
  const messages = framed(a, short, { limit: 9 });
  expect(await errorOf(messages.receive())).toMatchObject({ code: "ERR_LIMIT" });
  expect(await errorOf(messages.receive())).toMatchObject({ code: "ERR_LIMIT" });
  expect(a.readableLength).toBe(4);
  expect(await errorOf(messages.send("123456789"))).toMatchObject({
    code: "ERR_LIMIT",
    operation: "write",
    written: "nothing",
  });
  await messages.send("12345678");
  expect(String(await b.read())).toBe("\x0812345678");
  expect(
    await framed(a, short, { limit: 10 })
      .receive({ timeout: 0 })
      .catch((error: unknown) => (error as Error).name),
  ).toBe("NetTimeoutError");
});

test("a limit of 0 refuses every message, a limit of Infinity none", async () => {
  await b.write("\x011");
  expect(await errorOf(framed(a, short, { limit: 0 }).receive())).toMatchObject({ code: "ERR_LIMIT" });
  expect(String(await framed(a, short, { limit: Infinity }).receive())).toBe("1");
});

test("an end inside a message is unexpected, and leaves its bytes unread", async () => {
  await b.write("\x05123");
  await b.closeWrite();
  const messages = framed(a, short);
  const error = await errorOf(messages.receive());
  expect(error).toMatchObject({ code: "ERR_UNEXPECTED_EOF" });
  expect(error.message).toMatch(/after 4 bytes of an unfinished message/);
  expect(String(await a.readAll())).toBe("\x05123");
  expect(await messages.receive()).toBeNull();
});

test("other reads between messages, also within what was asked for, change what comes next", async () => {
  const messages = framed(a, short);
  await b.write("\x03abc\x02de\x05fg");
  expect(String(await messages.receive())).toBe("abc");
  expect((await a.readExactly(1)).readUInt8()).toBe(2);
  expect(String(await a.readExactly(2))).toBe("de");
  await expect(messages.receive({ timeout: 0 })).rejects.toThrow("timed out");
  expect(String(await a.readExactly(1))).toBe("\x05");
  await b.write("\x01x");
  expect(String(await a.readExactly(2))).toBe("fg");
  expect(String(await messages.receive())).toBe("x");
});

test("what encode throws is what send rejects with, and nothing is sent", async () => {
  const thrown = new RangeError("no such message");
  const codec: Codec<string> = {
    decode: () => undefined,
    encode() {
      throw thrown;
    },
  };
  expect(await errorOf(framed(a, codec).send("x"))).toBe(thrown);
  for (const encoded of [undefined, 5, Promise.resolve("x"), [1]]) {
    const wrong = { decode: () => undefined, encode: () => encoded as unknown as string };
    const error = await errorOf(framed(a, wrong).send("x"));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(/^"encode\(message\)(?:\[\])?" must be a string/);
  }
  expect(a.bytesWritten).toBe(0);
});

test("send is sent in one go, as a list", async () => {
  const messages = framed(a, short);
  const reading = b.read();
  await messages.send("list");
  expect(String(await reading)).toBe("\x04list");
});

test("wrong options are refused before encode is called", async () => {
  let encoded = 0;
  const codec: Codec<string> = { decode: () => undefined, encode: (message) => (encoded++, message) };
  expect(await errorOf(framed(a, codec).send("x", { timeout: -1 }))).toBeInstanceOf(RangeError);
  expect(encoded).toBe(0);
  expect(() => framed(a, codec, { limit: -1 })).toThrow(RangeError);
  expect(() => framed(a, codec, { limt: 1 } as object)).toThrow(/did you mean "limit"/);
  for (const make of [framed, lengthPrefixed] as ((connection: unknown, codec: object) => unknown)[])
    expect(() => make({}, { ...codec })).toThrow(/^"connection" must be a Connection /);
});

test("a decode that reads from its connection is refused", async () => {
  for (const waits of [true, false]) {
    const messages = framed(a, {
      decode(bytes: Buffer) {
        void a.readExactly(1).catch(() => undefined);
        return { message: "x", size: bytes.length };
      },
      encode: () => "",
    });
    if (!waits) await arrived("two");
    const failing = errorOf(messages.receive());
    if (waits) await b.write("one");
    // While the read waits, the other is refused: nothing is wrong.
    const outcome = await failing.catch(() => undefined);
    expect(outcome instanceof TypeError).toBe(!waits);
    await a.read({ timeout: 0 }).catch(() => undefined);
  }
});

test("a decode that receives from its own messages is refused, and what it has found is given", async () => {
  const inner: Promise<Error>[] = [];
  const messages = framed(a, {
    decode(bytes: Buffer) {
      inner.push(errorOf(messages.receive()));
      return { message: "x", size: bytes.length };
    },
    encode: () => "",
  });
  await arrived("bytes");
  expect(await messages.receive()).toBe("x");
  expect(await inner[0]).toBeInstanceOf(TypeError);
  const waiting = messages.receive();
  await b.write("bytes");
  expect(await waiting).toBe("x");
  expect(await inner[1]).toMatchObject({ code: "ERR_BUSY" });
});

test.each([true, false])(
  "a decode that resets its connection fails its own receive (waiting: %p)",
  async (waits) => {
    const messages = framed(a, {
      decode(bytes: Buffer) {
        a.reset();
        return { message: "x", size: bytes.length };
      },
      encode: () => "",
    });
    if (!waits) await arrived("bytes");
    const failing = errorOf(messages.receive());
    if (waits) await b.write("bytes").catch(() => undefined);
    expect(await failing).toBeInstanceOf(Error);
    expect(await errorOf(messages.receive())).toMatchObject({ code: "ERR_CLOSED" });
  },
);

test("messages are printed as one line, and have their facts", () => {
  const messages = framed(a, short, { limit: 99 });
  expect((messages as unknown as Connection).toString()).toBe(a.toString());
  expect(inspect(messages)).toMatch(/^Messages .* \{ state: 'open', limit: 99 \}$/);
  expect(JSON.parse(JSON.stringify(messages))).toMatchObject({ limit: 99, connection: { state: "open" } });
});
