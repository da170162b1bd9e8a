/**
 * The reference in docs/api/ is what the doc comments say, and says something of every public name. The table in
 * docs/options.md has the options that the checks of the calls know, and the parameters with their defaults.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import * as tcp6 from "tcp6";
import { connectionContract, faulty, memoryPair, simulate, type Network } from "tcp6/testing";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const COMMENT = /\/\*[^]*?\*\//g;
const EXPORTS = /export (?:type )?\{([^}]*)\}/g;

/** The names that the modules export by name. */
function exportsOf(...paths: string[]): string[] {
  return paths.flatMap((path) =>
    [...readFileSync(join(ROOT, path), "utf8").replace(COMMENT, "").matchAll(EXPORTS)]
      .flatMap(([, list = ""]) => list.split(","))
      .map((name) => name.replace(/^\s*type /, "").trim())
      .filter((name) => name !== ""),
  );
}

/** The rows of docs/options.md: the options of a type, in its order. */
const rows = [...readFileSync(join(ROOT, "docs/options.md"), "utf8").matchAll(/^\| `.*\|$/gm)].map(
  ([row]) => {
    const cells = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    const [, name = "", places = "", , value = "", parameter = ""] = cells;
    const type = /\[(\w+)\]/.exec(places)?.[1] ?? "";
    const plain = (cell: string) => cell.replace(/[`†]/g, "").trim();
    return { name: plain(name), type, default: plain(value), parameter: plain(parameter) };
  },
);

/** With an option that no call has, a call fails, and says which it has. */
const unknown = { zzzqqq: 1 } as object;
const connecting = ["OperationOptions", "ConnectionOptions", "ConnectOptions"];
const reading = ["OperationOptions", "LimitOptions"];
const never = () => new Duplex({ read: () => undefined });
type Call = (network: Network) => unknown;
const CALLS: [types: string[], call: Call][] = [
  [connecting, () => tcp6.connect("127.0.0.1", 1, unknown)],
  [[...connecting, "ConnectDuplexOptions"], () => tcp6.connectDuplex("127.0.0.1", 1, unknown)],
  [["ConnectionOptions", "ListenOptions"], () => tcp6.listen(0, unknown)],
  [["ConnectionOptions"], () => tcp6.Connection.from(never(), unknown)],
  [["KeepAliveOptions"], () => tcp6.connect("127.0.0.1", 1, { keepAlive: unknown })],
  [["ProxyProtocol"], () => tcp6.listen(0, { proxyProtocol: unknown as tcp6.ProxyProtocol })],
  [["ProxyHeader"], () => tcp6.connect("127.0.0.1", 1, { proxyHeader: unknown as tcp6.ProxyHeader })],
  [["OperationOptions", "LookupOptions"], () => tcp6.resolve("127.0.0.1", 1, unknown)],
  [["ListenFdsOptions"], () => tcp6.listenFds(unknown)],
  [
    ["ServeOptions"],
    async () => {
      await using listener = await tcp6.listen("127.0.0.1:0");
      await tcp6.serve(listener, () => undefined, unknown);
    },
  ],
  [["OperationOptions"], () => onPair(([one]) => one.read(unknown))],
  [reading, () => onPair(([one]) => one.readUntil("x", unknown))],
  [reading, () => onPair(([one]) => one.readAll(unknown))],
  [[...reading, "LineOptions"], () => onPair(([one]) => one.readLine(unknown))],
  [[...reading, "LineOptions", "BatchOptions"], () => onPair(([one]) => one.lines(unknown))],
  [[...reading, "SplitOptions", "BatchOptions"], () => onPair(([one]) => one.split("x", unknown))],
  [["OperationOptions", "ChunksOptions"], () => onPair(([one]) => one.chunks(unknown))],
  [["OperationOptions", "WriteOptions"], () => onPair(([one]) => one.write("x", unknown))],
  [
    ["OperationOptions", "WriteOptions", "WriteLineOptions"],
    () => onPair(([one]) => one.writeLine("x", unknown)),
  ],
  [["RelayOptions"], () => onPair(([one, other]) => tcp6.relay(one, other, unknown))],
  [
    ["FramedOptions", "BatchOptions"],
    () => onPair(([one]) => tcp6.framed(one, tcp6.varintPrefix(), unknown)),
  ],
  [["LengthPrefixOptions"], () => tcp6.lengthPrefix(unknown)],
  [["FrameOptions", "BatchOptions"], () => onPair(([one]) => tcp6.lengthPrefixed(one, unknown))],
  [
    ["RequestOptions"],
    () => onPair(([one]) => tcp6.requests(tcp6.framed(one, tcp6.varintPrefix()), unknown)),
  ],
  [["ConnectionOptions", "MemoryPairOptions"], () => memoryPair(unknown)],
  [["Faults"], () => faulty(never(), unknown)],
  [["SimulationOptions"], () => simulate(unknown, () => Promise.resolve())],
  [["LinkOptions"], (network) => network.link(network.host("a"), network.host("b"), unknown)],
  [["HostOptions"], (network) => network.host("c", unknown)],
  [["ContractRunOptions"], () => connectionContract[0]?.run(memoryPair, unknown)],
];

async function onPair(call: (pair: [tcp6.Connection, tcp6.Connection]) => unknown): Promise<void> {
  const pair = memoryPair();
  try {
    await call(pair);
  } finally {
    for (const end of pair) end.reset();
  }
}

/** The options that a call says it has. */
async function optionsOf(call: Call, network: Network): Promise<string[]> {
  const error: unknown = await Promise.resolve(network)
    .then(call)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  return /"zzzqqq" is no .*; there is ([\w, ]+)$/.exec(String(error))?.[1]?.split(", ") ?? [String(error)];
}

test("docs/options.md has every option that calls know, once for each type of options", async () => {
  const keys = rows.map(({ name, type }) => `${type}.${name}`);
  expect(new Set(keys).size).toBe(keys.length);
  const told: [types: string[], names: string[]][] = [];
  await simulate({}, async (network) => {
    const here = network.host("here");
    for (const [types, call] of CALLS) told.push([types, await here.run(() => optionsOf(call, network))]);
  });
  expect(told.length).toBe(CALLS.length);
  for (const [types, names] of told) {
    const shown = new Set(rows.filter(({ type }) => types.includes(type)).map(({ name }) => name));
    expect([types, [...shown].sort()]).toEqual([types, [...names].sort()]);
  }
  const checked = new Set(CALLS.flatMap(([types]) => types));
  const unchecked = rows.map(({ type }) => type).filter((type) => !checked.has(type));
  // It takes the options of Node's TLS as well, so that it cannot refuse a name.
  expect([...new Set(unchecked)]).toEqual(["StartTlsOptions"]);
});

test("docs/options.md has every parameter, with the default that is in effect", () => {
  const shown = rows.filter(({ parameter }) => parameter !== "");
  const values = shown.map((row) => [row.parameter, row.default.replaceAll("_", "")]);
  const parameters = Object.entries(tcp6.getParameters()).map(([name, value]) => [name, String(value)]);
  expect(values.sort()).toEqual(parameters.sort());
});

test("every public name is on one page", () => {
  const pages = readdirSync(join(ROOT, "scripts/api")).map((name) => `scripts/api/${name}`);
  const names = exportsOf("src/index.ts", "src/testing/index.ts");
  expect(names.length).toBeGreaterThan(100);
  expect(exportsOf(...pages).sort()).toEqual(names.sort());
});

describe("made anew", () => {
  const made = mkdtempSync(join(tmpdir(), "tcp6-api-"));
  const told = spawnSync(process.execPath, [join(ROOT, "scripts/api-docs.mjs"), made], { encoding: "utf8" });

  afterAll(() => rmSync(made, { recursive: true }));

  test("every public name has a doc comment, and every link in one leads somewhere", () => {
    // What TypeDoc has to say is among these lines.
    expect(told.stdout + told.stderr).not.toMatch(/warning|error/i);
    expect(told.status).toBe(0);
  });

  test("it is what docs/api/ and docs/options.md have: `npm run docs:api` writes it", () => {
    const pagesIn = (directory: string) =>
      ["options.md", ...readdirSync(join(directory, "api")).map((name) => `api/${name}`)].map(
        (name) => [name, readFileSync(join(directory, name), "utf8")] as const,
      );
    expect(pagesIn(made).length).toBeGreaterThan(5);
    expect(pagesIn(join(ROOT, "docs"))).toEqual(pagesIn(made));
  });
});
