/** Reads as the protocols of devices, prompts and shared ports need them. */
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { connect, relay, type Connection } from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/index.js";
import { AUTHORITY, LOCALHOST } from "../../support/certificates.js";
import { netError } from "../../support/outcomes.js";
import { closeAll, keep, loopback, netClient } from "../../support/peers.js";

afterEach(closeAll);

/** Writes the bytes in two pieces, cut at `at`. */
async function writeCut(connection: Connection, bytes: Buffer, at: number): Promise<void> {
  await connection.write(bytes.subarray(0, at));
  await connection.write(bytes.subarray(at));
}

/** Calls `read` with a connection for each place at which the bytes that it reads can be cut, and then ended. */
async function atEveryCut(bytes: Buffer, read: (connection: Connection) => Promise<void>): Promise<void> {
  for (let at = 0; at <= bytes.length; at++) {
    const [device, connection] = memoryPair();
    await Promise.all([
      writeCut(device, bytes, at).then(() => device.closeWrite()),
      read(connection).finally(() => connection.reset()),
    ]);
  }
}

test("messages of HL7 come between VT and FS CR (MLLP)", async () => {
  const messages = [
    "MSH|^~\\&|LAB|HOSPITAL|||20260101||ORU^R01|1|P|2.5\rPID|1||42\r",
    "MSH|^~\\&|LAB|HOSPITAL|||20260101||ACK|2|P|2.5\r",
  ];
  const sent = Buffer.from(messages.map((message) => `\x0b${message}\x1c\r`).join(""));
  await atEveryCut(sent, async (connection) => {
    const received: string[] = [];
    for await (const block of connection.split("\x1c\r")) {
      expect(block[0]).toBe(0x0b);
      received.push(block.toString("utf8", 1));
    }
    expect(received).toEqual(messages);
  });
});

test("a device frames its readings in STX and ETX, with noise between them", async () => {
  const sent = Buffer.from("\x00\xff\x02+0012.5 kg\x03\r\n\x02+0013.0 kg\x03", "latin1");
  await atEveryCut(sent, async (connection) => {
    const readings: string[] = [];
    while ((await connection.readUntil("\x02")) !== null) {
      readings.push(String(await connection.readUntil("\x03")));
    }
    expect(readings).toEqual(["+0012.5 kg", "+0013.0 kg"]);
  });
});

test("a client answers whichever prompt of a telnet server comes first", async () => {
  /** A server that greets, asks for name and password, and lets in whom it knows; each prompt comes in pieces. */
  const server = keep(
    createServer((socket: Socket) => {
      const prompt = (text: string): void => {
        for (const character of text) socket.write(character);
      };
      const answers: string[] = [];
      prompt("Debian GNU/Linux 12\r\nlogin: ");
      socket.on("data", (data) => {
        answers.push(data.toString().trimEnd());
        if (answers.length % 2 === 1) prompt("Password: ");
        else prompt(answers.at(-1) === "secret" ? "\r\nWelcome\r\n$ " : "\r\nLogin incorrect\r\nlogin: ");
      });
    }).listen(0, "127.0.0.1"),
  );
  await once(server, "listening");
  await using connection = await connect("127.0.0.1", (server.address() as AddressInfo).port);
  const passwords = ["guess", "secret"];
  const seen: string[] = [];
  for (;;) {
    const asked = await connection.readUntilAny(["login: ", "Password: ", "$ "]);
    seen.push(`${String(asked?.bytes)}[${String(asked?.delimiter)}]`);
    if (asked?.delimiter === "$ ") break;
    await connection.writeLine(asked?.delimiter === "login: " ? "root" : String(passwords.shift()));
  }
  expect(seen).toEqual([
    "Debian GNU/Linux 12\r\n[login: ]",
    "[Password: ]",
    "\r\nLogin incorrect\r\n[login: ]",
    "[Password: ]",
    "\r\nWelcome\r\n[$ ]",
  ]);
  connection.reset();
});

test("the last line of a reply of FTP is the one with a blank behind its code", async () => {
  const sent = Buffer.from("230-Welcome\r\n230-to the archive\r\n230 Logged in\r\n331 Password required\r\n");
  await atEveryCut(sent, async (connection) => {
    const reply = async (): Promise<string[]> => {
      const lines: string[] = [];
      for await (const line of connection.split("\r\n")) {
        lines.push(line.toString());
        if (line[3] === 0x20) break;
      }
      return lines;
    };
    expect(await reply()).toEqual(["230-Welcome", "230-to the archive", "230 Logged in"]);
    expect(await reply()).toEqual(["331 Password required"]);
  });
});

describe("two protocols on one port", () => {
  /** Serves a line over TLS or in the clear, whichever the client speaks. `head` looks at the first byte. */
  async function serveBoth(head: (connection: Connection) => Promise<number | undefined>): Promise<number> {
    const listener = await loopback();
    const served = async (raw: Connection): Promise<void> => {
      let connection = keep(raw);
      const isTls = (await head(connection)) === 0x16;
      if (isTls)
        connection = keep(await connection.startTls({ ...LOCALHOST, isServer: true, timeout: 5_000 }));
      await connection.writeLine(`${isTls ? "secure" : "plain"} ${String(await connection.readLine())}`);
      await connection.close();
    };
    void (async () => {
      for await (const connection of listener) served(connection).catch(() => undefined);
    })();
    return listener.port;
  }

  test.each([
    ["peek", async (connection: Connection) => (await connection.peek(1))[0]],
    [
      "unread",
      async (connection: Connection) => {
        const head = await connection.readExactly(5);
        connection.unread(head);
        return head[0];
      },
    ],
  ])("are told apart by %s", async (_name, head) => {
    const port = await serveBoth(head);
    const plain = await netClient(port);
    plain.write("hello\n");
    const secure = tlsConnect({ port, host: "127.0.0.1", ca: AUTHORITY, servername: "localhost" });
    keep(secure).write("hello\n");
    const answers = await Promise.all(
      [plain, secure].map(async (socket) => String(await once(socket, "data"))),
    );
    expect(answers).toEqual(["plain hello\n", "secure hello\n"]);
  });
});

test("bytes in the clear that were put back are refused by startTls, as those that had come", async () => {
  const [client, server] = memoryPair();
  await client.write("AUTH");
  const head = await server.readExactly(4);
  server.unread(head);
  const error = await netError(server.startTls({ ...LOCALHOST, isServer: true, timeout: 5_000 }));
  expect(error).toMatchObject({ code: "ERR_TLS_PLAINTEXT", operation: "tls" });
  client.reset();
});

test("a relay passes on first what was put back", async () => {
  const [client, near] = memoryPair();
  const [far, server] = memoryPair();
  await client.write("GET / HTTP/1.1\r\n");
  const method = await near.readUntil(" ");
  near.unread([method ?? "", " "]);
  const relaying = relay(near, far);
  await client.closeWrite();
  expect(String(await server.readAll())).toBe("GET / HTTP/1.1\r\n");
  await server.close();
  expect(await relaying).toEqual([16, 0]);
});
