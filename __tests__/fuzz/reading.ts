/** The connection's own reads. */
import { bigEndian } from "../../src/testing/contract/payloads.js";
import { transfer, type End } from "./end.js";
import { framesOf, MESSAGE_END } from "./framing.js";
import type { Operation } from "./operation.js";
import type { CallOf, Framing } from "./scenario.js";

/** What a target is filled with before `readInto`. */
const UNTOUCHED = 0xee;
/** Delimiters of records, of which one ends with another. */
const ANY = ["\n", "\r\n", "za"];
const TERMINATORS = { lf: Buffer.from("\n"), crlf: Buffer.from("\r\n"), cr: Buffer.from("\r") };

/** Bytes that a read gave, and what it had stripped of them. */
interface Given {
  readonly bytes: Buffer;
  readonly before?: Buffer;
  /** One of these, if it is not told which. */
  readonly after?: Buffer | readonly Buffer[];
  readonly isLine?: boolean;
  /** The bytes are valid only until the next read. */
  readonly isLent?: boolean;
}

export type Observed = "taken" | "ended" | "failed";

/** What a loop gives once it has been left: it says nothing about the stream. */
const LEFT = Symbol("left");

/** Makes a read and takes note of what it has taken out of the stream, or of the end. */
async function observe<T>(
  operation: Operation,
  ask: () => Promise<T | null | typeof LEFT>,
  given: (value: T) => Given,
): Promise<Observed> {
  const { end, text } = operation;
  const startedAt = end.shared.tick();
  end.reading++;
  try {
    const asked = ask();
    operation.started();
    const value = await asked;
    if (value === LEFT) return "ended";
    if (value === null) {
      end.readEnd(text);
      return "ended";
    }
    const { bytes, isLent, ...rest } = given(value);
    end.take(bytes, { lane: "connection", by: text, startedAt, ...rest }, isLent);
    return "taken";
  } catch (error) {
    operation.failed(error, "read");
    return "failed";
  } finally {
    end.reading--;
  }
}

async function read(_end: End, operation: Operation): Promise<void> {
  await readSome(operation);
}

export function readSome(operation: Operation): Promise<Observed> {
  const { end, options } = operation;
  return observe(operation, () => end.connection.read(options), notEmpty(operation));
}

async function readInto(end: End, operation: Operation, { size }: CallOf<"readInto">): Promise<void> {
  const target = Buffer.alloc(size, UNTOUCHED);
  let filled = 0;
  await observe(
    operation,
    () => end.connection.readInto(target, operation.options),
    (length) => {
      if (length > size || (length === 0 && size > 0)) operation.complain(`filled ${String(length)} bytes`);
      filled = length;
      return { bytes: Buffer.from(target.subarray(0, length)) };
    },
  );
  if (target.subarray(filled).some((byte) => byte !== UNTOUCHED)) {
    operation.complain(`wrote behind the ${String(filled)} bytes that it has read`);
  }
  if (end.shared.scenario.buffers === "transferred") transfer(target);
  else target.fill(0x21);
}

async function readExactly(end: End, operation: Operation, { size }: CallOf<"readExactly">): Promise<void> {
  await observe(
    operation,
    () => end.connection.readExactly(size, operation.options),
    (bytes) => {
      if (bytes.length !== size) operation.complain(`gave ${String(bytes.length)} bytes`);
      return { bytes };
    },
  );
}

async function readUntil(end: End, operation: Operation, call: CallOf<"readUntil">): Promise<void> {
  const { delimiter, limit } = call;
  await observe(
    operation,
    () => end.connection.readUntil(delimiter, { ...operation.options, limit }),
    record(operation, [delimiter].flat(), limit),
  );
}

async function readUntilAny(end: End, operation: Operation, call: CallOf<"readUntilAny">): Promise<void> {
  const { delimiters, limit } = call;
  await observe(
    operation,
    () => end.connection.readUntilAny(delimiters, { ...operation.options, limit }),
    ({ bytes, delimiter }) => {
      const { after } = record(operation, delimiters, limit)(bytes);
      if (!after.some((each) => each.equals(Buffer.from(delimiter))))
        operation.complain(`found ${JSON.stringify(delimiter)}, where it does not count`);
      return { bytes, after: Buffer.from(delimiter) };
    },
  );
}

async function peek(end: End, operation: Operation, { size }: CallOf<"peek">): Promise<void> {
  const startedAt = end.shared.tick();
  end.reading++;
  try {
    const peeking = end.connection.peek(size, operation.options);
    operation.started();
    const bytes = await peeking;
    if (bytes.length > size) operation.complain(`gave ${String(bytes.length)} bytes`);
    if (bytes.length < size) end.foundEnd(operation.text);
    end.peek(bytes, startedAt, operation.text);
  } catch (error) {
    operation.failed(error, "read");
  } finally {
    end.reading--;
  }
}

/** Puts back the last bytes that were read. */
function unread(end: End, operation: Operation, { size }: CallOf<"unread">): void {
  const bytes = end.lastRead(size);
  try {
    end.connection.unread(bytes);
    operation.started();
  } catch (error) {
    operation.failed(error, "read");
    return;
  }
  end.putBack(bytes.length);
}

async function readLine(end: End, operation: Operation, { limit }: CallOf<"readLine">): Promise<void> {
  const encoding = encodingOf(end);
  const { terminator } = end.shared.scenario;
  await observe(
    operation,
    () => end.connection.readLine({ ...operation.options, limit, encoding, terminator }),
    line(operation, limit),
  );
}

async function readAll(end: End, operation: Operation, { limit }: CallOf<"readAll">): Promise<void> {
  const observed = await observe(
    operation,
    () => end.connection.readAll({ ...operation.options, limit }),
    (bytes) => {
      checkLimit(operation, bytes.length, limit ?? Infinity);
      return { bytes };
    },
  );
  if (observed === "taken") end.readEnd(operation.text);
}

async function receive(end: End, operation: Operation, call: CallOf<"receive">): Promise<void> {
  const { framing, bytes } = call;
  const frames = framesOf(end.connection, framing, bytes);
  await observe(operation, () => frames.receive(operation.options), framed(framing, bytes));
}

/** Some turns of a loop over the connection, which is then left in one of the ways there are. */
async function loop(end: End, operation: Operation, call: CallOf<"loop">): Promise<void> {
  const { iterator, given } = iterate(end, operation, call);
  let isLeft = false;
  const next = () => {
    const ask = async () => {
      const { value, done } = await iterator.next();
      if (done === true) return isLeft ? LEFT : null;
      return value as never;
    };
    return observe(operation, ask, given);
  };
  for (let count = 0; count < call.times; count++) {
    if ((await next()) !== "taken") return;
  }
  if (call.leave === "forgotten") return;
  const pending = call.leave === "returnWhileWaiting" ? next() : undefined;
  isLeft = true;
  await iterator.return?.();
  await pending;
}

interface Iteration {
  readonly iterator: AsyncIterator<unknown, undefined>;
  readonly given: (value: never) => Given;
}

function iterate(end: End, operation: Operation, { over }: CallOf<"loop">): Iteration {
  const { connection } = end;
  const { options } = operation;
  const { terminator } = end.shared.scenario;
  switch (over) {
    case "lines":
      return {
        iterator: connection.lines({ ...options, encoding: encodingOf(end), terminator }),
        given: line(operation, undefined),
      };
    case "frames":
      return {
        iterator: framesOf(connection, "library", 1)[Symbol.asyncIterator](),
        given: framed("library", 1),
      };
    case "messages":
      return {
        iterator: framesOf(connection, "measured", 1)[Symbol.asyncIterator](),
        given: framed("measured", 1),
      };
    case "records":
      return {
        iterator: connection.split("\n", { ...options, last: true }),
        given: (bytes: Buffer) => ({ ...record(operation, ["\n"])(bytes), isLine: true }),
      };
    case "recordsOfAny":
      return { iterator: connection.split(ANY, options), given: record(operation, ANY) };
    case "recycled":
      return {
        iterator: connection.chunks({ ...options, recycle: true }),
        given: (bytes: Buffer) => ({ bytes, isLent: true }),
      };
    case "iterator":
      return { iterator: connection[Symbol.asyncIterator](), given: notEmpty(operation) };
    case "chunks":
      return { iterator: connection.chunks(options), given: notEmpty(operation) };
  }
}

function notEmpty(operation: Operation): (bytes: Buffer) => Given {
  return (bytes) => {
    if (bytes.length === 0) operation.complain("gave no bytes, and not the end");
    return { bytes };
  };
}

function framed(framing: Framing, size: number): (payload: Buffer) => Given {
  return (bytes) =>
    framing === "ended" ? { bytes, after: MESSAGE_END } : { bytes, before: bigEndian(bytes.length, size) };
}

/** What a read to a delimiter gave, and which delimiters may have ended it: the first that is complete, of several the longest. */
function record(operation: Operation, delimiters: readonly string[], limit = 65_536) {
  return (bytes: Buffer): Given & { readonly after: readonly Buffer[] } => {
    checkLimit(operation, bytes.length, limit);
    const sought = delimiters.map((each) => Buffer.from(each));
    const after = sought.filter((end) => {
      const whole = Buffer.concat([bytes, end]);
      return sought.every((other) => {
        const at = whole.indexOf(other);
        return at === -1 || (at + other.length === whole.length && other.length <= end.length);
      });
    });
    if (after.length === 0) operation.complain(`passed over a delimiter in ${String(bytes.length)} bytes`);
    return { bytes, after };
  };
}

function line(operation: Operation, limit = 65_536): (line: string) => Given {
  const encoding = encodingOf(operation.end);
  const { terminator } = operation.end.shared.scenario;
  const after = TERMINATORS[terminator];
  const ends = terminator === "crlf" ? ["\r", "\n"] : [after.toString()];
  return (text) => {
    const bytes = Buffer.from(text, encoding);
    checkLimit(operation, bytes.length, limit);
    if (ends.some((each) => text.includes(each))) operation.complain("gave a line with a terminator in it");
    // The last line lacks its terminator only if it is one byte.
    return { bytes, after, isLine: after.length === 1 };
  };
}

/** A line that begins within a character, or has a frame's length in it, is no text: only its bytes say what it was. */
function encodingOf(end: End): "latin1" | "utf8" {
  const { wide, steps } = end.shared.scenario;
  return wide || steps.some(({ call }) => call.op === "send") ? "latin1" : "utf8";
}

function checkLimit(operation: Operation, length: number, limit: number): void {
  if (length > limit) operation.complain(`gave ${String(length)} bytes, more than its limit`);
}

export const readingCalls = {
  read,
  readInto,
  readExactly,
  readUntil,
  readUntilAny,
  peek,
  unread,
  readLine,
  readAll,
  receive,
  loop,
};
