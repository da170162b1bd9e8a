import { Buffer } from "node:buffer";
import fc from "../../support/fast-check.js";
import { varintPrefix } from "../../../src/index.js";
import { cutBy, cutsOf, messagesIn, sentBy, thrownBy } from "../../support/codecs/cuts.js";

const HEX = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

const codec = varintPrefix();

test("a message has its length before it, and is as long as that says", () => {
  const stream = Buffer.concat([HEX("02 6162"), HEX("00"), HEX("8001"), Buffer.alloc(128, 7)]);
  for (const pieces of cutsOf(stream)) {
    expect(messagesIn(codec, pieces)).toEqual({
      messages: [HEX("6162"), HEX(""), Buffer.alloc(128, 7)],
      left: 0,
    });
  }
});

// The table of samples in https://minecraft.wiki/w/Java_Edition_protocol/Data_types#VarInt_and_VarLong
test.each([
  [1, "01"],
  [2, "02"],
  [127, "7f"],
  [128, "8001"],
  [255, "ff01"],
  [25_565, "ddc701"],
  [2_097_151, "ffff7f"],
  [2_147_483_647, "ffffffff07"],
  [4_294_967_295, "ffffffff0f"],
])("a length of %d is %s", (length, prefix) => {
  expect(codec.decode(HEX(prefix))).toBe(length + prefix.length / 2);
  if (length < 2 ** 22) {
    expect(sentBy(codec, Buffer.alloc(length)).subarray(0, prefix.length / 2)).toEqual(HEX(prefix));
  }
});

test("a length that is not whole needs a byte more", () => {
  for (const byte of [0x80, 0xff])
    for (let size = 0; size < 10; size++) expect(codec.decode(Buffer.alloc(size, byte))).toBe(size + 1);
});

test("a length may be longer than it need be", () => {
  // Servers that set aside three bytes for each length send this.
  expect(codec.decode(HEX("828000 6162"))).toEqual({ message: HEX("6162"), size: 5 });
  expect(codec.decode(HEX("80808080808080808000"))).toEqual({ message: HEX(""), size: 10 });
});

test("a length over 2^53 is as large as it says, up to 64 bits", () => {
  expect(codec.decode(HEX("8080808080808010"))).toBeGreaterThanOrEqual(2 ** 53);
  expect(codec.decode(HEX("ffffffffffffffffff01"))).toBeGreaterThanOrEqual(2 ** 63);
});

test.each([
  ["a varint that never ends", "80".repeat(10)],
  ["and goes on and on", "ff".repeat(100)],
  ["a varint of more than 64 bits", "ffffffffffffffffff02"],
])("%s is refused", (_, bytes) => {
  expect(thrownBy(() => codec.decode(HEX(bytes)))).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
});

test("a message is in memory of its own", () => {
  const bytes = Buffer.concat([HEX("e807"), Buffer.alloc(1_000, 1), HEX("03 616263")]);
  for (const from of [0, 1_002]) {
    const decoded = codec.decode(bytes.subarray(from));
    if (typeof decoded !== "object") throw new Error("not whole");
    expect(decoded.message.buffer).not.toBe(bytes.buffer);
    expect(decoded.message.buffer.byteLength).toBe(decoded.message.length);
  }
});

test("text, views and lists are one message each", () => {
  expect(sentBy(codec, "é")).toEqual(HEX("02 c3a9"));
  expect(sentBy(codec, ["a", "", Buffer.from("b"), new DataView(new ArrayBuffer(1))])).toEqual(
    HEX("03 616200"),
  );
  expect(sentBy(codec, [])).toEqual(HEX("00"));
  for (const message of [undefined, null, 5, {}, [1]])
    expect(() => codec.encode(message as string)).toThrow(TypeError);
});

test("what is sent arrives, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 9 }),
      (messages, sizes) => {
        const stream = Buffer.concat(messages.map((each) => sentBy(codec, each)));
        expect(messagesIn(codec, cutBy(stream, sizes))).toEqual({
          messages: messages.map((each) => Buffer.from(each)),
          left: 0,
        });
      },
    ),
  );
});

test("any bytes are messages, too few, or an error of its own", () => {
  const bytes = fc.array(fc.oneof(fc.nat(255), fc.integer({ min: 0x80, max: 0xff })), { maxLength: 60 });
  fc.assert(
    fc.property(bytes, (each) => {
      try {
        messagesIn(codec, [Buffer.from(each)]);
      } catch (error) {
        expect(error).toMatchObject({ code: "ERR_INVALID_MESSAGE" });
      }
    }),
  );
});
