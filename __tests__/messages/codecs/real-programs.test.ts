/** The codecs against programs that others have written: Node's own, and clients and servers from npm. */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { Kafka, logLevel } from "kafkajs";
import { connect as connectMqtt } from "mqtt";
import { createConnection as createMysqlConnection } from "mysql2";
import { Client } from "pg";
import {
  connect,
  framed,
  lengthPrefix,
  listen,
  type Connection,
  type Data,
  type Listener,
  type Messages,
} from "../../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";
import { mqtt } from "../../support/codecs/mqtt.js";

const HOST = "127.0.0.1";

type Frames = Messages<Buffer, Data | readonly Data[]>;

let listener: Listener & { readonly port: number };

beforeEach(async () => {
  listener = await listen({ host: HOST, port: 0 });
});

afterEach(() => listener.close());

/** The next message, which must come. */
async function next(messages: Frames): Promise<Buffer> {
  const message = await messages.receive({ timeout: 4_000 });
  if (message === null) throw new Error("the peer has ended the stream");
  return message;
}

test("Node's resolver asks over TCP, and gets its answer", async () => {
  // Over UDP the server says that the answer is too long (RFC 1035, 4.1.1: TC), so that the resolver asks again over TCP.
  const udp = createSocket("udp4");
  udp.on("message", (query, { port, address }) => {
    query.writeUInt16BE(0x8380, 2);
    udp.send(query, port, address);
  });
  udp.bind(listener.port, HOST);
  await once(udp, "listening");
  try {
    const resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([`${HOST}:${String(listener.port)}`]);
    const resolving = resolver.resolve4("tcp6.example");
    await using connection = await listener.accept();
    const messages = framed(connection, lengthPrefix({ bytes: 2 }));
    const query = await next(messages);
    expect(query.toString("latin1")).toContain("\x04tcp6\x07example\0");
    query.writeUInt16BE(0x8180, 2);
    query.writeUInt16BE(1, 6);
    // Without what the resolver may have put after its question (EDNS).
    query.writeUInt16BE(0, 10);
    const question = query.subarray(0, 12 + "?tcp6?example?".length + 4);
    const answer = Buffer.from("c00c0001000100000e1000040a000034", "hex");
    await messages.send([question, answer]);
    expect(await resolving).toEqual(["10.0.0.52"]);
  } finally {
    udp.close();
  }
});

test("Node's HTTP/2 client sends its frames, and reads those that are sent to it", async () => {
  const session = connectHttp2(`http://${HOST}:${String(listener.port)}`);
  const request = session.request({ ":path": "/" });
  const answered = (async () => {
    let body = "";
    for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
    return body;
  })();
  await using connection = await listener.accept();
  expect(String(await connection.readExactly(24))).toBe("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const frames = framed(connection, lengthPrefix({ bytes: 3, adjustment: 6 }));
  const SETTINGS = 4;
  const HEADERS = 1;
  const first = await next(frames);
  expect([first[0], first.length % 6]).toEqual([SETTINGS, 0]);
  await frames.send(Buffer.of(SETTINGS, 0, 0, 0, 0, 0));
  await frames.send(Buffer.of(SETTINGS, 1, 0, 0, 0, 0));
  let frame: Buffer;
  do frame = await next(frames);
  while (frame[0] !== HEADERS);
  const [type, ...stream] = frame.subarray(0, 6);
  expect([type, ...stream.slice(1)]).toEqual([HEADERS, 0, 0, 0, 1]);
  // RFC 7541, appendix A: 8 is ":status: 200".
  await frames.send(Buffer.of(HEADERS, 4, 0, 0, 0, 1, 0x88));
  await frames.send([Buffer.of(0, 1, 0, 0, 0, 1), "hello"]);
  expect(await answered).toBe("hello");
  session.destroy();
});

test("all that a TLS client and a TLS server of Node's say to each other are records", async () => {
  const server = createTlsServer(LOCALHOST, (socket) => socket.pipe(socket));
  server.listen(0, HOST);
  await once(server, "listening");
  const client = connectTls({
    host: HOST,
    port: listener.port,
    servername: "localhost",
    ca: AUTHORITY,
  });
  const upstream = await connect({ host: HOST, port: (server.address() as { port: number }).port });
  const downstream = await listener.accept();
  const types = new Set<number | undefined>();
  const codec = lengthPrefix({ offset: 3, bytes: 2, skip: 0 });
  const forward = async (from: Connection, to: Connection) => {
    const target = framed(to, codec);
    for await (const record of framed(from, codec)) {
      types.add(record[0]);
      await target.send(record);
    }
    await to.closeWrite();
  };
  const forwarding = Promise.all([forward(downstream, upstream), forward(upstream, downstream)]);
  const sent = "x".repeat(100_000);
  client.end(sent);
  let echo = "";
  for await (const chunk of client.setEncoding("latin1")) echo += String(chunk);
  expect(echo === sent).toBe(true);
  await forwarding;
  // change_cipher_spec, handshake, application_data
  expect([...types]).toEqual(expect.arrayContaining([20, 22, 23]));
  await Promise.all([upstream.close(), downstream.close()]);
  server.close();
});

test("pg sends its messages, and reads those that are sent to it", async () => {
  const client = new Client({
    host: HOST,
    port: listener.port,
    user: "ada",
    database: "library",
    password: "",
  });
  const connecting = client.connect();
  await using connection = await listener.accept();
  const first = await next(framed(connection, lengthPrefix({ adjustment: -4 })));
  expect(first.readUInt32BE()).toBe(0x00030000);
  expect(first.toString("latin1", 4)).toContain("user\0ada\0database\0library\0");
  const messages = framed(connection, lengthPrefix({ offset: 1, adjustment: -4, skip: 0 }));
  const ok = "R\0\0\0\0\0\0\0\0";
  const ready = "Z\0\0\0\0I";
  await messages.send(ok);
  await messages.send(ready);
  await connecting;
  const querying = client.query("select 1 as one");
  const query = await next(messages);
  expect(query.toString("latin1", 5)).toBe("select 1 as one\0");
  // RowDescription of one column, an int4 as text (OID 23); DataRow; CommandComplete
  const column = Buffer.from("00000000000000000017 0004 ffffffff 0000".replaceAll(" ", ""), "hex");
  await messages.send(["T\0\0\0\0\0\x01one\0", column]);
  await messages.send("D\0\0\0\0\0\x01\0\0\0\x011");
  await messages.send("C\0\0\0\0SELECT 1\0");
  await messages.send(ready);
  expect((await querying).rows).toEqual([{ one: 1 }]);
  const ending = client.end();
  expect((await next(messages)).toString("latin1")).toBe("X\0\0\0\x04");
  await connection.close();
  await ending;
});

test("mysql2 sends its packets, and reads those that are sent to it", async () => {
  const client = createMysqlConnection({ host: HOST, port: listener.port, user: "ada", database: "library" });
  const connected = new Promise((resolve) => client.once("connect", resolve));
  const connection = await listener.accept();
  const packets = framed(connection, lengthPrefix({ bytes: 3, littleEndian: true, adjustment: 1 }));
  // Protocol::HandshakeV10, with CLIENT_PROTOCOL_41, CLIENT_SECURE_CONNECTION, CLIENT_CONNECT_WITH_DB and CLIENT_PLUGIN_AUTH
  await packets.send([
    Buffer.of(0, 10),
    "8.0.0\0",
    Buffer.from(
      "01000000 6162636465666768 00 0882 21 0200 0800 15 00000000000000000000".replaceAll(" ", ""),
      "hex",
    ),
    "ijklmnopqrst\0mysql_native_password\0",
  ]);
  const login = await next(packets);
  expect(login[0]).toBe(1);
  expect(login.toString("latin1", 33)).toMatch(/^ada\0.*library\0/s);
  const ok = Buffer.from("00000002000000", "hex");
  await packets.send([Buffer.of(2), ok]);
  await connected;
  const pinged = new Promise((resolve) => {
    client.ping(resolve);
  });
  const COM_PING = 14;
  expect(await next(packets)).toEqual(Buffer.of(0, COM_PING));
  await packets.send([Buffer.of(1), ok]);
  expect(await pinged).toBeFalsy();
  const COM_QUIT = 1;
  client.end();
  expect(await next(packets)).toEqual(Buffer.of(0, COM_QUIT));
  await connection.close();
});

test("kafkajs sends its requests, and reads the answers", async () => {
  const kafka = new Kafka({
    clientId: "library",
    brokers: [`${HOST}:${String(listener.port)}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  const connecting = admin.connect();
  const connection = await listener.accept();
  const messages = framed(connection, lengthPrefix());
  const request = await next(messages);
  const API_VERSIONS = 18;
  expect(request.readUInt16BE()).toBe(API_VERSIONS);
  expect(request.toString("latin1", 8, 17)).toBe("\0\x07library");
  // The answer, version 0: no error, and one kind of request, in the versions 0 to 2
  const correlation = request.subarray(4, 8);
  await messages.send([correlation, Buffer.from("0000 00000001 0012 0000 0002".replaceAll(" ", ""), "hex")]);
  await connecting;
  await admin.disconnect();
  await connection.close();
});

test("an MQTT client sends its packets, and reads those that are sent to it", async () => {
  const client = connectMqtt({
    host: HOST,
    port: listener.port,
    clientId: "ada",
    protocolVersion: 4,
    reconnectPeriod: 0,
  });
  const connected = new Promise((resolve) => client.once("connect", resolve));
  const connection = await listener.accept();
  const packets = framed(connection, mqtt);
  expect(await packets.receive()).toEqual({
    header: 0x10,
    body: Buffer.from("\0\x04MQTT\x04\x02\0\x3c\0\x03ada"),
  });
  await packets.send({ header: 0x20, body: Buffer.of(0, 0) });
  await connected;
  // The length of this packet takes two bytes.
  const payload = "x".repeat(500);
  const published = client.publishAsync("topic", payload, { qos: 1 });
  const publish = await packets.receive();
  expect(publish?.header).toBe(0x32);
  expect(publish?.body.toString("latin1", 0, 7)).toBe("\0\x05topic");
  expect(publish?.body.toString("latin1", 9)).toBe(payload);
  await packets.send({ header: 0x40, body: Buffer.from(publish?.body.subarray(7, 9) ?? []) });
  await published;
  const ended = client.endAsync();
  expect(await packets.receive()).toEqual({ header: 0xe0, body: Buffer.alloc(0) });
  await connection.close();
  await ended;
});
