/**
 * A mail over SMTP that begins in the clear and goes on over TLS (STARTTLS, RFC 3207): a small server, and a client of it.
 *
 *     npx tsx examples/starttls-smtp.ts
 *
 * What was said in the clear counts for nothing afterwards: the client greets anew. If it sees no offer of STARTTLS it gives
 * up, since somebody between the two may have removed it.
 */
import { generate } from "selfsigned";
import { connect, listen, type Connection } from "tcp6";

const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
});

await using listener = await listen("localhost:0");
await Promise.all([serve(), send("Hello by TLS!")]);

async function serve(): Promise<void> {
  let client = await listener.accept();
  await client.writeLine("220 ready\r");
  for (let line = await client.readLine(); line !== null; line = await client.readLine()) {
    const verb = line.toUpperCase().replace(/ .*/, "");
    if (verb === "EHLO") await client.write(client.tls ? "250 hello\r\n" : "250-hello\r\n250 STARTTLS\r\n");
    else if (verb === "STARTTLS") {
      await client.writeLine("220 go ahead\r");
      client = await client.startTls({ isServer: true, key, cert, timeout: 5_000 });
    } else if (verb === "DATA") {
      await client.writeLine("354 end with a dot\r");
      const text = await client.readUntil("\r\n.\r\n");
      console.log(`received over ${client.tls?.protocol ?? "no TLS"}: ${String(text)}`);
      await client.writeLine("250 taken\r");
    } else if (verb === "QUIT") await client.writeLine("221 bye\r");
    else await client.writeLine("250 ok\r");
  }
  await client.close();
}

async function send(text: string): Promise<void> {
  const plain = await connect("localhost", listener.port, { timeout: 5_000 });
  await ask(plain, null, "220");
  const offers = await ask(plain, "EHLO localhost", "250");
  if (!offers.includes("250 STARTTLS")) throw new Error("the server has no TLS");
  await ask(plain, "STARTTLS", "220");

  await using secure = await plain.startTls({ ca: cert, timeout: 5_000 });
  await ask(secure, "EHLO localhost", "250");
  await ask(secure, "MAIL FROM:<ada@example.org>", "250");
  await ask(secure, "RCPT TO:<bob@example.org>", "250");
  await ask(secure, "DATA", "354");
  await ask(secure, `${text}\r\n.`, "250");
  await ask(secure, "QUIT", "221");
}

/** Sends a command, and resolves to the lines of the reply. */
async function ask(connection: Connection, command: string | null, code: string): Promise<string[]> {
  if (command !== null) await connection.writeLine(`${command}\r`);
  const lines: string[] = [];
  for await (const line of connection.lines()) {
    lines.push(line);
    if (!line.startsWith("-", 3)) break;
  }
  const last = lines.at(-1) ?? "nothing";
  console.log(
    `${connection.tls ? "over TLS" : "in the clear"}: ${command?.split("\r")[0] ?? "(connected)"} -> ${last}`,
  );
  if (!last.startsWith(code)) throw new Error(`the server has answered ${last}`);
  return lines;
}
