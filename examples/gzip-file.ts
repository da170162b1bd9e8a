/**
 * Sends a file to another program, compressed on its way: a pipeline at each end.
 *
 *     npx tsx examples/gzip-file.ts receive FILE [port]
 *     npx tsx examples/gzip-file.ts send FILE [endpoint]
 *
 * A failure at one end, of a disk or a program, fails the other end: half a file is never taken for the whole.
 */
import { createWriteStream } from "node:fs";
import { open, rename } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { connect, listen } from "tcp6";

const [role, file, where] = process.argv.slice(2);

try {
  if (role === "send" && file !== undefined) await send(file, where);
  else if (role === "receive" && file !== undefined) await receive(file, where);
  else throw new Error("usage: npx tsx examples/gzip-file.ts receive FILE [port] | send FILE [endpoint]");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function send(file: string, endpoint = "localhost:4242"): Promise<void> {
  await using source = await open(file);
  await using connection = await connect(endpoint);
  await pipeline(source.createReadStream(), createGzip(), connection.duplex);
  // The pipeline has ended our side only. The receiver confirms when the file is on its disk: sending it does not prove that.
  const answer = await connection.readLine();
  if (answer === null) throw new Error("the receiver has ended without saying that it has the file");
  console.log(answer);
}

async function receive(file: string, port: number | string = 4242): Promise<void> {
  await using listener = await listen(port);
  console.log(`listening on port ${String(listener.port)}`);
  await using connection = await listener.accept();
  const target = createWriteStream(`${file}.part`);
  await pipeline(connection.duplex, createGunzip(), target);
  await rename(`${file}.part`, file);
  const answer = `${connection.bytesRead} bytes received, a file of ${target.bytesWritten}`;
  await connection.writeLine(answer);
  console.log(answer);
}
