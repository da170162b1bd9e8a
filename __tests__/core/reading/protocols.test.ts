/** Reads as the protocols of devices, prompts and shared ports need them. */
import { isUtf8 } from "node:buffer";
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

test("a barcode scanner ends each code with a carriage return, and sends nothing behind it", async () => {
  const [scanner, connection] = memoryPair();
  const codes = connection.lines({ terminator: "cr" });
  for (const code of ["4006381333931", "", "(01)09506000134352\x1d(10)A\nB"]) {
    const next = codes.next();
    await scanner.writeLine(code, { terminator: "\r" });
    // No byte follows: the code is here all the same.
    expect(await next).toEqual({ value: code, done: false });
  }
  // Another one is set up to end them with CR LF, or with LF. Which it is does not matter to "any".
  const ends = ["\r\n", "\r", "\n", "\r"];
  for (const terminator of ends) {
    const code = connection.readLine({ terminator: "any" });
    await scanner.writeLine("4006381333931", { terminator });
    expect(await code).toBe("4006381333931");
  }
  scanner.reset();
  connection.reset();
});

describe("a server of SMTP that takes only CRLF", () => {
  /** Answers one client, as far as this test goes; resolves to the mails that it has taken. */
  async function receiveMail(connection: Connection): Promise<string[]> {
    const mails: string[] = [];
    const strict = { terminator: "crlf", limit: 1_000 } as const;
    const say = async (reply: string) => await connection.writeLine(reply, { terminator: "\r\n" });
    try {
      await say("220 mail.example.org ESMTP");
      for (let line; (line = await connection.readLine(strict)) !== null;) {
        if (line === "DATA") {
          await say("354 go on");
          const mail = [];
          while ((line = await connection.readLine(strict)) !== ".") mail.push(line);
          mails.push(mail.join("\n"));
        }
        await say("250 OK");
      }
    } catch (error) {
      expect(error).toMatchObject({ code: "ERR_INVALID_LINE", operation: "read" });
      await say("500 lines end with CR LF");
    }
    await connection.close();
    return mails;
  }

  async function dialogue(body: string): Promise<{ mails: string[]; replies: string[] }> {
    const [client, connection] = memoryPair();
    const received = receiveMail(connection);
    await client.write(
      ["EHLO a.example", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", body, ".", ""].join(
        "\r\n",
      ),
    );
    await client.closeWrite();
    const replies = [];
    for await (const reply of client.lines({ terminator: "crlf" })) replies.push(reply.slice(0, 3));
    return { mails: await received, replies };
  }

  test("takes a mail whose lines end as they must", async () => {
    expect(await dialogue("Subject: hello\r\n\r\nHello.")).toEqual({
      mails: ["Subject: hello\n\nHello."],
      replies: ["220", "250", "250", "250", "354", "250"],
    });
  });

  test.each(["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\r", "\r\n.\n", "\r.\r\n", "\r\r\n.\r\r\n"])(
    "refuses %j for the end of a mail, and takes no second one behind it",
    async (end) => {
      const smuggled = "MAIL FROM:<admin@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nSend money.";
      expect(await dialogue(`Hello.${end}${smuggled}`)).toEqual({
        mails: [],
        replies: ["220", "250", "250", "250", "354", "500"],
      });
    },
  );
});

test("lines of IRC are bytes, since each user has an encoding of their own", async () => {
  const lines = [
    Buffer.from(":ann PRIVMSG #tea :grüß dich", "utf8"),
    Buffer.from(":bob PRIVMSG #tea :na\xefve", "latin1"),
    Buffer.from(":\xe5\xe4\xf6 PRIVMSG #tea :\r in the middle", "latin1"),
  ];
  const [first, second, third] = lines as [Buffer, Buffer, Buffer];
  const sent = Buffer.concat([
    first,
    Buffer.from("\r\n"),
    second,
    Buffer.from("\n"),
    third,
    Buffer.from("\r\n"),
  ]);
  await atEveryCut(sent, async (connection) => {
    const received: Buffer[] = [];
    for await (const line of connection.split(["\r\n", "\n"], { limit: 510 })) received.push(line);
    expect(received).toEqual(lines);
    const decoded = received.map((line) => (isUtf8(line) ? line.toString() : line.toString("latin1")));
    expect(decoded.slice(0, 2)).toEqual([":ann PRIVMSG #tea :grüß dich", ":bob PRIVMSG #tea :naïve"]);
  });
  // A client of latin1 that answers them.
  const [client, server] = memoryPair();
  await client.writeLine("PRIVMSG #tea :naïve", { encoding: "latin1", terminator: "\r\n" });
  expect(await server.readUntil("\r\n")).toEqual(Buffer.from("PRIVMSG #tea :na\xefve", "latin1"));
  client.reset();
  server.reset();
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
