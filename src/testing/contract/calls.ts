import { framed, type Connection, type OperationOptions } from "../../index.js";
import { endingWith } from "./own-codec.js";

/** A call that is to be made on one end, with the options that all calls take. */
export type Call = (end: Connection, options?: OperationOptions) => Promise<unknown>;

type Calls = readonly (readonly [name: string, call: Call])[];

/** Every kind of read that a few bytes do not satisfy. */
export const partialReads: Calls = [
  ["readExactly", (end, options) => end.readExactly(1e9, options)],
  ["readUntil", (end, options) => end.readUntil("|", options)],
  ["readUntilAny", (end, options) => end.readUntilAny(["|", "\0"], options)],
  ["readLine", (end, options) => end.readLine(options)],
  ["strict readLine", (end, options) => end.readLine({ ...options, terminator: "crlf" })],
  ["readLine to a return", (end, options) => end.readLine({ ...options, terminator: "cr" })],
  ["readLine to any end", (end, options) => end.readLine({ ...options, terminator: "any" })],
  ["peek", (end, options) => end.peek(1e9, options)],
  ["readAll", (end, options) => end.readAll(options)],
  ["lines", (end, options) => end.lines(options).next()],
  ["lines to any end", (end, options) => end.lines({ ...options, terminator: "any" }).next()],
  ["split", (end, options) => end.split("|", options).next()],
  ["lines in batches", (end, options) => end.lines({ ...options, batch: true }).next()],
  ["split in batches", (end, options) => end.split("|", { ...options, batch: true }).next()],
  ["receive", (end, options) => framed(end, endingWith("|")).receive(options)],
];

/** Every kind of read. */
export const waitingReads: Calls = [
  ...partialReads,
  ["read", (end, options) => end.read(options)],
  ["readInto", (end, options) => end.readInto(new Uint8Array(9), options)],
  ["chunks", (end, options) => end.chunks(options).next()],
  ["recycled chunks", (end, options) => end.chunks({ ...options, recycle: true }).next()],
];

/** Every kind of call that waits on a connection that is clogged. */
export const waitingWrites: Calls = [
  ["write", (end, options) => end.write("queued", options)],
  ["writeLine", (end, options) => end.writeLine("queued", options)],
  ["write in latin1", (end, options) => end.write("queued", { ...options, encoding: "latin1" })],
  [
    "writeLine with a terminator",
    (end, options) => end.writeLine("queued", { ...options, terminator: "\r\n" }),
  ],
  ["send", (end, options) => framed(end, endingWith("|")).send("queued", options)],
  ["flush", (end, options) => end.flush(options)],
  ["closeWrite", (end, options) => end.closeWrite(options)],
];
