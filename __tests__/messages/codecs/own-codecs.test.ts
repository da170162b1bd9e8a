import { Buffer } from "node:buffer";
import { varintPrefix, type Codec } from "../../../src/index.js";
import { mqtt } from "../../support/codecs/mqtt.js";
import { cutsOf, messagesIn, sentBy, thrownBy } from "../../support/codecs/cuts.js";

const HEX = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("a codec of a program's own takes five lines", () => {
  const names: Codec<string> = {
    decode(bytes) {
      const size = 1 + (bytes[0] ?? 0);
      return bytes.length < size ? size : { message: bytes.toString("utf8", 1, size), size };
    },
    encode: (name) => [Buffer.of(Buffer.byteLength(name)), name],
  };
  const all = ["Ada", "José", "x".repeat(255)];
  const stream = Buffer.concat(all.map((name) => sentBy(names, name)));
  for (const pieces of cutsOf(stream)) expect(messagesIn(names, pieces)).toEqual({ messages: all, left: 0 });
});

test("a codec may be made out of another one", () => {
  const bytes = varintPrefix();
  const texts: Codec<string> = {
    decode(received) {
      const decoded = bytes.decode(received);
      return typeof decoded === "object" ? { ...decoded, message: decoded.message.toString() } : decoded;
    },
    encode: (text) => bytes.encode(text),
  };
  const stream = Buffer.concat(["one", "", "three"].map((text) => sentBy(texts, text)));
  for (const pieces of cutsOf(stream))
    expect(messagesIn(texts, pieces).messages).toEqual(["one", "", "three"]);
});

describe("MQTT", () => {
  // MQTT 3.1.1: CONNECT (3.1, with the variable header of 3.1.2), CONNACK (3.2), PINGREQ (3.12), DISCONNECT (3.14)
  const wire = [
    HEX("10 0f 0004 4d515454 04 02 000a 0003 616461"),
    HEX("20 02 00 00"),
    HEX("c0 00"),
    HEX("e0 00"),
  ];

  test("packets are what the specification says, wherever the stream is cut", () => {
    for (const pieces of cutsOf(Buffer.concat(wire))) {
      const { messages, left } = messagesIn(mqtt, pieces);
      expect(left).toBe(0);
      expect(messages).toEqual(wire.map((packet) => ({ header: packet[0], body: packet.subarray(2) })));
      expect(messages.map((message) => sentBy(mqtt, message))).toEqual(wire);
    }
  });

  // MQTT 3.1.1, table 2.4
  test.each([
    [0, "00"],
    [127, "7f"],
    [128, "8001"],
    [16_383, "ff7f"],
    [16_384, "808001"],
    [2_097_151, "ffff7f"],
    [2_097_152, "80808001"],
    [268_435_455, "ffffff7f"],
  ])("%d bytes remain: %s", (remaining, length) => {
    const head = HEX(`30 ${length}`);
    const size = head.length + remaining;
    if (remaining === 0)
      expect(mqtt.decode(head)).toEqual({ message: { header: 0x30, body: HEX("") }, size });
    else expect(mqtt.decode(head)).toBe(size);
    if (remaining <= 16_384) {
      const packet = sentBy(mqtt, { header: 0x30, body: Buffer.alloc(remaining) });
      expect(packet.subarray(0, head.length)).toEqual(head);
      expect(packet).toHaveLength(size);
    }
  });

  test("a length of more than four bytes is refused", () => {
    expect(thrownBy(() => mqtt.decode(HEX("30 80808080 01"))).message).toMatch(/malformed/);
  });
});
