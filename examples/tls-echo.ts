/**
 * An echo server over TLS, and a client of it, with a certificate that is made on the spot.
 *
 *     npx tsx examples/tls-echo.ts [port]
 *
 * The client trusts that certificate and no other. A program that connects to public servers needs no `ca`: `{ tls: true }`.
 */
import { generate } from "selfsigned";
import { connect, listen, type Connection } from "tcp6";

const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  algorithm: "sha256",
  extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
});

await using listener = await listen(process.argv[2] ?? 0, { tls: { key, cert } });
console.log(`listening on port ${String(listener.port)}`);
void serve();

await using client = await connect("localhost", listener.port, { tls: { ca: cert }, timeout: 5_000 });
console.log(`connected: ${client.tls?.protocol}, to ${client.tls?.peerCertificate?.subject}`);
for (const word of ["Hello!", "Good Bye!"]) {
  await client.writeLine(word);
  console.log(`echoed: ${await client.readLine()}`);
}

// A client that does not know the certificate is told what is wrong.
try {
  await connect("localhost", listener.port, { tls: true });
} catch (error) {
  console.log((error as Error).message);
}

async function serve(): Promise<void> {
  for await (const connection of listener) {
    echo(connection).catch((error: unknown) => console.error(String(error)));
  }
}

async function echo(connection: Connection): Promise<void> {
  await using client = connection;
  for await (const chunk of client) await client.write(chunk);
}
