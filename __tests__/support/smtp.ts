/** Both ends of SMTP (RFC 5321) with STARTTLS (RFC 3207), as little of it as the tests need. */
import type { ConnectionOptions as TlsConnectionOptions } from "node:tls";
import type { Connection } from "../../src/index.js";
import { LOCALHOST } from "./certificates.js";

/** What a client has done until it quit. */
export interface SmtpSession {
  /** The connection, as it was at the end. */
  readonly connection: Connection;
  readonly mails: readonly string[];
}

/** Serves a client until it quits or ends, and closes. Rejects if the connection fails, and resets it. */
export async function serveSmtp(accepted: Connection): Promise<SmtpSession> {
  let connection = accepted;
  const mails: string[] = [];
  const say = (text: string): Promise<void> => connection.write(`${text}\r\n`);
  try {
    await say("220 localhost ESMTP");
    for (;;) {
      const line = await connection.readLine();
      switch (line?.split(/[ :]/, 1)[0]?.toUpperCase()) {
        case "EHLO":
          await say(connection.tls === undefined ? "250-localhost\r\n250 STARTTLS" : "250 localhost");
          break;
        case "STARTTLS":
          await say("220 go ahead");
          connection = await connection.startTls({ ...LOCALHOST, isServer: true });
          break;
        case "DATA":
          await say("354 go ahead");
          mails.push(await textOf(connection));
          await say("250 accepted");
          break;
        case "QUIT":
          await say("221 bye");
          await connection.close();
          return { connection, mails };
        case undefined:
          await connection.close();
          return { connection, mails };
        default:
          await say("250 ok");
      }
    }
  } catch (error) {
    connection.reset();
    throw error;
  }
}

/** The text of a mail: a line with nothing but a dot ends it. Lines of the tests do not begin with one. */
async function textOf(connection: Connection): Promise<string> {
  const text = await connection.readUntil("\r\n.\r\n", { limit: Infinity });
  if (text === null) throw new Error("ended without a mail");
  return text.toString();
}

/** Reads the greeting of a server, has it start TLS, and resolves to the encrypted connection. */
export async function startSmtp(connection: Connection, tls: TlsConnectionOptions): Promise<Connection> {
  await replyOf(connection, 220);
  expect(await command(connection, "EHLO localhost", 250)).toContain("STARTTLS");
  await command(connection, "STARTTLS", 220);
  const encrypted = await connection.startTls(tls);
  await command(encrypted, "EHLO localhost", 250);
  return encrypted;
}

/** Sends a mail, and resolves when the server has accepted it. */
export async function sendMail(connection: Connection, text: string): Promise<void> {
  await command(connection, "MAIL FROM:<a@example.org>", 250);
  await command(connection, "RCPT TO:<b@example.org>", 250);
  await command(connection, "DATA", 354);
  await command(connection, `${text}\r\n.`, 250);
}

/** Sends a command, and resolves to the reply, which must have this code. */
export async function command(connection: Connection, text: string, code: number): Promise<string> {
  await connection.write(`${text}\r\n`);
  return replyOf(connection, code);
}

async function replyOf(connection: Connection, code: number): Promise<string> {
  const lines: (string | null)[] = [];
  // All lines but the last have a hyphen behind the code.
  do lines.push(await connection.readLine());
  while (lines.at(-1)?.[3] === "-");
  expect(lines.at(-1)).toMatch(new RegExp(`^${String(code)}\\b`));
  return lines.join("\n");
}
