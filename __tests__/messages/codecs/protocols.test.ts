import { Buffer } from "node:buffer";
import { delimited, lengthPrefix, varintPrefix, type Codec, type Data } from "../../../src/index.js";
import { cutsOf, messagesIn, sentBy } from "../../support/codecs/cuts.js";

/** Bytes in hexadecimal, among texts in single quotes. */
function bytesOf(notation: string): Buffer {
  const parts = notation.match(/'[^']*'|[0-9a-f]{2}/g) ?? [];
  return Buffer.concat(
    parts.map((part) => (part.startsWith("'") ? Buffer.from(part.slice(1, -1)) : Buffer.from(part, "hex"))),
  );
}

interface Protocol {
  readonly name: string;
  /** Where the specification says what a frame looks like: the frames below are laid out after it. */
  readonly source: string;
  /** Which of the bytes below are an example of the specification's own, and where it stands. */
  readonly example?: string;
  readonly codec: Codec<Buffer, Data | readonly Data[]>;
  /** Bytes of a frame that are not in the message: the first ones, and the last ones. */
  readonly without: readonly [front: number, end?: number];
  readonly frames: readonly string[];
}

/**
 * Protocols that put a length or a delimiter to each message. What is received is sent again as it is. Real programs that
 * speak some of them are in real-programs.test.ts.
 */
const PROTOCOLS: readonly Protocol[] = [
  {
    name: "DNS over TCP",
    source: "RFC 1035, 4.2.2, and RFC 7766, 8; a question and its answer as in RFC 1035, 4.1",
    example: "the bytes of the name F.ISI.ARPA: RFC 1035, 4.1.4",
    codec: lengthPrefix({ bytes: 2 }),
    without: [2],
    frames: [
      "001c beef 0100 0001 0000 0000 0000 01'F' 03'ISI' 04'ARPA' 00 0001 0001",
      "002c beef 8180 0001 0001 0000 0000 01'F' 03'ISI' 04'ARPA' 00 0001 0001 c00c 0001 0001 00000e10 0004 0a000034",
    ],
  },
  {
    name: "Modbus TCP",
    source: "MODBUS Messaging on TCP/IP Implementation Guide V1.0b, 3.1.3, MBAP Header description",
    example: "what follows the headers of the first two: MODBUS Application Protocol V1.1b3, 6.3",
    codec: lengthPrefix({ offset: 4, bytes: 2, skip: 0 }),
    without: [0],
    frames: [
      "1501 0000 0006 ff 03 006b 0003",
      "1501 0000 0009 ff 03 06 022b 0000 0064",
      "1502 0000 0003 ff 83 02",
    ],
  },
  {
    name: "Kafka",
    source: "Kafka protocol guide, Size; ApiVersions, version 0",
    codec: lengthPrefix(),
    without: [4],
    frames: ["00000010 0012 0000 00000001 0006'client'", "00000010 00000001 0000 00000001 0012 0000 0003"],
  },
  {
    name: "PostgreSQL, once it has started",
    source: "PostgreSQL, Frontend/Backend Protocol, Message Formats",
    codec: lengthPrefix({ offset: 1, adjustment: -4, skip: 0 }),
    without: [0],
    frames: [
      "'R' 00000008 00000000",
      "'Z' 00000005 'I'",
      "'Q' 0000000d 'SELECT 1' 00",
      "'S' 00000004",
      "'X' 00000004",
    ],
  },
  {
    name: "PostgreSQL, its first message",
    source: "PostgreSQL, Frontend/Backend Protocol, StartupMessage and SSLRequest",
    codec: lengthPrefix({ adjustment: -4 }),
    without: [4],
    frames: ["00000008 04d2162f", "00000012 00030000 'user' 00 'ada' 00 00"],
  },
  {
    name: "MySQL",
    source: "MySQL Internals, MySQL Packets",
    example: "all: COM_QUIT in MySQL Packets, OK_Packet, ERR_Packet",
    codec: lengthPrefix({ bytes: 3, littleEndian: true, adjustment: 1 }),
    without: [3],
    frames: ["010000 00 01", "070000 02 00 00 00 0200 0000", "170000 01 ff 4804 '#HY000' 'No tables used'"],
  },
  {
    name: "Source RCON",
    source: "Valve Developer Community, Source RCON Protocol: SERVERDATA_AUTH and an empty packet",
    codec: lengthPrefix({ littleEndian: true }),
    without: [4],
    frames: ["11000000 00000000 03000000 'passwrd' 00 00", "0a000000 00000000 00000000 00 00"],
  },
  {
    name: "HTTP/2, after its preface",
    source: "RFC 9113, 4.1; SETTINGS (6.5), its acknowledgement, PING (6.7), WINDOW_UPDATE (6.9), DATA (6.1)",
    codec: lengthPrefix({ bytes: 3, adjustment: 6 }),
    without: [3],
    frames: [
      "000006 04 00 00000000 0003 00000064",
      "000000 04 01 00000000",
      "000008 06 00 00000000 'opaque !'",
      "000004 08 00 00000000 00010000",
      "000005 00 01 00000001 'hello'",
    ],
  },
  {
    name: "TLS records",
    source: "RFC 8446, 5.1; change_cipher_spec (5), close_notify (6.1)",
    codec: lengthPrefix({ offset: 3, bytes: 2, skip: 0 }),
    without: [0],
    frames: ["14 0303 0001 01", "15 0303 0002 01 00"],
  },
  {
    name: "AMQP 1.0, after its header",
    source: "AMQP 1.0, 2.3.1; an empty frame (2.4.5), close (2.7.9)",
    codec: lengthPrefix({ adjustment: -4 }),
    without: [4],
    frames: ["00000008 02 00 0000", "0000000c 02 00 0000 00 53 18 45"],
  },
  {
    name: "AMQP 0-9-1, after its header",
    source: "AMQP 0-9-1, 4.2.3; a heartbeat (4.2.7), connection.close-ok",
    codec: lengthPrefix({ offset: 3, adjustment: 1, skip: 0 }),
    without: [0],
    frames: ["08 0000 00000000 ce", "01 0000 00000004 000a 0033 ce"],
  },
  {
    name: "BGP",
    source: "RFC 4271, 4.1; KEEPALIVE (4.4), NOTIFICATION (4.5) of a shutdown (RFC 4486, 4)",
    codec: lengthPrefix({ offset: 16, bytes: 2, adjustment: -18, skip: 0 }),
    without: [0],
    frames: [`${"ff".repeat(16)} 0013 04`, `${"ff".repeat(16)} 0015 03 06 02`],
  },
  {
    name: "TPKT: RDP, H.323, ISO over TCP",
    source: "RFC 1006, 6; a connection request of X.224, 13.3",
    codec: lengthPrefix({ offset: 2, bytes: 2, adjustment: -4, skip: 0 }),
    without: [0],
    frames: ["03 00 000b 06 e0 0000 0000 00", "03 00 0007 02 f0 80"],
  },
  {
    name: "Diameter",
    source: "RFC 6733, 3; a Device-Watchdog-Request (5.5.1) without its AVPs",
    codec: lengthPrefix({ offset: 1, bytes: 3, adjustment: -4, skip: 0 }),
    without: [0],
    frames: ["01 000014 80 000118 00000000 00000001 00000002"],
  },
  {
    name: "SMPP",
    source: "SMPP v3.4, 3.2; enquire_link and enquire_link_resp of 4.11",
    example: "the first: a bind_transmitter, 3.2.2",
    codec: lengthPrefix({ adjustment: -4 }),
    without: [4],
    frames: [
      "0000002f 00000002 00000000 00000001 'SMPP3TEST' 00 'secret08' 00 'SUBMIT1' 00 00 01 01 00",
      "00000010 00000015 00000000 00000001",
      "00000010 80000015 00000000 00000001",
    ],
  },
  {
    name: "MongoDB",
    source: "MongoDB Wire Protocol, Standard Message Header; OP_MSG with { ping: 1 }",
    codec: lengthPrefix({ littleEndian: true, adjustment: -4 }),
    without: [4],
    frames: ["24000000 01000000 00000000 dd070000 00000000 00 0f000000 10'ping'00 01000000 00"],
  },
  {
    name: "Cassandra, up to version 4",
    source: "CQL Binary Protocol v4, 2 and 4.1.3: OPTIONS",
    codec: lengthPrefix({ offset: 5, skip: 0 }),
    without: [0],
    frames: ["04 00 0000 05 00000000", "84 00 0001 02 00000000"],
  },
  {
    name: "9P",
    source: "Plan 9 manual, intro(5) and version(5): Tversion",
    codec: lengthPrefix({ littleEndian: true, adjustment: -4 }),
    without: [4],
    frames: ["13000000 64 ffff 00200000 0600'9P2000'"],
  },
  {
    name: "Minecraft, without compression",
    source: "Minecraft Wiki, Java Edition protocol, Packet format; a handshake, a status request",
    codec: varintPrefix(),
    without: [1],
    frames: ["0f 00 2f 09'localhost' 63dd 01", "01 00"],
  },
  {
    name: "protobuf, delimited",
    source: "Protocol Buffers, Techniques, Streaming Multiple Messages",
    example: "the messages { a: 150 } and { b: 'testing' }: Protocol Buffers, Encoding",
    codec: varintPrefix(),
    without: [1],
    frames: ["03 08 9601", "09 12 07'testing'", "00"],
  },
  {
    name: "HL7 over MLLP",
    source: "HL7 Minimal Lower Layer Protocol, Release 1: <VT> message <FS><CR>",
    codec: delimited("\x1c\r"),
    without: [0, 2],
    frames: ["0b 'MSH|^~\\&|ADT|' 0d 'EVN|A01|' 0d 1c0d", "0b 'MSH|^~\\&|ADT|' 0d 'MSA|AA|1' 0d 1c0d"],
  },
  {
    name: "STOMP, where bodies are text",
    source: "STOMP 1.2, STOMP Frames",
    example: "both: Connecting, and SEND",
    codec: delimited("\0"),
    without: [0, 1],
    frames: [
      "'CONNECT' 0a 'accept-version:1.2' 0a 'host:stomp.github.org' 0a 0a 00",
      "'SEND' 0a 'destination:/queue/a' 0a 'content-type:text/plain' 0a 0a 'hello queue a' 0a 00",
    ],
  },
];

/** Whether its bytes are from the specification, or were laid out here after it. */
function origin({ example }: Protocol): string {
  return example === undefined ? "laid out as its source says" : "with an example of its source";
}

describe.each(PROTOCOLS.map((protocol) => [protocol.name, origin(protocol), protocol] as const))(
  "%s (%s)",
  (_name, _origin, { codec, frames, without: [front, end = 0] }) => {
    const wire = frames.map(bytesOf);
    const messages = wire.map((frame) => frame.subarray(front, frame.length - end));

    test("messages are what the specification says, wherever the stream is cut", () => {
      expect(frames.length).toBeGreaterThan(0);
      for (const pieces of cutsOf(Buffer.concat(wire))) {
        expect(messagesIn(codec, pieces)).toEqual({ messages, left: 0 });
      }
    });

    test("what is sent is what the specification says, in one part or in several", () => {
      for (const [index, message] of messages.entries()) {
        expect(sentBy(codec, message)).toEqual(wire[index]);
        const middle = message.length >> 1;
        expect(sentBy(codec, [message.subarray(0, middle), message.subarray(middle)])).toEqual(wire[index]);
      }
    });
  },
);
