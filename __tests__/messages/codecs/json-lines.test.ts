import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import fc from "../../support/fast-check.js";
import { jsonLines, type Codec } from "../../../src/index.js";
import { cutBy, cutsOf, messagesIn, sentBy, thrownBy } from "../../support/codecs/cuts.js";

const codec = jsonLines();

/** The examples of https://github.com/ndjson/ndjson-spec */
const EXAMPLES = `{"some":"thing"}
{"foo":17,"bar":false,"quux":true}
{"may":{"include":"nested","objects":["and","arrays"]}}
`;

test("each line is a value", () => {
  const values = [
    { some: "thing" },
    { foo: 17, bar: false, quux: true },
    { may: { include: "nested", objects: ["and", "arrays"] } },
  ];
  for (const stream of [EXAMPLES, EXAMPLES.replaceAll("\n", "\r\n")]) {
    for (const pieces of cutsOf(Buffer.from(stream)))
      expect(messagesIn(codec, pieces)).toEqual({ messages: values, left: 0 });
  }
  expect(Buffer.concat(values.map((value) => sentBy(codec, value))).toString()).toBe(EXAMPLES);
});

test("a value need not be an object", () => {
  const stream = Buffer.from('1\n"two"\nnull\nfalse\n[3]\n -0.5e1 \n');
  expect(messagesIn(codec, [stream]).messages).toEqual([1, "two", null, false, [3], -5]);
});

test("a last line without its end is not whole, even if it is JSON", () => {
  for (const bytes of ["", "1", "{}", "{}\r", "\n\n12"])
    expect(codec.decode(Buffer.from(bytes))).toBeUndefined();
});

test("blank lines are skipped", () => {
  const stream = Buffer.from('\n\r\n1\n \t\r\n\n"two"\n\n');
  for (const pieces of cutsOf(stream))
    expect(messagesIn(codec, pieces)).toEqual({ messages: [1, "two"], left: 1 });
});

test("a byte order mark at the beginning of a line is ignored, and only there", () => {
  expect(messagesIn(codec, [Buffer.from('\ufeff{"a":1}\n"\ufeff"\n')]).messages).toEqual([
    { a: 1 },
    "\ufeff",
  ]);
  for (const line of ["\ufeff\ufeff1", "1\ufeff", " \ufeff1"])
    expect(() => codec.decode(Buffer.from(`${line}\n`))).toThrow(/not JSON/);
});

test("line separators of Unicode are text like any other", () => {
  const value = { text: "one\u2028two\u2029three\u0085" };
  expect(messagesIn(codec, [sentBy(codec, value)]).messages).toEqual([value]);
  expect(messagesIn(codec, [Buffer.from('"\u2028"\n')]).messages).toEqual(["\u2028"]);
});

test("a replacement character that was sent is one", () => {
  expect(messagesIn(codec, [Buffer.from('"\ufffd"\n')]).messages).toEqual(["\ufffd"]);
});

test("a key __proto__ is a field, and changes no prototype", () => {
  const [value] = messagesIn(codec, [Buffer.from('{"__proto__":{"polluted":true}}\n')]).messages as [object];
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect(Object.keys(value)).toEqual(["__proto__"]);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

describe("a line is refused, and the error does not show what is in it:", () => {
  test.each([
    ["that is not JSON", Buffer.from("{secret: 'secret'}\n"), /^a line of 18 bytes is not JSON$/],
    ["that is cut short", Buffer.from('{"secret":\n'), /^a line of 10 bytes is not JSON$/],
    ["with two values", Buffer.from('"secret" "secret"\n'), /not JSON/],
    ["that is not UTF-8", Buffer.from('"secret\xff"\n', "latin1"), /^a line of 9 bytes is not UTF-8$/],
    ["whose last character is cut", Buffer.from('"secret\xc3"\n', "latin1"), /not UTF-8/],
    ["in UTF-16", Buffer.from('"secret"\n', "utf16le"), /not JSON/],
    ["with NUL", Buffer.from("\0secret\n"), /not JSON/],
    [
      "that is not, after blank ones",
      Buffer.from("\n\n\xff\n", "latin1"),
      /^a line of 1 bytes is not UTF-8$/,
    ],
    ["after blank ones", Buffer.from("\n\nsecret\n"), /^a line of 6 bytes is not JSON$/],
  ])("one %s", (_, bytes, message) => {
    const error = thrownBy(() => codec.decode(bytes));
    expect(error).toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      message: expect.stringMatching(message) as string,
    });
    expect(error.cause).toBeUndefined();
    expect(inspect(error).split("\n")[0]).not.toMatch(/secret/);
  });
});

test("values as deep as the line is long are read", () => {
  const depth = 200_000;
  const [value] = messagesIn(codec, [Buffer.from(`${"[".repeat(depth)}${"]".repeat(depth)}\n`)]).messages;
  expect(Array.isArray(value)).toBe(true);
  expect(thrownBy(() => codec.decode(Buffer.from(`${"[".repeat(depth)}\n`)))).toMatchObject({
    code: "ERR_INVALID_MESSAGE",
  });
});

describe("sending", () => {
  test("is one line, whatever the value is", () => {
    const send = (value: unknown) => sentBy(codec, value).toString();
    expect(send("a\nb\r\nc\u2028")).toBe('"a\\nb\\r\\nc\u2028"\n');
    expect(send(null)).toBe("null\n");
    expect(send({ at: new Date(0), none: undefined, not: NaN })).toBe(
      '{"at":"1970-01-01T00:00:00.000Z","not":null}\n',
    );
    expect(send("half: \ud834")).toBe('"half: \\ud834"\n');
  });

  const circle: { secret?: unknown } = {};
  circle.secret = circle;
  const inside = ": no bigint is in it, and no object that contains itself";

  test.each([
    ["undefined", undefined, "; received undefined"],
    ["a function", () => 1, "; received a function"],
    ["a symbol", Symbol("secret"), "; received a symbol"],
    ["a bigint", 1n, `${inside}; received 1n`],
    ["a bigint inside", { secret: 1n }, `${inside}; received an object`],
    ["an object that contains itself", circle, `${inside}; received an object`],
    ["a toJSON that gives nothing", { toJSON: () => undefined }, "; received an object"],
  ])("refuses %s, and the error does not show what is in it", (_, value, rest) => {
    const error = thrownBy(() => codec.encode(value));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(`"message" must be a value that JSON can express${rest}`);
    expect(error.code).toBe("ERR_INVALID_ARG_TYPE");
    expect(error.cause).toBeUndefined();
  });

  test("what the program's own code throws is thrown on", () => {
    for (const mistake of [new Error("mine"), new TypeError("mine"), new RangeError("mine")]) {
      const value = {
        toJSON() {
          throw mistake;
        },
      };
      expect(thrownBy(() => codec.encode(value))).toBe(mistake);
    }
  });
});

test("the types are what the program says", () => {
  interface Question {
    readonly ask: string;
  }
  interface Answer {
    readonly answer: number;
  }
  const typed: Codec<Answer, Question> = jsonLines<Answer, Question>();
  const same: Codec<Question> = jsonLines<Question>();
  const decoded = typed.decode(Buffer.from('{"answer":42}\n'));
  expect(typeof decoded === "object" && decoded.message.answer).toBe(42);
  expect(sentBy(same, { ask: "why" })).toEqual(sentBy(typed, { ask: "why" }));
  // @ts-expect-error -- a question is an object
  expect(() => typed.encode(undefined)).toThrow(TypeError);
});

/** Any code unit, halves of surrogate pairs among them: cheaper to set up than all characters of Unicode. */
const character = fc.oneof(
  fc.constantFrom("\n", "\r", '"', "\\", "\0", "\u2028", "\ufeff", "\ufffd", "é", "𝄞"),
  fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
);

test("what is sent arrives, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue({ maxDepth: 3, stringUnit: character }), { maxLength: 4 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 9 }),
      (values, sizes) => {
        const stream = Buffer.concat(values.map((value) => sentBy(codec, value)));
        const { messages, left } = messagesIn(codec, cutBy(stream, sizes));
        expect(left).toBe(0);
        expect(messages.map((each) => JSON.stringify(each))).toEqual(
          values.map((each) => JSON.stringify(each)),
        );
      },
    ),
  );
});

test("any bytes are messages, too few, or an error of its own", () => {
  const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('\n\r {}[]",:1'))), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(bytes, (each) => {
      try {
        messagesIn(codec, [Buffer.from(each)]);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
      }
    }),
    { numRuns: 500 },
  );
});
