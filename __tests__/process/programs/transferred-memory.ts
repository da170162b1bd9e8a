// Memory that was transferred is known as such by optimized code: `transferred-memory.ts <case>`. V8 up to release 12 takes a
// transferred view for as long as it was, where the code has seen views of memory that can be resized as well.
import assert from "node:assert/strict";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { givenBytes } from "../../../src/core/bytes/given-bytes.js";
import { isWhole } from "../../../src/core/bytes/payload.js";
import { piecesOf } from "../../../src/core/bytes/pieces.js";
import { READ_INTO, WAIT } from "../../../src/core/reading/reads.js";
import { delimitersOf } from "../../../src/options/delimiters.js";

/** More calls than V8 waits for before it optimizes. */
const CALLS = 100_000;
const ROUNDS = 3;
const ARRIVED = Buffer.from("abcdef");

/** A view whose memory is gone. */
function transferred(): Uint8Array {
  const view = new Uint8Array(8);
  transfer(view);
  return view;
}

function transfer({ buffer }: Uint8Array): void {
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
}

/** Has V8 optimize `use` for views of both kinds of memory, and gives it one whose memory is gone; several times. */
function check(use: (view: Uint8Array) => unknown, isRight: (view: Uint8Array) => void): void {
  const resizable = new Uint8Array(Reflect.construct(ArrayBuffer, [8, { maxByteLength: 64 }]) as ArrayBuffer);
  const fixed = new Uint8Array(8);
  for (let round = 0; round < ROUNDS; round++) {
    for (let call = 0; call < CALLS; call++) use(call % 3 === 0 ? resizable : fixed);
    isRight(transferred());
  }
}

function checkGiven(): void {
  const give = (view: Uint8Array): unknown => givenBytes(view, "data");
  check(give, (view) => assert.throws(() => give(view), TypeError));
}

function checkSent(): void {
  const holds = (view: Uint8Array): boolean => isWhole(view, 8);
  check(holds, (view) => assert.equal(holds(view), false));
}

function checkPieces(): void {
  const sendTwo = (view: Uint8Array, between?: (view: Uint8Array) => void): void => {
    const pieces = piecesOf(view, 4);
    pieces.next();
    between?.(view);
    pieces.next();
  };
  check(
    (view) => sendTwo(view),
    () => assert.throws(() => sendTwo(new Uint8Array(8), transfer), { code: "ERR_INVALID_ARG_VALUE" }),
  );
}

function checkDelimiter(): void {
  check(delimitersOf, (view) =>
    assert.throws(() => delimitersOf(view), { code: "ERR_INVALID_ARG_VALUE", message: /transferred/u }),
  );
}

function checkQueue(): void {
  const queue = new ByteQueue();
  const fill = (view: Uint8Array): number => {
    if (queue.length < 8) queue.append(Buffer.alloc(64 * 1024));
    return queue.takeInto(view);
  };
  check(fill, (view) => {
    const { length } = queue;
    assert.equal(fill(view), 0);
    assert.equal(queue.length, length);
  });
}

function checkArrival(): void {
  const arrive = (view: Uint8Array): unknown =>
    READ_INTO.takeDirectly(ARRIVED, ARRIVED.length, true, view, null);
  check(arrive, (view) => assert.equal(arrive(view), WAIT));
}

const cases: Record<string, () => void> = {
  "is refused when it is given": checkGiven,
  "is known before it is sent": checkSent,
  "is known before the next piece of it is sent": checkPieces,
  "is refused as a delimiter": checkDelimiter,
  "takes nothing out of the queue": checkQueue,
  "gets nothing of what arrives": checkArrival,
};
const checkCase = cases[process.argv[2] ?? ""];
assert(checkCase !== undefined);
checkCase();
console.log("done");
