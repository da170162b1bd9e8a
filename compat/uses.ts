/**
 * A program that uses what the published types promise, as every release of TypeScript from 5.2 can read it. It is compiled
 * and never run; each `@ts-expect-error` is a mistake that the types refuse.
 */
import type { Server, Socket } from "node:net";
import { Readable, Writable, type Duplex } from "node:stream";
import {
  connect,
  Connection,
  lengthPrefixed,
  listen,
  Listener,
  NetError,
  NetTimeoutError,
  relay,
  resolve,
  serve,
  type ByteReadable,
  type ByteWritable,
  type ConnectOptions,
  type Handler,
  type ListenOptions,
  type NetErrorCode,
  type ServeOptions,
} from "tcp6";
import { faulty, memoryPair, simulate, type MemoryPairOptions } from "tcp6/testing";

export async function reads(connection: Connection): Promise<void> {
  const chunk: Uint8Array | null = await connection.read();
  const exact: Buffer = await connection.readExactly(2, { timeout: 1_000 });
  const record: Buffer | null = await connection.readUntil("\n");
  const line: string | null = await connection.readLine({ terminator: "crlf", encoding: "latin1", limit: 5 });
  for await (const bytes of connection) bytes.readUInt8(exact.length);
  for await (const frame of lengthPrefixed(connection)) frame.readUInt8(record?.length ?? chunk?.length);
  for await (const text of connection.lines()) text.trim();
  connection.unread([await connection.peek(1), line ?? ""]);
  // @ts-expect-error -- a terminator that is read has a name
  await connection.readLine({ terminator: "\r\n" });
}

export async function writes(connection: Connection): Promise<void> {
  await connection.writeLine("text", { encoding: "latin1", terminator: "\r\n", timeout: 5 });
  await connection.write(["text", new ArrayBuffer(1), new Uint8Array(1)]);
  // @ts-expect-error -- text is sent in two encodings only
  await connection.write("text", { encoding: "hex" });
}

export async function streams(connection: Connection): Promise<Socket> {
  const readable: ByteReadable = connection.readable;
  const writable: ByteWritable = connection.writable;
  const duplex: Duplex = connection.duplex;
  const global: [ReadableStream<Uint8Array>, WritableStream<Uint8Array>] = [readable, writable];
  const node: [Readable, Writable] = [Readable.fromWeb(readable), Writable.fromWeb(writable)];
  await new Response(readable).text();
  for await (const bytes of readable) bytes.fill(0);
  const writer = writable.getWriter();
  await writer.write("text");
  // @ts-expect-error -- it takes text and bytes
  await writer.write(1);
  console.log(global, node, duplex);
  return connection.detach({ allowHalfOpen: true });
}

export async function servers(options: ListenOptions, to: ConnectOptions): Promise<Server> {
  const echo: Handler = async (connection, { signal }) => {
    await connection.write((await connection.read({ signal })) ?? "");
  };
  const limits: ServeOptions = { concurrency: 10, perAddress: 2, grace: Infinity, onError: console.error };
  await using listener = await listen(0, { ...options, host: "127.0.0.1" });
  await serve(listener, echo, limits);
  await serve(listener, async (connection) => relay(connection, await connect("localhost", 80, to)));
  const [address] = await resolve("localhost", "https");
  for await (const client of listener) client.reset();
  // @ts-expect-error -- there is no such option
  await connect("localhost", 80, { timout: 1 });
  console.log(address?.port satisfies number | undefined);
  return listener.server;
}

export function errors(error: unknown): NetErrorCode | undefined {
  if (error instanceof NetTimeoutError) {
    const code: "ETIMEDOUT" = error.code;
    return code;
  }
  return error instanceof NetError ? (error.code satisfies string) : undefined;
}

// @ts-expect-error -- private
export const made: unknown[] = [new Connection(), new Listener()];

export async function testing(options: MemoryPairOptions, socket: Duplex): Promise<[Connection, Connection]> {
  // @ts-expect-error -- there is no such option
  memoryPair({ capactiy: 1 });
  const harmed: Duplex = faulty(socket, { seed: 1 });
  await simulate({ seed: 1 }, (network) => network.host("a").run(() => connect("b", 1).then(reads)));
  console.log(harmed);
  return memoryPair({ ...options, capacity: 1, readTimeout: 5 });
}
