/** STARTTLS as mail servers and their clients have it: each end of it ours, and the other end another project's. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { createTransport } from "nodemailer";
import { SMTPServer } from "smtp-server";
import { connect, type Connection } from "../../src/index.js";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { AUTHORITY, LOCALHOST, OTHER_AUTHORITY } from "../support/certificates.js";
import { describeWith, OPENSSL, PYTHON } from "../support/machine.js";
import { opensslClient } from "../support/openssl.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep, loopback } from "../support/peers.js";
import { endPrograms, type Program } from "../support/program.js";
import { python } from "../support/python.js";
import { nothingLeft } from "../support/resources.js";
import { command, sendMail, serveSmtp, startSmtp, type SmtpSession } from "../support/smtp.js";

const MEGABYTES = 3 * 1024 * 1024;

/** A mail of lines that SMTP takes as they are. */
const MAIL = [
  "Subject: much",
  "",
  ...(randomBytes(MEGABYTES)
    .toString("base64")
    .match(/.{1,76}/g) ?? []),
].join("\r\n");

let files: CertificateFiles;

beforeAll(async () => {
  files = await certificateFiles();
});

afterAll(() => files[Symbol.asyncDispose]());

afterEach(async () => {
  await endPrograms();
  await closeAll();
  await nothingLeft();
});

/** What becomes of a client that `start` makes, and connects to a server of ours. */
async function served(start: (port: number) => unknown): Promise<SmtpSession> {
  const listener = await loopback();
  start(listener.port);
  return serveSmtp(await listener.accept());
}

describeWith(OPENSSL, "openssl s_client, and a server of ours", () => {
  function client(port: number, lines: string, trusted = files, ...args: string[]): Program {
    const program = opensslClient(port, trusted, "-starttls", "smtp", "-crlf", "-quiet", ...args);
    program.feed(lines);
    return program;
  }

  test.each(["-tls1_2", "-tls1_3"])("commands over %s, until it quits", async (version) => {
    let program!: Program;
    const { connection } = await served((port) => {
      program = client(port, "NOOP\nQUIT\n", files, version);
    });
    expect(connection.tls?.protocol).toBe(version === "-tls1_2" ? "TLSv1.2" : "TLSv1.3");
    const { status, stdout, stderr } = await program.ended;
    expect(stdout.toString()).toMatch(/^(250 STARTTLS\r\n)?250 ok\r\n221 bye\r\n$/);
    expect(stderr).not.toMatch(/unexpected eof/);
    expect(status).toBe(0);
  });

  test("it does not trust the certificate: the server is told", async () => {
    let program!: Program;
    const session = served((port) => {
      program = client(port, "", { ...files, authority: files.otherAuthority });
    });
    expect(await netError(session)).toMatchObject({
      operation: "tls",
      code: expect.stringMatching(/ALERT_UNKNOWN_CA$/) as string,
    });
    expect((await program.ended).status).not.toBe(0);
  });

  test("it is killed in the middle of a mail: the server does not take a part for the whole", async () => {
    let program!: Program;
    const session = served((port) => {
      program = client(port, "MAIL FROM:<a@example.org>\nDATA\nSubject: half\n");
      void program.says(/^354/m).then(() => program.kill("SIGKILL"));
    });
    expect(await netError(session)).toMatchObject({
      operation: "read",
      code: expect.stringMatching(/^(ERR_TLS_TRUNCATED|ECONNRESET)$/) as string,
    });
    await program.ended;
  });
});

describeWith(PYTHON, "Python's smtplib, and a server of ours", () => {
  test("a mail of megabytes, intact", async () => {
    let program!: Program;
    const session = await served((port) => {
      program = python("smtp_client", String(port), files.authority, String(MEGABYTES));
    });
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stdout: stdout.toString(), stderr }).toEqual({
      status: 0,
      stdout: "sent over TLSv1.3\n",
      stderr: "",
    });
    expect(session.mails).toHaveLength(1);
    expect(session.mails[0]).toMatch(/^Subject: hello\r\n\r\n(x{76}\r\n)+/);
    expect(session.mails[0]?.length).toBeGreaterThan(MEGABYTES - 100);
  });

  test("it does not trust the certificate: the server is told", async () => {
    let program!: Program;
    const session = served((port) => {
      program = python("smtp_client", String(port), files.otherAuthority, "100");
    });
    expect(await netError(session)).toMatchObject({ operation: "tls" });
    expect((await program.ended).stderr).toMatch(/CERTIFICATE_VERIFY_FAILED/);
  });
});

describe("nodemailer, and a server of ours", () => {
  function send(port: number, tls: object): Promise<unknown> {
    const transport = createTransport({ host: "localhost", port, requireTLS: true, tls });
    return transport.sendMail({ envelope: { from: "a@example.org", to: "b@example.org" }, raw: MAIL });
  }

  test("a mail of megabytes, intact", async () => {
    let sent: Promise<unknown> | undefined;
    const { mails, connection } = await served((port) => (sent = send(port, { ca: AUTHORITY })));
    await sent;
    expect(mails).toHaveLength(1);
    expect(mails[0] === MAIL).toBe(true);
    expect(connection.tls).toMatchObject({ protocol: "TLSv1.3", servername: "localhost" });
    await connection.closed;
  });

  test("it does not trust the certificate: the server is told", async () => {
    let sent: Promise<unknown> | undefined;
    const session = served((port) => {
      sent = send(port, { ca: OTHER_AUTHORITY });
      sent.catch(() => undefined);
    });
    expect(await netError(session)).toMatchObject({ operation: "tls" });
    await expect(sent).rejects.toMatchObject({ code: "ESOCKET" });
  });
});

describe("a client of ours, and smtp-server", () => {
  let server: SMTPServer;
  let received: string;

  beforeEach(async () => {
    server = new SMTPServer({
      ...LOCALHOST,
      authOptional: true,
      disabledCommands: ["AUTH"],
      disableReverseLookup: true,
      size: 2 * MEGABYTES,
      closeTimeout: 1,
      onData(stream, _session, callback) {
        text(stream).then((whole) => {
          received = whole;
          callback();
        }, callback);
      },
    });
    server.on("error", () => undefined);
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
  });

  afterEach(() => new Promise<void>((resolve) => server.close(resolve)));

  async function connected(): Promise<Connection> {
    return keep(await connect("127.0.0.1", (server.server.address() as AddressInfo).port));
  }

  test("a mail of megabytes, intact, and the server's end", async () => {
    const connection = await connected();
    const encrypted = keep(await startSmtp(connection, { ca: AUTHORITY, servername: "localhost" }));
    await sendMail(encrypted, MAIL);
    expect(received === `${MAIL}\r\n`).toBe(true);
    await command(encrypted, "QUIT", 221);
    expect(await encrypted.readLine()).toBeNull();
    await encrypted.close();
    await encrypted.closed;
  });

  test("the connection that was not encrypted is closed", async () => {
    const connection = await connected();
    await startSmtp(connection, { ca: AUTHORITY, servername: "localhost" }).then(keep);
    expect(await netError(connection.readLine())).toMatchObject({ code: "ERR_CLOSED" });
    expect(await netError(connection.write("NOOP\r\n"))).toMatchObject({ code: "ERR_CLOSED" });
  });

  test("a certificate that is not trusted is refused, and says so", async () => {
    const connection = await connected();
    const error = await netError(startSmtp(connection, { ca: OTHER_AUTHORITY, servername: "localhost" }));
    expect(error).toMatchObject({ operation: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    expect(error.message).toMatch(/127\.0\.0\.1:\d+/);
  });
});
