import { once } from "node:events";
import { connect as netConnect, type Socket } from "node:net";
import { connect } from "../../src/index.js";
import { closeAll, keep, loopback, netClient, pair } from "../support/peers.js";

afterEach(closeAll);

/** The members of a socket that the Duplex of a connection lacks, and why. */
const LACKING: Readonly<Record<string, string>> = {
  autoSelectFamilyAttemptedAddresses:
    "The attempts of a race are in the error of a connect that failed, and are published on a diagnostics channel.",
  server: "The servers of Node set it on the sockets that they accept, and on a Duplex that they are given.",
};

/** A socket of Node's that has raced two addresses. */
async function racedSocket(): Promise<Socket> {
  const { port } = await loopback();
  const socket = keep(
    netConnect({
      port,
      host: "both.test",
      autoSelectFamily: true,
      lookup: (_host, _options, done) =>
        done(null, [
          { address: "127.0.0.1", family: 4 },
          { address: "::1", family: 6 },
        ]),
    }),
  );
  await once(socket, "connect");
  return socket;
}

/** The names of all members without an underscore, which are those that programs use. */
function membersOf(stream: object): readonly string[] {
  const names = new Set<string>();
  const isLast = (one: object): boolean => Object.getPrototypeOf(one) === null;
  for (let one = stream; !isLast(one); one = Object.getPrototypeOf(one) as object)
    for (const name of Object.getOwnPropertyNames(one)) if (!name.startsWith("_")) names.add(name);
  return [...names];
}

const get = (of: object, name: string): unknown => Reflect.get(of, name);

test("it has all members of a socket, of the same type, but for those that are explained", async () => {
  const { client } = await pair();
  const [socket, { duplex }] = [await racedSocket(), client];
  const members = membersOf(socket);
  expect(members.length).toBeGreaterThan(80);
  const differing = members.filter((name) => typeof get(socket, name) !== typeof get(duplex, name));
  expect(differing.sort()).toEqual(Object.keys(LACKING).sort());
  expect(Object.keys(LACKING).filter((name) => name in duplex)).toEqual([]);
});

/** Arguments that a socket refuses, or takes though they make no sense. */
const CALLS: Readonly<Record<string, readonly (readonly unknown[])[]>> = {
  setTimeout: [[], [null], ["5"], [-1], [NaN], [Infinity], [1, "no function"], [0, null]],
  setNoDelay: [[], [null], ["yes"], [{}]],
  setKeepAlive: [[], [null], ["yes"], [true, -1], [true, "x", "y", "z"], [true, Infinity], [true, 1, 1, 1e9]],
  setTypeOfService: [[], ["x"], [NaN], [-1], [256], [1.5], [8]],
  getTypeOfService: [[], ["x"]],
  ref: [[], ["x"]],
  unref: [[], ["x"]],
  address: [[], ["x"]],
  setEncoding: [["no encoding"], [5], [null]],
  setDefaultEncoding: [["no encoding"], [5], [null]],
  write: [
    [],
    [null],
    [undefined],
    [5],
    [{}],
    [[]],
    [() => 0],
    ["x", "no encoding"],
    ["x", 5],
    ["x", "utf8", 5],
  ],
  end: [[5], [{}], [true], ["x", "no encoding"]],
  read: [[-1], [NaN], ["x"], [{}]],
  unshift: [[5], [{}]],
  push: [[5], [{}]],
  pipe: [[], [null], [5]],
  cork: [["x"]],
  uncork: [["x"]],
  on: [[], ["data"], ["data", 5]],
  setMaxListeners: [[-1], ["x"]],
  off: [[], ["data", 5]],
  resetAndDestroy: [["x"]],
};

/** What a call does: the error's code, or the type of what it returns. */
function outcomeOf(stream: object, name: string, args: readonly unknown[]): string {
  const call = get(stream, name);
  if (typeof call !== "function") return "no such method";
  try {
    const result: unknown = Reflect.apply(call, stream, args);
    return result === stream ? "itself" : typeof result;
  } catch (error) {
    return `${(error as Error).name} ${String((error as NodeJS.ErrnoException).code)}`;
  }
}

test.each(Object.entries(CALLS))(
  "%s() refuses what a socket's refuses, in the same way",
  async (name, all) => {
    const { port } = await loopback();
    for (const args of all) {
      const streams = [await netClient(port), keep(await connect("127.0.0.1", port)).duplex];
      const outcomes = streams.map((stream) => outcomeOf(stream, name, args));
      expect([args, outcomes[1]]).toEqual([args, outcomes[0]]);
      for (const stream of streams) stream.destroy();
    }
  },
);
