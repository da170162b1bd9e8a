import { constants } from "node:buffer";
import { ByteQueue } from "../../../src/core/bytes/byte-queue.js";
import { Input } from "../../../src/core/reading/input.js";
import { LineRun, LineSearch, takeNextLine, takeTextLine } from "../../../src/core/reading/lines.js";
import { Read, Refusal, WAIT } from "../../../src/core/reading/reads.js";
import type { Transport } from "../../../src/core/transport/transport.js";
import { netError } from "../../support/outcomes.js";

const CHUNK = Buffer.alloc(16 * 1024 * 1024, "x");

/** More bytes than a string can have, in little memory: the same ones again and again. */
function hugeQueue(): ByteQueue {
  const queue = new ByteQueue();
  while (queue.length <= constants.MAX_STRING_LENGTH) queue.append(CHUNK);
  return queue;
}

function input(): Input {
  const nothing = () => undefined;
  return new Input(
    {
      subject: { text: "test" },
      now: () => 0,
      wakeAt: nothing,
      deadlineIn: () => Infinity,
      transport: { startReading: nothing } as Transport,
      beforeWait: nothing,
      waitChanged: nothing,
      outputChanged: nothing,
    },
    Infinity,
    65_536,
  );
}

const DOES_NOT_FIT = "it does not fit";

/** Cannot take three bytes or more. */
const READ_FEW = new Read<number, undefined>((queue) => {
  if (queue.length < 3) return WAIT;
  throw new RangeError(DOES_NOT_FIT);
});

test.each([
  ["whole", "\n", false],
  ["unfinished", "", false],
  ["last", "", true],
])(
  "a %s line that is longer than a string can be is over the limit, and stays unread",
  (_name, end, ended) => {
    const queue = hugeQueue();
    queue.append(Buffer.from(end));
    const { length } = queue;
    for (const encoding of ["utf8", "latin1"] as const) {
      const refusals = [
        takeTextLine(queue, new LineSearch(Infinity, encoding, "lf"), ended),
        takeNextLine(queue, new LineRun(Infinity, encoding, "lf"), ended),
      ];
      for (const refusal of refusals) {
        expect(refusal).toBeInstanceOf(Refusal);
        expect((refusal as Refusal).reason).toBe(
          `longer than the limit of ${String(constants.MAX_STRING_LENGTH)} bytes`,
        );
      }
    }
    expect(queue.length).toBe(length);
  },
);

test("a read that throws where it is called rejects, and leaves the bytes unread", async () => {
  const reading = input();
  reading.arrive(Buffer.from("abc"), 3, true);
  const error = await netError(reading.request(READ_FEW, undefined));
  expect([error.code, error.operation]).toEqual(["ERR_LIMIT", "read"]);
  expect(error.message).toContain(DOES_NOT_FIT);
  expect(reading.length).toBe(3);
});

test("a read that throws when more has arrived rejects, and the next one can be made", async () => {
  const reading = input();
  const waiting = reading.request(READ_FEW, undefined);
  reading.arrive(Buffer.from("ab"), 2, true);
  reading.arrive(Buffer.from("c"), 1, true);
  expect((await netError(waiting)).code).toBe("ERR_LIMIT");
  expect(reading.length).toBe(3);
  expect(reading.isBusy()).toBe(false);
});
