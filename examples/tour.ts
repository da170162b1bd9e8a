/** What tcp6 does, in five steps: `npm start`. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { connect, listen, NetError, NetTimeoutError } from "tcp6";

await using listener = await listen(0);
const port = listener.port;

console.log(`1. A server on port ${port} and a client say hello.`);
{
  const serve = async (): Promise<void> => {
    await using connection = await listener.accept();
    await connection.writeLine("Hello!");
    console.log("   server heard:", await connection.readLine());
  };
  const call = async (): Promise<void> => {
    await using connection = await connect("localhost", port);
    console.log("   client heard:", await connection.readLine());
    await connection.writeLine("Good Bye!");
  };
  await Promise.all([serve(), call()]);
}

console.log("2. The server says nothing, and a read gives up; the connection is still good.");
{
  const client = await connect("localhost", port);
  const server = await listener.accept();
  try {
    await client.readLine({ timeout: 100 });
  } catch (error) {
    if (!(error instanceof NetTimeoutError)) throw error;
    console.log(`   ${error.name}: ${error.message}`);
  }
  await server.writeLine("Here I am.");
  console.log("   client heard:", await client.readLine());
  await Promise.all([client.close(), server.close()]);
}

console.log("3. An abort ends the waiting of an accept, with the reason that was given.");
{
  const shutdown = new AbortController();
  const accepting = listener.accept({ signal: shutdown.signal });
  shutdown.abort(new Error("no more clients today"));
  try {
    await accepting;
  } catch (error) {
    console.log(`   ${String(error)}`);
  }
}

console.log("4. No server listens: the error names each address that was tried.");
{
  const other = await listen(0);
  await other.close();
  try {
    await connect("localhost", other.port);
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    console.log(`   ${error.message}`);
    console.log(`   code ${error.code}, transient: ${String(error.transient)}`);
  }
}

console.log("5. A pipeline at each end: the server compresses, the client expands.");
{
  const send = async (): Promise<void> => {
    await using connection = await listener.accept();
    const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`);
    await pipeline(Readable.from(lines), createGzip(), connection.duplex);
  };
  const receive = async (): Promise<void> => {
    await using connection = await connect("localhost", port);
    let expanded = 0;
    await pipeline(connection.duplex, createGunzip(), async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) expanded += chunk.length;
    });
    console.log(`   ${connection.bytesRead} bytes came and expanded to ${expanded}`);
  };
  await Promise.all([send(), receive()]);
}

console.log("Done.");
