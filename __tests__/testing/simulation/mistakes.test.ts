/** Every mistake in a call is refused at once, by a sentence that says what is expected. */
import { connect, listen } from "../../../src/index.js";
import { simulate, type Host, type Network } from "../../../src/testing/index.js";
import { failure } from "../../support/outcomes.js";

type Loose = (...args: readonly unknown[]) => unknown;

/** What programs in JavaScript see, whose mistakes no type catches. */
const loose = simulate as unknown as (...args: readonly unknown[]) => Promise<unknown>;
type Untyped = Record<"host" | "link" | "partition" | "heal", Loose>;

const PAIR = "a number of milliseconds, or two of which the first is not larger";
const BANDWIDTH = '"bandwidth" must be more than 0';
const PART = '"loss" must be a number from 0 to 1';

const body = (): number => 1;

test.each([
  [[body], '"options" must be an object of options'],
  [[{}], '"body" must be a function; received undefined'],
  [[{ sead: 1 }, body], '"sead" is no option: did you mean "seed"?'],
  [[{ seed: 1.5 }, body], '"seed" must be a whole number from 0 up to 4294967295'],
  [[{ latency: [5, 1] }, body], `"latency" must be ${PAIR}`],
  [[{ latency: [1] }, body], `"latency" must be ${PAIR}`],
  [[{ latency: -1 }, body], '"latency" must be 0 or more milliseconds'],
  [[{ latency: NaN }, body], '"latency" must be 0 or more milliseconds'],
  [[{ latency: [0, Infinity] }, body], '"latency" must be finite'],
  [[{ bandwidth: 0 }, body], BANDWIDTH],
  [[{ bandwidth: -1 }, body], BANDWIDTH],
  [[{ bandwidth: "1" }, body], '"bandwidth" must be a number of bytes per second'],
  [[{ timeLimit: -1 }, body], '"timeLimit" must be 0 or more milliseconds'],
])("simulate refuses %j", async (args, sentence) => {
  const error = await failure(loose(...args));
  expect(error).toMatchObject({ message: expect.stringContaining(sentence) as unknown });
});

const MISTAKES: readonly (readonly [what: string, call: (network: Untyped) => unknown, sentence: string])[] =
  [
    ["a number as a name", ({ host }) => host(5), '"name" must be a string; received 5'],
    ["a name with a port", ({ host }) => host("c:80"), '"name" must be a name'],
    ["a name that is taken", ({ host }) => host("a"), "one that no other host has"],
    ["a name that is taken, in upper case", ({ host }) => host("A."), "one that no other host has"],
    ["localhost", ({ host }) => host("LocalHost"), "one that no other host has"],
    ["an address as a name", ({ host }) => host("10.0.0.1"), "and no address"],
    ["another option", ({ host }) => host("c", { adresses: [] }), 'did you mean "addresses"?'],
    ["no addresses", ({ host }) => host("c", { addresses: [] }), "a list of addresses"],
    ["one address", ({ host }) => host("c", { addresses: "10.1.1.1" }), "a list of addresses"],
    ["half an address", ({ host }) => host("c", { addresses: ["10.1.1"] }), "literal addresses"],
    ["an address that is taken", ({ host }) => host("c", { addresses: ["FD00:0::1"] }), "no other host has"],
    [
      "the same address twice",
      ({ host }) => host("c", { addresses: ["fd01::1", "FD01:0::1"] }),
      "of them once",
    ],
    ["the address of all", ({ host }) => host("c", { addresses: ["0.0.0.0"] }), "of one host each"],
    ["a loopback address", ({ host }) => host("c", { addresses: ["127.0.0.2"] }), "of one host each"],
    ["a loopback address", ({ host }) => host("c", { addresses: ["::1"] }), "of one host each"],
    ["a multicast address", ({ host }) => host("c", { addresses: ["239.1.2.3"] }), "of one host each"],
    ["a multicast address", ({ host }) => host("c", { addresses: ["FF02::1"] }), "of one host each"],
    [
      "the broadcast address",
      ({ host }) => host("c", { addresses: ["255.255.255.255"] }),
      "of one host each",
    ],
    ["a host that is none", ({ link }) => link("a", "c", {}), '"b" must be a host of this network'],
    ["null for a host", ({ link }) => link(null, "a", {}), '"a" must be a host of this network'],
    ["one host", ({ partition }) => partition("a"), '"b" must be a host of this network'],
    ["a host and itself", ({ partition }) => partition("a", "A"), '"b" must be another host'],
    ["a host and itself", ({ heal }) => heal("a", "a"), '"b" must be another host'],
    ["another option", ({ link }) => link("a", "b", { lost: 1 }), 'did you mean "loss"?'],
    ["more than all", ({ link }) => link("a", "b", { loss: 1.1 }), PART],
    ["less than none", ({ link }) => link("a", "b", { loss: -0.1 }), PART],
    ["a part in words", ({ link }) => link("a", "b", { loss: "half" }), PART],
    ["jitter without end", ({ link }) => link("a", "b", { jitter: Infinity }), '"jitter" must be finite'],
  ];

function untyped(network: Network): Untyped {
  const methods = (["host", "link", "partition", "heal"] as const).map((name) => {
    const call: Loose = (...args) => (network as unknown as Untyped)[name](...args);
    return [name, call] as const;
  });
  return Object.fromEntries(methods) as Untyped;
}

test.each(MISTAKES)("a network refuses %s: %s", async (_what, call, sentence) => {
  await simulate({}, (network) => {
    network.host("a");
    network.host("b");
    expect(() => call(untyped(network))).toThrow(sentence);
  });
});

test("a host of another simulation is refused, also if one here has its name", async () => {
  const other = await simulate({}, (network) => network.host("a"));
  await simulate({}, (network) => {
    network.host("a");
    network.host("b");
    expect(() => network.partition(other, "b")).toThrow('"a" must be a host of this network');
  });
});

test("a host that is given no addresses has some that are free", async () => {
  await simulate({}, (network) => {
    network.host("a", { addresses: ["10.0.0.2"] });
    expect(network.host("b").addresses).toEqual(["10.0.0.3", "fd00::3"]);
    expect(network.host("c").addresses).toEqual(["10.0.0.4", "fd00::4"]);
  });
});

test("a name is found in upper and in lower case, an address in each of its notations", async () => {
  await simulate({}, async (network) => {
    const [a, b] = [network.host("a"), network.host("Server", { addresses: ["2001:DB8:0::1"] })];
    await b.run(() => listen(7));
    for (const name of ["server", "SERVER.", "2001:db8::1", "2001:DB8:0:0::1"]) {
      const connection = await a.run(() => connect(name, 7));
      expect(connection.remoteAddress).toBe("2001:db8::1");
      connection.reset();
    }
    network.partition("SERVER", "a");
  });
});

test("what is done twice, or undone without need, changes nothing", async () => {
  await simulate({}, (network) => {
    const [a, b]: Host[] = [network.host("a"), network.host("b")] as const;
    network.heal("a", "b");
    a.restart();
    expect(network.log).toEqual([]);
    network.partition("a", "b");
    network.partition(b, a);
    network.heal("a", "b");
    network.heal("a", "b");
    a.crash();
    a.crash();
    a.stall(5);
    a.restart();
    a.restart();
    expect(network.log.map(String)).toEqual([
      "0 the link between a and b is cut",
      "0 the link between a and b is mended",
      "0 a: crashes",
      "0 a: starts again",
    ]);
    expect(() => a.stall(NaN)).toThrow('"ms" must be 0 or more milliseconds');
  });
});
