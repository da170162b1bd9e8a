import { Buffer } from "node:buffer";
import fc from "../../support/fast-check.js";
import { lengthPrefix, type LengthPrefixOptions } from "../../../src/index.js";
import { cutBy, cutsOf, messagesIn, sentBy, thrownBy } from "../../support/codecs/cuts.js";

const HEX = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("the shape of a frame", () => {
  // As in the table of Netty's LengthFieldBasedFrameDecoder: bytes, what is received of them.
  const shapes: readonly (readonly [string, LengthPrefixOptions, string, string])[] = [
    ["four bytes, big-endian, by default", {}, "00000003 616263", "616263"],
    [
      "a length is left out of the message",
      { bytes: 2 },
      "000c 48454c4c4f2c20574f524c44",
      "48454c4c4f2c20574f524c44",
    ],
    ["or left in it", { bytes: 2, skip: 0 }, "0003 616263", "0003 616263"],
    ["the length counts itself", { bytes: 2, adjustment: -2, skip: 0 }, "0005 616263", "0005 616263"],
    [
      "it stands after other fields",
      { offset: 2, bytes: 3, skip: 0 },
      "cafe 000003 616263",
      "cafe 000003 616263",
    ],
    [
      "what is before the message is left out by default",
      { offset: 2, bytes: 3 },
      "cafe 000003 616263",
      "616263",
    ],
    [
      "it does not count a field after it",
      { bytes: 3, adjustment: 2, skip: 0 },
      "000003 cafe 616263",
      "000003 cafe 616263",
    ],
    ["which is in the message by default", { bytes: 3, adjustment: 2 }, "000003 cafe 616263", "cafe 616263"],
    [
      "fields on both sides",
      { offset: 1, bytes: 2, adjustment: 1, skip: 3 },
      "ca 0003 fe 616263",
      "fe 616263",
    ],
    [
      "it counts the whole frame",
      { offset: 1, bytes: 2, adjustment: -3, skip: 3 },
      "ca 0007 fe 616263",
      "fe 616263",
    ],
    ["more than the header is skipped", { bytes: 1, skip: 3 }, "04 61626364", "6364"],
    ["all of the frame is skipped", { bytes: 1, skip: 3 }, "02 6162", ""],
    ["one byte", { bytes: 1 }, "02 6162", "6162"],
    ["the lowest byte first", { littleEndian: true, bytes: 3 }, "020000 6162", "6162"],
    ["the lowest of eight first", { littleEndian: true, bytes: 8 }, "0200000000000000 6162", "6162"],
    ["eight bytes", { bytes: 8 }, "0000000000000002 6162", "6162"],
    ["an empty message", { bytes: 2 }, "0000", ""],
  ];

  test.each(shapes)("%s", (_, options, frame, message) => {
    const codec = lengthPrefix(options);
    const stream = Buffer.concat([HEX(frame), HEX(frame)]);
    for (const pieces of cutsOf(stream)) {
      expect(messagesIn(codec, pieces)).toEqual({ messages: [HEX(message), HEX(message)], left: 0 });
    }
  });

  test.each(shapes)("%s: what is missing is named exactly", (_, options, frame) => {
    const codec = lengthPrefix(options);
    const bytes = HEX(frame);
    const head = (options.offset ?? 0) + (options.bytes ?? 4);
    for (let size = 0; size < bytes.length; size++) {
      expect(codec.decode(bytes.subarray(0, size))).toBe(size < head ? head : bytes.length);
    }
  });

  test("what begins after a frame is left alone", () => {
    const bytes = HEX("0002 6162 0003 63");
    expect(lengthPrefix({ bytes: 2 }).decode(bytes)).toEqual({ message: HEX("6162"), size: 4 });
  });

  test("lengths are unsigned, and those over 2^53 are as large as they say", () => {
    for (const littleEndian of [false, true]) {
      const decode = (bytes: 1 | 2 | 3 | 4 | 8, length: Buffer) =>
        lengthPrefix({ bytes, littleEndian }).decode(littleEndian ? Buffer.from(length).reverse() : length);
      expect(decode(1, HEX("ff"))).toBe(256);
      expect(decode(2, HEX("ffff"))).toBe(65_537);
      expect(decode(3, HEX("ffffff"))).toBe(2 ** 24 + 2);
      expect(decode(4, HEX("ffffffff"))).toBe(2 ** 32 + 3);
      expect(decode(8, HEX("0000000100000002"))).toBe(2 ** 32 + 10);
      expect(decode(8, HEX("0020000000000001"))).toBeGreaterThanOrEqual(2 ** 53);
      expect(decode(8, HEX("ffffffffffffffff"))).toBeGreaterThanOrEqual(2 ** 63);
    }
  });

  test("a message is in memory of its own", () => {
    const bytes = Buffer.concat([HEX("00000003 616263"), HEX("000003e8"), Buffer.alloc(1_000, 1)]);
    const codec = lengthPrefix();
    for (const from of [0, 7]) {
      const decoded = codec.decode(bytes.subarray(from));
      if (typeof decoded !== "object") throw new Error("not whole");
      expect(decoded.message.buffer).not.toBe(bytes.buffer);
      expect(decoded.message.buffer.byteLength).toBe(decoded.message.length);
    }
  });
});

describe("bytes that are no frame", () => {
  test.each([
    ["a length below its own size", { adjustment: -4 }, "00000003 616263", /length of 3 is negative.*-4/],
    [
      "a length of 0 that counts the header",
      { offset: 1, bytes: 2, adjustment: -3 },
      "01 0000",
      /length of 0/,
    ],
    [
      "a frame that is shorter than what is skipped",
      { bytes: 1, skip: 3 },
      "01 ff",
      /2 bytes.*the 3 to skip/,
    ],
  ] as const)("%s", (_, options, bytes, message) => {
    const error = thrownBy(() => lengthPrefix(options).decode(HEX(bytes)));
    expect(error).toMatchObject({
      code: "ERR_INVALID_MESSAGE",
      message: expect.stringMatching(message) as string,
    });
  });
});

describe("sending", () => {
  test("with offset 0 the length is put before the message, whatever is skipped", () => {
    expect(sentBy(lengthPrefix(), "é")).toEqual(HEX("00000002 c3a9"));
    expect(sentBy(lengthPrefix({ bytes: 2, skip: 0 }), "ab")).toEqual(HEX("0002 6162"));
    expect(sentBy(lengthPrefix({ bytes: 3, littleEndian: true }), ["a", Buffer.from("b")])).toEqual(
      HEX("020000 6162"),
    );
    expect(sentBy(lengthPrefix({ bytes: 8 }), "")).toEqual(HEX("0000000000000000"));
    expect(sentBy(lengthPrefix({ bytes: 8, littleEndian: true }), [])).toEqual(HEX("0000000000000000"));
    expect(sentBy(lengthPrefix({ bytes: 8, littleEndian: true }), "a")).toEqual(HEX("0100000000000000 61"));
    expect(sentBy(lengthPrefix({ bytes: 2, adjustment: -2 }), "abc")).toEqual(HEX("0005 616263"));
    expect(sentBy(lengthPrefix({ bytes: 2, adjustment: 1 }), "abc")).toEqual(HEX("0002 616263"));
    expect(sentBy(lengthPrefix({ bytes: 1 }), Uint16Array.of(0x6161, 0x6262).buffer)).toEqual(
      HEX("04 61616262"),
    );
  });

  test("with more, the length is filled in, and the memory of the caller stays as it is", () => {
    const codec = lengthPrefix({ offset: 2, bytes: 2, skip: 0 });
    const expected = HEX("cafe 0003 616263");
    for (const frame of [
      HEX("cafe ffff 616263"),
      [HEX("cafe ffff"), "abc"],
      [HEX("ca"), HEX("fe ff"), HEX("ff 61"), "bc"],
      [HEX("cafe"), "\0\0a", "b", "c"],
      [HEX("cafe"), "", "\0\0", new Uint8Array(0), "abc"],
    ]) {
      const before = structuredClone(frame);
      expect(sentBy(codec, frame)).toEqual(expected);
      expect(structuredClone(frame)).toEqual(before);
    }
    expect(sentBy(lengthPrefix({ offset: 1, bytes: 2, skip: 0 }), "xé__")).toEqual(HEX("78 0002 5f5f"));
    expect(sentBy(codec, HEX("cafe 0000"))).toEqual(HEX("cafe 0000"));
  });

  test("only the header of a frame is copied", () => {
    const frame = Buffer.alloc(1_000);
    const [header, rest] = lengthPrefix({ offset: 4, bytes: 2 }).encode(frame) as readonly Buffer[];
    expect(header).toHaveLength(6);
    expect(rest?.buffer).toBe(frame.buffer);
  });

  test("a header that ends where a part ends leaves no part of nothing", () => {
    const payload = Buffer.from("ab");
    const parts = lengthPrefix({ offset: 1, bytes: 1 }).encode([Buffer.alloc(2), payload]);
    expect(parts).toEqual([HEX("0002"), payload]);
  });

  test("a whole frame that was received can be sent on", () => {
    const codec = lengthPrefix({ offset: 1, adjustment: -4, skip: 0 });
    const frame = HEX("52 00000008 00000000");
    const [received] = messagesIn(codec, [frame]).messages;
    expect(sentBy(codec, received ?? "")).toEqual(frame);
  });

  test("a message that is longer than its length can say is refused", () => {
    for (const [options, most] of [
      [{ bytes: 1 }, 255],
      [{ bytes: 2 }, 65_535],
      [{ bytes: 1, adjustment: -1 }, 254],
      [{ bytes: 1, adjustment: 2 }, 257],
      [{ bytes: 1, offset: 2, skip: 0 }, 258],
      [{ bytes: 1, offset: 2, adjustment: -3, skip: 0 }, 255],
    ] as const) {
      const codec = lengthPrefix(options);
      const longest = sentBy(codec, Buffer.alloc(most));
      expect(longest[options.bytes === 1 && "offset" in options ? 2 : 0]).toBe(255);
      const error = thrownBy(() => codec.encode([Buffer.alloc(most), "x"]));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.code).toBe("ERR_LIMIT");
      expect(error.message).toContain(`"message" must be at most ${String(most)} bytes`);
    }
  });

  test("a message of no bytes is its length, and no part besides", () => {
    for (const message of ["", [], ["", Buffer.alloc(0)]])
      expect(lengthPrefix({ bytes: 2 }).encode(message)).toEqual([HEX("0000")]);
  });

  test("a message that is shorter than any length can say, or than its header, is refused", () => {
    for (const [options, least, expected] of [
      [{ adjustment: 3 }, 3, "at least 3 bytes"],
      [{ offset: 2, bytes: 2 }, 4, "a frame of at least 4 bytes, its header"],
      [{ offset: 2, bytes: 2, adjustment: 6 }, 10, "at least 10 bytes"],
      [{ offset: 2, bytes: 2, adjustment: -4 }, 4, "a frame of at least 4 bytes, its header"],
    ] as const) {
      const codec = lengthPrefix(options);
      expect(sentBy(codec, Buffer.alloc(least)).length).toBeGreaterThanOrEqual(least);
      const error = thrownBy(() => codec.encode(Buffer.alloc(least - 1)));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.code).toBe("ERR_OUT_OF_RANGE");
      expect(error.message).toContain(`"message" must be ${expected}`);
    }
  });

  test("what is no data is refused", () => {
    for (const message of [undefined, null, 5, {}, [1], [["nested"]]]) {
      for (const offset of [0, 2]) {
        expect(() => lengthPrefix({ offset }).encode(message as string)).toThrow(TypeError);
      }
    }
  });
});

describe("options", () => {
  const wrong = lengthPrefix as (options: unknown) => unknown;

  test("wrong ones are refused", () => {
    for (const options of [null, 4, "4", [4], Buffer.alloc(4)])
      expect(() => wrong(options)).toThrow(TypeError);
    for (const bytes of [0, 5, 6, 7, 16, -1, 1.5, NaN, "4", null, 4n])
      expect(() => wrong({ bytes })).toThrow(TypeError);
    for (const name of ["offset", "skip", "adjustment"]) {
      for (const value of [1.5, NaN, Infinity, 2 ** 31])
        expect(() => wrong({ [name]: value })).toThrow(RangeError);
      for (const value of ["1", null, 1n, true]) expect(() => wrong({ [name]: value })).toThrow(TypeError);
    }
    for (const name of ["offset", "skip"]) expect(() => wrong({ [name]: -1 })).toThrow(RangeError);
    for (const littleEndian of [1, "yes", null]) expect(() => wrong({ littleEndian })).toThrow(TypeError);
  });

  test("an unknown one is refused with what was meant", () => {
    expect(() => wrong({ byte: 2 })).toThrow(/did you mean "bytes"\?/);
    expect(() => wrong({ littleendian: true })).toThrow(/did you mean "littleEndian"\?/);
    expect(() => wrong({ limit: 5 })).toThrow(/framed\(connection, codec, \{ limit \}\)/);
    expect(() => wrong(2)).toThrow(/the size of the length is \{ bytes \}/);
  });

  test("those that are undefined are as good as not given", () => {
    const options = {
      bytes: undefined,
      littleEndian: undefined,
      offset: undefined,
      adjustment: undefined,
      skip: undefined,
    };
    expect(sentBy(lengthPrefix(options), "a")).toEqual(HEX("00000001 61"));
    expect(lengthPrefix(undefined).decode(HEX("00000001 61"))).toEqual({ message: HEX("61"), size: 5 });
  });
});

describe("for any options", () => {
  const shape = fc.record({
    bytes: fc.constantFrom(1 as const, 2 as const, 3 as const, 4 as const, 8 as const),
    littleEndian: fc.boolean(),
    offset: fc.nat(9),
    adjustment: fc.integer({ min: -20, max: 20 }),
  });
  const payload = fc.uint8Array({ minLength: 40, maxLength: 120 });

  test("what is sent arrives, however the stream is cut", () => {
    fc.assert(
      fc.property(
        shape,
        fc.array(payload, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 9 }),
        (options, payloads, sizes) => {
          const whole = options.offset > 0;
          const codec = lengthPrefix(whole ? { ...options, skip: 0 } : options);
          const frames = payloads.map((each) => sentBy(codec, each));
          const { messages, left } = messagesIn(codec, cutBy(Buffer.concat(frames), sizes));
          expect(left).toBe(0);
          expect(messages).toEqual(whole ? frames : payloads.map((each) => Buffer.from(each)));
        },
      ),
    );
  });

  test("any bytes are messages, too few, or an error of its own", () => {
    fc.assert(
      fc.property(shape, fc.option(fc.nat(30)), fc.uint8Array({ maxLength: 200 }), (options, skip, bytes) => {
        const codec = lengthPrefix({ ...options, skip: skip ?? undefined });
        try {
          messagesIn(codec, [Buffer.from(bytes)]);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
        }
      }),
    );
  });
});
