/**
 * A program that uses what the published types promise. It is compiled and never run; each `@ts-expect-error` is a mistake
 * that the types refuse.
 */
import type { Socket } from "node:net";
import { Readable, Writable, type Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import type {
  ReadableStream as NodeReadableStream,
  WritableStream as NodeWritableStream,
} from "node:stream/web";
import {
  connect,
  Connection,
  framed,
  jsonLines,
  lengthPrefixed,
  listen,
  Listener,
  NetError,
  NetTimeoutError,
  relay,
  resolve,
  serve,
  type BatchOptions,
  type ByteReadable,
  type ByteWritable,
  type ConnectEndpoint,
  type ConnectionCloseEvent,
  type ConnectionFacts,
  type FramedOptions,
  type FrameOptions,
  type Handler,
  type ListenEndpoint,
  type DelimitedRecord,
  type LineOptions,
  type LineTerminator,
  type ListenerFacts,
  type LookupFunction,
  type LookupRequest,
  type NetErrorCode,
  type NetParameters,
  type ServeOptions,
  type SocketDuplex,
  type SplitOptions,
  type TextEncoding,
  type WriteLineOptions,
  type WriteOptions,
} from "../../src/index.js";
import { memoryPair, type MemoryPairOptions } from "../../src/testing/index.js";

// TypeScript's own, which no export shadows.
type Given = Parameters<typeof resolve>;
export const given: Given = ["localhost", 80];

export async function reads(connection: Connection): Promise<void> {
  // Memory that may be transferred.
  const chunk: Buffer<ArrayBuffer> | null = await connection.read();
  const exact: Uint8Array<ArrayBuffer> = await connection.readExactly(2);
  const record: Buffer<ArrayBuffer> | null = await connection.readUntil("\n");
  const asked = await connection.readUntilAny(["login: ", "Password: "]);
  const prompt: "login: " | "Password: " | undefined = asked?.delimiter;
  const any: DelimitedRecord | null = await connection.readUntilAny([prompt ?? "", exact]);
  any?.bytes.readUInt8();
  const all: ArrayBuffer = (await connection.readAll()).buffer;
  structuredClone(all, { transfer: [all, exact.buffer] });
  for await (const bytes of connection) structuredClone(bytes, { transfer: [bytes.buffer] });
  for await (const frame of lengthPrefixed(connection)) frame.readUInt8(record?.length ?? chunk?.length);
  for await (const bytes of connection.split(["\n", exact], { last: true })) connection.unread(bytes.buffer);
  connection.unread([await connection.peek(1), "text"]);
  for await (const line of connection.lines()) line.trim();
  const strict: LineTerminator = "crlf";
  await connection.readLine({ terminator: strict, encoding: "latin1", limit: 5, timeout: 5 });
  // @ts-expect-error -- a terminator that is read has a name
  await connection.readLine({ terminator: "\r\n" });
}

interface Loops {
  readonly line: LineOptions;
  readonly split: SplitOptions;
  readonly framed: FramedOptions;
  readonly frames: FrameOptions;
}

/** Loops yield what they are over, lists of it, or one of the two where only the program knows which. */
export async function loops(connection: Connection, of: Loops, batch: BatchOptions): Promise<void> {
  for await (const line of connection.lines(of.line)) line.trim();
  for await (const record of connection.split("\0", of.split)) record.readUInt8();
  for await (const message of framed(connection, jsonLines<string>(), of.framed)) message.trim();
  for await (const frame of lengthPrefixed(connection, of.frames)) frame.readUInt8();
  for await (const lines of connection.lines({ ...of.line, batch: true })) lines[0]?.trim();
  for await (const records of connection.split("\0", { ...of.split, batch: true })) records[0]?.readUInt8();
  for await (const frames of lengthPrefixed(connection, { ...of.frames, batch: true }))
    frames[0]?.readUInt8();
  for await (const lines of connection.lines(batch)) for (const line of [lines].flat()) line.trim();
  for await (const records of connection.split("\0", batch))
    for (const record of [records].flat()) record.readUInt8();
}

export async function writesText(connection: Connection): Promise<void> {
  const encoding: TextEncoding = "latin1";
  const options: WriteLineOptions = { encoding, terminator: "\r\n", timeout: 5 };
  await connection.writeLine("text", options);
  await connection.write(["text", new ArrayBuffer(1), new SharedArrayBuffer(1)], { encoding });
  // @ts-expect-error -- a write has no terminator
  await connection.write("text", { terminator: "\n" } satisfies WriteOptions);
  // @ts-expect-error -- text is sent in two encodings only
  await connection.write("text", { encoding: "hex" });
}

export async function serving(listener: Listener): Promise<void> {
  const echo: Handler = async (connection, { signal }) => {
    await connection.write((await connection.read({ signal })) ?? "");
  };
  const options: ServeOptions = { concurrency: 10, perAddress: 2, grace: Infinity, onError: console.error };
  await serve(listener, echo, {
    ...options,
    onError: (error: unknown, { remoteAddress }) => [error, remoteAddress],
  });
  await serve(listener, (connection) => connection.reset());
  await serve(listener, async (connection) => relay(connection, await connect("localhost", 80)));
  // @ts-expect-error -- the signal of the context is not to be replaced
  await serve(listener, (_, context) => (context.signal = AbortSignal.abort()));
  const { connections, stats } = listener;
  const refused: number = stats.refused.perAddress + stats.refused.blocked + connections;
  const told = (event: ConnectionCloseEvent): "closed" | "reset" | "failed" | "detached" => event.end;
  console.log(refused, told);
}

export async function webStreams(connection: Connection): Promise<void> {
  const readable: ByteReadable = connection.readable;
  const writable: ByteWritable = connection.writable;
  const global: [ReadableStream<Uint8Array<ArrayBuffer>>, WritableStream<Uint8Array>] = [readable, writable];
  const node: [NodeReadableStream<Uint8Array<ArrayBuffer>>, NodeWritableStream<Uint8Array>] = [
    readable,
    writable,
  ];
  const streams: [Readable, Writable] = [Readable.fromWeb(readable), Writable.fromWeb(writable)];
  await new Response(readable).text();
  // The DOM's types lack `duplex`.
  const upload = { method: "POST", body: readable, duplex: "half" } as const;
  await fetch("http://127.0.0.1", upload);
  await readable.pipeThrough(new CompressionStream("gzip")).pipeTo(writable);
  const text: string | undefined = (await readable.pipeThrough(new TextDecoderStream()).getReader().read())
    .value;
  await new Response("body").body?.pipeThrough(new TextDecoderStream()).pipeTo(writable);
  await readable.pipeTo(writable);
  for await (const bytes of readable) bytes.fill(0);
  await readable.getReader({ mode: "byob" }).read(new Uint8Array(10));
  const writer = writable.getWriter();
  await writer.write("text");
  await writer.write(new DataView(new ArrayBuffer(1)));
  // @ts-expect-error -- it takes text and bytes
  await writer.write(1);
  console.log(global, node, streams, text);
}

export async function nodeStreams(connection: Connection): Promise<Socket> {
  const duplex: Duplex = connection.duplex;
  const socketDuplex: SocketDuplex = connection.duplex;
  await pipeline(duplex, socketDuplex.setTimeout(1_000));
  return connection.detach({ allowHalfOpen: true });
}

export function errors(error: unknown): NetErrorCode | undefined {
  if (error instanceof NetTimeoutError) {
    const code: "ETIMEDOUT" = error.code;
    return code;
  }
  if (!(error instanceof NetError)) return undefined;
  // A code that the type knows, and one that it does not.
  if (error.code === "ERR_UNEXPECTED_EOF" || error.code === "EPROTO") return "EOWN";
  // @ts-expect-error -- a code is a string
  if (error.code === 1) return undefined;
  return error.code satisfies string;
}

export async function endpoints(to: ConnectEndpoint, at: ListenEndpoint): Promise<unknown> {
  const lookup: LookupFunction = (hostname, request: LookupRequest, callback) => {
    request.signal.addEventListener("abort", () => callback(new Error(hostname), []));
    callback(null, [{ address: "127.0.0.1", family: request.family ?? 4 }]);
  };
  await using connection = await connect(to, { lookup, signal: AbortSignal.timeout(1_000) });
  await using listener = await listen(at);
  for await (const client of listener) client.reset();
  const facts: [ConnectionFacts, ListenerFacts] = [connection.toJSON(), listener.toJSON()];
  const parameters: Partial<NetParameters> = { readTimeout: 1 };
  // @ts-expect-error -- there is no such option
  await connect(to, { timout: 1 });
  return [facts, parameters];
}

// @ts-expect-error -- private
export const made: unknown[] = [new Connection(), new Listener()];

// @ts-expect-error -- a class without a public constructor cannot be extended
export class Own extends Connection {}

export function inMemory(options: MemoryPairOptions): [client: Connection, server: Connection] {
  // @ts-expect-error -- there is no such option
  memoryPair({ capactiy: 1 });
  return memoryPair({ ...options, capacity: 1, readTimeout: 5 });
}
