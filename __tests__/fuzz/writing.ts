/** The connection's own writes. */
import { setImmediate as turn } from "node:timers/promises";
import { NetError, type Data, type OperationOptions, type WriteOptions } from "../../src/index.js";
import { transfer, type End } from "./end.js";
import type { Failing } from "./failures.js";
import { framesOf, inFrame } from "./framing.js";
import type { Operation } from "./operation.js";
import type { CallOf, DataKind } from "./scenario.js";
import type { Fate, Written } from "./transcript.js";

const CARRIAGE_RETURN = 0x0d;
const TERMINATORS = { lf: "\n", crlf: "\r\n", cr: "\r" };

async function write(end: End, operation: Operation, call: CallOf<"write">): Promise<void> {
  const bytes = end.payloads.next(call.size);
  const data = shaped(call.data, bytes);
  if (call.unawaited === true && end.detached === null) {
    // This write is not awaited.
    note(end, operation, bytes, "connection");
    if (call.timeout !== undefined || call.signal === "timer") end.hasUnawaitedWrite = true;
    void end.connection.write(data, asWritten(call.data, operation.options));
    operation.started();
    return;
  }
  await send(operation, bytes, data, (given, options) =>
    end.connection.write(given, asWritten(call.data, options)),
  );
}

/** The options of a write, with the encoding that its text is in. */
function asWritten(kind: DataKind, options: OperationOptions | undefined): WriteOptions | undefined {
  return kind === "latin1" ? { ...options, encoding: "latin1" } : options;
}

/** Many small writes that are not awaited one by one. */
async function chop(end: End, operation: Operation, { size, pieces }: CallOf<"chop">): Promise<void> {
  const writes = [];
  for (let count = 0; count < pieces; count++) {
    const bytes = end.payloads.next(Math.ceil(size / pieces));
    writes.push(
      send(operation, bytes, Buffer.from(bytes), (given, options) => end.connection.write(given, options)),
    );
    if (count % 4 === 3) await turn();
  }
  await Promise.all(writes);
}

async function writeLine(end: End, operation: Operation, { size }: CallOf<"writeLine">): Promise<void> {
  const line = end.payloads.next(size).toString();
  const terminator = TERMINATORS[end.shared.scenario.terminator];
  await send(operation, Buffer.from(line + terminator), line, (given, options) =>
    end.connection.writeLine(given, terminator === "\n" ? options : { ...options, terminator }),
  );
}

async function sendFrame(end: End, operation: Operation, call: CallOf<"send">): Promise<void> {
  let payload = end.payloads.next(call.size);
  // A line would be given without the carriage return, if that is the last byte of the length.
  if ((payload.length & 0xff) === CARRIAGE_RETURN) payload = Buffer.concat([payload, end.payloads.next(1)]);
  const fits = call.framing === "ended" || payload.length < 256 ** call.bytes;
  // The library refuses what is too long; a codec of the program's own may put a wrong length before it.
  const frames = framesOf(end.connection, fits ? call.framing : "library", call.bytes);
  const bytes = fits ? inFrame(call.framing, call.bytes, payload) : payload;
  await send(operation, bytes, Buffer.from(payload), (given, options) => frames.send(given, options));
}

async function flush(end: End, operation: Operation): Promise<void> {
  try {
    const flushing = end.connection.flush(operation.options);
    operation.started();
    await flushing;
  } catch (error) {
    operation.failed(error, "write");
  }
}

/** Makes a write, takes note of what becomes of it, and uses its memory again once that is its caller's. */
async function send<D extends Data | readonly Data[]>(
  operation: Operation,
  bytes: Buffer,
  data: D,
  ask: (data: D, options: OperationOptions | undefined) => Promise<void>,
): Promise<void> {
  const { end } = operation;
  const written = note(end, operation, bytes, "connection");
  const isTaken = await settle(operation, written, "write", () => {
    const writing = ask(data, operation.options);
    operation.started();
    return writing;
  });
  if (isTaken) reuse(end, data);
}

/** Takes note of a write, of which nothing is known yet. */
export function note(end: End, operation: Operation, bytes: Buffer, lane: string): Written {
  const { text } = operation;
  const startedAt = end.shared.tick();
  const written: Written = { lane, bytes, by: text, fate: "either", startedAt, settledAt: Infinity };
  end.written.push(written);
  return written;
}

/** Waits for a write and takes note of its fate; answers whether its memory is its caller's again. */
export async function settle(
  operation: Operation,
  written: Written,
  failing: Failing,
  ask: () => Promise<unknown>,
): Promise<boolean> {
  try {
    await ask();
    written.fate = "whole";
    return true;
  } catch (error) {
    written.fate = fateAfter(error, failing);
    operation.failed(error, failing);
    return false;
  } finally {
    written.settledAt = operation.end.shared.tick();
  }
}

/**
 * What becomes of a write that has failed: one that was sent in part is sent to its end, if the stream is. What a Duplex fails
 * with it rejects all its writes, so that it says nothing about one of them.
 */
function fateAfter(error: unknown, failing: Failing): Fate {
  if (!(error instanceof NetError) || error.written === undefined || failing === "duplex") return "either";
  return error.written === "nothing" ? "nothing" : "whole";
}

/** The same bytes in another form. */
function shaped(kind: DataKind, bytes: Buffer): Data | readonly Data[] {
  switch (kind) {
    case "text":
      return bytes.toString();
    case "latin1":
      return bytes.toString("latin1");
    case "bytes":
      return Buffer.from(bytes);
    case "view": {
      const memory = new Uint8Array(bytes.length + 7);
      memory.set(bytes, 3);
      return new DataView(memory.buffer, 3, bytes.length);
    }
    case "memory":
      return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    case "list": {
      const half = bytes.length >> 1;
      return [new Uint8Array(bytes.subarray(0, half)), "", Buffer.from(bytes.subarray(half))];
    }
  }
}

/** What a caller does with memory that is its own again. */
function reuse(end: End, data: Data | readonly Data[]): void {
  const { buffers } = end.shared.scenario;
  for (const part of Array.isArray(data) ? (data as readonly Data[]) : [data as Data]) {
    if (buffers === "kept" || !ArrayBuffer.isView(part)) continue;
    const memory = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    if (buffers === "overwritten") memory.fill(0x21);
    else transfer(memory);
  }
}

export const writingCalls = {
  write,
  chop,
  writeLine,
  send: sendFrame,
  flush,
};
