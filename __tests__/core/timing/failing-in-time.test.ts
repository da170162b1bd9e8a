import {
  connect,
  connectTo,
  lengthPrefixed,
  listen,
  relay,
  resolve,
  type Connection,
  type LookupFunction,
} from "../../../src/index.js";
import { memoryPair } from "../../../src/testing/memory-pair.js";
import { closeAll, loopback } from "../../support/peers.js";

afterEach(closeAll);

const ABORTED = { signal: AbortSignal.abort(new Error("stop")) };
const lookup: LookupFunction = (_name, _options, answer) => answer(null, "127.0.0.1");
const wrong = true as unknown as string & number & Connection & [];

/** Calls that settle without waiting for anything. */
const CALLS: Readonly<Record<string, () => Promise<unknown>>> = {
  "connect with a wrong argument": () => connect(wrong),
  "connect with an aborted signal": () => connect("127.0.0.1", 1, ABORTED),
  "connect without time": () => connect("127.0.0.1", 1, { timeout: 0 }),
  "connectTo with a wrong argument": () => connectTo(wrong),
  "connectTo without a candidate": () => connectTo([{ address: "::1", port: 1, family: 6 }], { family: 4 }),
  "listen with a wrong argument": () => listen(wrong),
  "listen with an aborted signal": () => listen(0, ABORTED),
  "resolve with a wrong argument": () => resolve(wrong, 1),
  "resolve of an unknown service": () => resolve("127.0.0.1", "no-such-service"),
  "resolve of a literal address": () => resolve("127.0.0.1", 1),
  "resolve of no host": () => resolve(null, 1),
  "resolve by a lookup that answers at once": () => resolve("name.example", 1, { lookup }),
  "resolve without time": () => resolve("name.example", 1, { timeout: 0 }),
  "relay with a wrong argument": () => relay(wrong, wrong),
  "relay with an aborted signal": () => relay(...memoryPair(), ABORTED),
  "send of what is no frame": () => lengthPrefixed(memoryPair()[0]).send(wrong),
};

async function turnsBeside(call: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let timer = setImmediate(function count() {
    turns++;
    timer = setImmediate(count);
  });
  for (let calls = 0; turns < 3 && calls < 2_000; calls++) await call().catch(() => undefined);
  clearImmediate(timer);
  return turns;
}

test.each(Object.entries(CALLS))("a loop of %s lets the event loop turn", async (_, call) => {
  expect(await turnsBeside(call)).toBe(3);
});

test("a loop of accept with a wrong argument lets the event loop turn", async () => {
  const listener = await loopback();
  expect(await turnsBeside(() => listener.accept(wrong))).toBe(3);
});
