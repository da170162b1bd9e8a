import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, posix, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import ts from "typescript";
import * as library from "../../src/index.js";
import * as testing from "../../src/testing/index.js";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

/**
 * The layers, from the top down: a file imports from layers below its own, or from its own folder. Names that end in
 * `/` are folders; a file that is named itself does not belong to the layer of its folder.
 */
const LAYERS = [
  "cli/",
  "testing/",
  "index.ts",
  "relay.ts",
  "requests.ts",
  "requesting/",
  "messages/",
  "serve.ts",
  "serving/",
  "connect-duplex.ts",
  "connect.ts",
  "listen.ts",
  "listen-fds.ts",
  "listener.ts",
  "accept/",
  "connection.ts",
  "views/",
  "connected-socket.ts",
  "options/",
  "tls/",
  "proxy-protocol/",
  "dial/",
  "core/facts.ts",
  "core/establish.ts",
  "core/successors.ts",
  "core/link.ts",
  "core/announce.ts",
  "core/link-settings.ts",
  "core/forgotten.ts",
  "address/resolve.ts",
  "core/network.ts",
  "core/reading/",
  "core/writing/",
  "core/life.ts",
  "core/half-host.ts",
  "core/transport/",
  "options/delimiters.ts",
  "core/bytes/",
  "diagnostics.ts",
  "address/",
  "core/timing/",
  "core/members.ts",
  "parameters.ts",
  "options/write.ts",
  "options/operation.ts",
  "options/schema.ts",
  "options/checks.ts",
  "errors.ts",
  "error-codes.ts",
  "tls-words.ts",
  "inspection.ts",
  "options/nearest.ts",
  "options/described.ts",
];

const VALUES = [
  "Connection",
  "Listener",
  "NetError",
  "NetTimeoutError",
  "connect",
  "connectDuplex",
  "connectTo",
  "delimited",
  "formatEndpoint",
  "framed",
  "getParameters",
  "jsonLines",
  "lengthPrefix",
  "lengthPrefixed",
  "listen",
  "listenFds",
  "parseEndpoint",
  "relay",
  "requests",
  "resolve",
  "serve",
  "setParameters",
  "varintPrefix",
  "withParameters",
];

const TYPES = [
  "AddressInfo",
  "AttemptEvent",
  "BatchOptions",
  "ByteReadable",
  "ByteWritable",
  "ChunksOptions",
  "Codec",
  "ConnectDuplexOptions",
  "ConnectEndpoint",
  "ConnectOptions",
  "ConnectedDuplex",
  "ConnectionCloseEvent",
  "ConnectionEvent",
  "ConnectionFacts",
  "ConnectionOptions",
  "ConnectionOrigin",
  "ConnectionState",
  "Data",
  "DelimitedRecord",
  "Delimiter",
  "DialEvent",
  "Endpoint",
  "FrameOptions",
  "FramedOptions",
  "Frames",
  "FramesFacts",
  "Handler",
  "KeepAliveOptions",
  "LengthPrefixOptions",
  "LibraryCode",
  "LimitOptions",
  "LineOptions",
  "LineTerminator",
  "ListenEndpoint",
  "ListenFd",
  "ListenFdsOptions",
  "ListenOptions",
  "ListenerAddress",
  "ListenerFacts",
  "ListenerStats",
  "LookupCallback",
  "LookupEvent",
  "LookupFunction",
  "LookupOptions",
  "LookupRequest",
  "Messages",
  "NetErrorCode",
  "NetErrorFacts",
  "NetErrorFields",
  "NetParameters",
  "NonSharedBuffer",
  "NonSharedUint8Array",
  "Operation",
  "OperationOptions",
  "PlatformCode",
  "ProxyFacts",
  "ProxyHeader",
  "ProxyProtocol",
  "RefusedEvent",
  "RefusedReason",
  "RelayOptions",
  "RelayResult",
  "RequestOptions",
  "Requests",
  "RequestsFacts",
  "ResolveOptions",
  "ServeOptions",
  "SocketDuplex",
  "SplitOptions",
  "StartTlsOptions",
  "TextEncoding",
  "TlsCode",
  "TlsFacts",
  "WriteLineOptions",
  "WriteOptions",
];

const TESTING_VALUES = ["connectionContract", "faulty", "memoryPair", "simulate"];

const TESTING_TYPES = [
  "ByteCount",
  "ConnectionPair",
  "ContractCase",
  "ContractRunOptions",
  "DescribedPair",
  "Faults",
  "Host",
  "HostOptions",
  "LinkOptions",
  "MakePair",
  "MemoryPairOptions",
  "Network",
  "NetworkEvent",
  "PairFacts",
  "SimulationOptions",
];

/** Which files each file imports, types included; all by their paths below `src`. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** What a source file imports or exports from, in any way there is. */
function specifiersIn(name: string, text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier =
      ts.isImportDeclaration(node) || ts.isExportDeclaration(node)
        ? node.moduleSpecifier
        : ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
          ? node.arguments[0]
          : ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)
            ? node.argument.literal
            : undefined;
    if (specifier !== undefined && ts.isStringLiteral(specifier)) found.push(specifier.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  return found;
}

function importsOf(files: ReadonlyMap<string, string>): Imports {
  const targets = (name: string, text: string) =>
    specifiersIn(name, text)
      .filter((specifier) => specifier.startsWith("."))
      .map((specifier) => posix.join(posix.dirname(name), specifier).replace(/\.js$/, ".ts"));
  return new Map([...files].map(([name, text]) => [name, targets(name, text)]));
}

/** Which layer a file belongs to, or -1. */
function layerOf(file: string, layers: readonly string[]): number {
  const own = layers.indexOf(file);
  return own === -1 ? layers.findIndex((layer) => layer.endsWith("/") && file.startsWith(layer)) : own;
}

/** What is wrong with the directions of imports: files without a layer, imports of nothing, imports upwards. */
function violations(imports: Imports, layers: readonly string[]): string[] {
  return [...imports].flatMap(([file, targets]) => {
    const own = layerOf(file, layers);
    if (own === -1) return [`${file} is in no layer`];
    return targets.flatMap((target) => {
      if (!imports.has(target)) return [`${file} imports ${target}, which does not exist`];
      const below = layerOf(target, layers);
      const withinFolder = below === own && layers[own]?.endsWith("/") === true;
      return below > own || withinFolder ? [] : [`${file} imports ${target}, which is not below it`];
    });
  });
}

/** A cycle of imports, if there is one: its files in order, the first one again at the end. */
function cycleIn(imports: Imports): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const target of imports.get(file) ?? []) {
      const cycle = visit(target, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

function filesBelow(folder: string, ending: RegExp): Map<string, string> {
  const names = existsSync(folder) ? readdirSync(folder, { recursive: true, encoding: "utf8" }) : [];
  const files = names.filter((name) => ending.test(name) && statSync(join(folder, name)).isFile());
  return new Map(files.map((name) => [name.replaceAll("\\", "/"), readFileSync(join(folder, name), "utf8")]));
}

const sources = filesBelow(join(ROOT, "src"), /\.ts$/);

describe("imports", () => {
  const imports = importsOf(sources);

  test("are found: the parser sees the sources", () => {
    expect(imports.size).toBeGreaterThan(20);
    expect(imports.get("index.ts")).toEqual(expect.arrayContaining(["connect.ts", "errors.ts"]));
    expect([...imports.values()].flat().length).toBeGreaterThan(imports.size);
  });

  test("go only down", () => {
    expect(violations(imports, LAYERS)).toEqual([]);
  });

  test("of the program are those of any user of the library: its entry", () => {
    const own = [...imports].filter(([file]) => file.startsWith("cli/"));
    const others = own.flatMap(([, targets]) => targets.filter((target) => !target.startsWith("cli/")));
    expect(new Set(others)).toEqual(new Set(["index.ts"]));
  });

  test("have no cycle", () => {
    expect(cycleIn(imports)).toBeUndefined();
  });

  test("every layer exists", () => {
    const empty = LAYERS.filter(
      (_, layer) => ![...sources.keys()].some((file) => layerOf(file, LAYERS) === layer),
    );
    expect(empty).toEqual([]);
  });
});

/** Which files construct or call what `pattern` matches, one entry for each time. */
function placesOf(pattern: RegExp): string[] {
  return [...sources].flatMap(([name, text]) => {
    const found: string[] = [];
    const visit = (node: ts.Node): void => {
      const isMade = ts.isNewExpression(node) && pattern.test(`new ${node.expression.getText()}`);
      const isCalled = ts.isCallExpression(node) && pattern.test(node.expression.getText());
      if (isMade || isCalled) found.push(name);
      ts.forEachChild(node, visit);
    };
    visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
    return found;
  });
}

describe("a connection is made in one place", () => {
  test("its link is", () => {
    expect(placesOf(/^new Link$/)).toEqual(["core/establish.ts"]);
  });

  test("the object is constructed once, for that place, by the only file that may", () => {
    expect(placesOf(/^new (?:Connection|this)$/).filter((name) => name !== "listener.ts")).toEqual([
      "connection.ts",
    ]);
    expect(placesOf(/^establish$/)).toEqual(["connection.ts"]);
  });

  test("every way to one goes through it", () => {
    const ways = [
      "accept/queue.ts",
      "connect.ts",
      "connection.ts",
      "connection.ts",
      "testing/memory-pair.ts",
    ];
    expect(placesOf(/^connectionOver$/).sort()).toEqual(ways);
  });
});

/** The only files that use what Node does not document. */
const INTERNALS = /^(?:core\/transport\/(?:node|server|tls)-internals|testing\/simulation\/node-timers)\.ts/;

/**
 * Where a file uses what Node does not document: a name that begins with an underscore, and symbols that are looked for.
 * Not meant are parameters that are not used, and the methods that Node documents for those who extend its streams.
 */
function internalsIn(name: string, text: string): string[] {
  const found: string[] = [];
  const isMeant = ({ parent, text }: ts.Identifier | ts.StringLiteralLike): boolean => {
    if (/^(?:getOwnPropertySymbols|description)$/.test(text)) return ts.isPropertyAccessExpression(parent);
    if (!/^_[a-z]/.test(text) || ts.isParameter(parent) || ts.isImportSpecifier(parent)) return false;
    if (ts.isMethodDeclaration(parent)) {
      return !parent.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.OverrideKeyword);
    }
    return !(ts.isPropertyAccessExpression(parent) && parent.expression.kind === ts.SyntaxKind.SuperKeyword);
  };
  const visit = (node: ts.Node): void => {
    if ((ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && isMeant(node)) {
      found.push(`${name}: ${node.text}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  return found;
}

test("what Node does not document is used in a few files only", () => {
  const used = [...sources].flatMap(([name, text]) => internalsIn(name, text));
  expect(used.filter((use) => INTERNALS.test(use)).length).toBeGreaterThan(10);
  expect(used.filter((use) => !INTERNALS.test(use))).toEqual([]);
});

/** What reads the time or sets a timer: modules, globals, members of globals, and exports of `node:process`. */
const TIME = [
  "node:timers",
  "node:timers/promises",
  "node:perf_hooks",
  "setTimeout",
  "setInterval",
  "setImmediate",
  "Date",
  "performance",
  "AbortSignal.timeout",
  "process.hrtime",
  "hrtime",
];

/**
 * The cases of the contract, which are programs that use the library: they wait with the timers of Node's and run servers of
 * Node's over connections.
 */
const CASES = "testing/contract/";

/** The files that may, and why. */
const TIME_USERS: Readonly<Record<string, string>> = {
  "cli/time.ts": "is of a program that uses the library, which has no time to offer",
  "core/timing/clock.ts": "is the clock",
  "core/timing/process-hold.ts": "its timer never fires: it is a handle that keeps the process alive",
  "testing/manual-clock.ts": "its turns of the event loop are real ones",
  "testing/simulation/globals.ts": "replaces what reads the time, inside a simulation",
  "testing/simulation/node-timers.ts": "cancels timers of the machine that it has replaced by virtual ones",
  "testing/simulation/simulate.ts": "waits for the event loop to turn, whatever time it is in the simulation",
  "testing/simulation/virtual-clock.ts": "its turns of the event loop are real ones",
};

/**
 * What a source file uses of its surroundings: modules from which it imports values, the names of these values, globals
 * and their members (`AbortSignal.timeout`). Locals are found too; what is named as a property, method or type is not.
 */
function usesIn(name: string, text: string): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isImportDeclaration(node)) {
      const clause = node.importClause;
      if (clause?.phaseModifier === ts.SyntaxKind.TypeKeyword) return;
      const bindings = clause?.namedBindings;
      const named = bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : [];
      const values = named.filter((one) => !one.isTypeOnly);
      for (const one of values) found.add((one.propertyName ?? one.name).text);
      if (named.length > 0 && values.length === 0) return;
      found.add((node.moduleSpecifier as ts.StringLiteral).text);
      return;
    }
    if (ts.isPropertyAccessExpression(node)) {
      if (ts.isIdentifier(node.expression)) found.add(`${node.expression.text}.${node.name.text}`);
      visit(node.expression);
      return;
    }
    if (ts.isIdentifier(node) && !("name" in node.parent && node.parent.name === node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** What connects a socket, makes a server or asks for the addresses of a name. */
const NETWORK = [
  "node:dns",
  "node:dns/promises",
  "node:http",
  "node:tls",
  "createConnection",
  "createServer",
  "net.connect",
  "socket.connect",
];

/** The files that may, and why. */
const NETWORK_USERS: Readonly<Record<string, string>> = {
  "core/network.ts": "is the network",
};

/** The files that use any of these, beside the cases of the contract. */
function usersOf(uses: readonly string[]): string[] {
  const users = [...sources].filter(
    ([name, text]) => !name.startsWith(CASES) && [...usesIn(name, text)].some((use) => uses.includes(use)),
  );
  return users.map(([name]) => name).sort();
}

test("time is read and timers are set by the clock alone", () => {
  expect(usersOf(TIME)).toEqual(Object.keys(TIME_USERS));
});

test("sockets, servers and the addresses of names come from the network alone", () => {
  expect(usersOf(NETWORK)).toEqual(Object.keys(NETWORK_USERS));
});

describe("the checks themselves", () => {
  test("see what Node does not document, however it is reached", () => {
    const text = `
      socket._handle; socket["_handle"]; const { _handle: handle } = socket; const NAMES = ["_final"];
      const methods = { _final() {} }; interface Server { _connections: number }
      Object.getOwnPropertySymbols(socket).find(({ description }) => description === "kBuffer"); symbol.description;
      class Own extends Duplex {
        #_own = "a _word in a text";
        override _write(_chunk, encoding, done) { super._write(); }
      }
    `;
    const uses = ["_handle", "_handle", "_handle", "_final", "_final", "_connections"];
    const symbols = ["getOwnPropertySymbols", "description"];
    expect(internalsIn("a.ts", text)).toEqual([...uses, ...symbols].map((use) => `a.ts: ${use}`));
  });

  const files = (texts: Record<string, string>) => importsOf(new Map(Object.entries(texts)));

  test("find every kind of import, types too", () => {
    const imports = files({
      "a.ts": `
        import value from "./one.js";
        import type { T } from "./two.js";
        import "./three.js";
        export { x } from "./four.js";
        export type { Y } from "./five.js";
        export * from "./six.js";
        const later = import("./seven.js");
        type Inline = import("./eight.js").Z;
        import outside from "node:net";
        const text = 'import "./none.js"'; // import "./none.js"
      `,
      "folder/b.ts": 'import { c } from "../c.js"; import { d } from "./d.js";',
    });
    const numbers = ["one", "two", "three", "four", "five", "six", "seven", "eight"];
    expect(imports.get("a.ts")).toEqual(numbers.map((number) => `${number}.ts`));
    expect(imports.get("folder/b.ts")).toEqual(["c.ts", "folder/d.ts"]);
  });

  test("find what a file uses of its surroundings, and not what it names so itself", () => {
    const text = `
      import { setTimeout as later, type Timeout } from "node:timers";
      import type { Socket } from "node:net";
      import { type LookupAddress } from "node:dns";
      import process from "node:process";
      class Stream { setInterval(ms: Date): void { this.clock.setImmediate(process.hrtime); } }
      const limit = AbortSignal.timeout(performance.now());
    `;
    const uses = usesIn("a.ts", text);
    const wanted = ["node:timers", "setTimeout", "process.hrtime", "AbortSignal.timeout", "performance"];
    expect(wanted.filter((use) => !uses.has(use))).toEqual([]);
    const unwanted = ["node:net", "node:dns", "setInterval", "setImmediate", "Date", "Socket", "Timeout"];
    expect(unwanted.filter((use) => uses.has(use))).toEqual([]);
  });

  test("see an import that goes up, one within a layer, one of nothing, and a file in no layer", () => {
    const imports = files({
      "top.ts": 'import "./folder/a.js"; import "./gone.js";',
      "folder/a.ts": 'import "./b.js"; import "../low.js";',
      "folder/b.ts": 'import type { Top } from "../top.js";',
      "low.ts": 'import "./low.js";',
      "lost.ts": "",
    });
    expect(violations(imports, ["top.ts", "folder/", "low.ts"])).toEqual([
      "top.ts imports gone.ts, which does not exist",
      "folder/b.ts imports top.ts, which is not below it",
      "low.ts imports low.ts, which is not below it",
      "lost.ts is in no layer",
    ]);
  });

  test("see a cycle within a folder, also one of types", () => {
    const imports = files({
      "index.ts": 'import "./folder/a.js"; import "./folder/c.js";',
      "folder/a.ts": 'import "./b.js";',
      "folder/b.ts": 'import "./c.js";',
      "folder/c.ts": 'import type { A } from "./a.js";',
    });
    expect(cycleIn(imports)).toEqual(["folder/a.ts", "folder/b.ts", "folder/c.ts", "folder/a.ts"]);
    expect(violations(imports, ["index.ts", "folder/"])).toEqual([]);
    expect(cycleIn(files({ "a.ts": 'import "./a.js";' }))).toEqual(["a.ts", "a.ts"]);
    expect(
      cycleIn(files({ "a.ts": 'import "./b.js"; import "./c.js";', "b.ts": 'import "./c.js";', "c.ts": "" })),
    ).toBe(undefined);
  });
});

describe.each([
  { entry: "index.ts", module: library, values: VALUES, types: TYPES },
  { entry: "testing/index.ts", module: testing, values: TESTING_VALUES, types: TESTING_TYPES },
])("src/$entry", ({ entry, module, values, types }) => {
  test("exports these values and no others", () => {
    expect(Object.keys(module).sort()).toEqual(values);
  });

  test("exports these values and types, each by its name", () => {
    const index = ts.createSourceFile(entry, sources.get(entry) ?? "", ts.ScriptTarget.Latest, true);
    const exported = index.statements.flatMap((statement): string[] => {
      if (!ts.isExportDeclaration(statement)) return [`not an export: ${statement.getText()}`];
      const { exportClause, isTypeOnly } = statement;
      if (exportClause === undefined || !ts.isNamedExports(exportClause)) return ["an export without names"];
      return exportClause.elements.map(
        (one) => (isTypeOnly || one.isTypeOnly ? "type " : "") + one.name.text,
      );
    });
    expect(exported.sort()).toEqual([...values, ...types.map((name) => `type ${name}`)].sort());
  });
});

describe("src/index.ts", () => {
  test("opens with a reading map that names every layer, and nothing else", () => {
    const [map = ""] = /^\/\*\*.*?\*\//s.exec(sources.get("index.ts") ?? "") ?? [];
    const mentioned = map.match(/(?:[\w-]+\/)*(?:[\w-]+\.ts\b|[\w-]+\/(?=[\s:,)]))/g) ?? [];
    const layers = LAYERS.filter((layer) => layer !== "index.ts" && !/^options\/./.test(layer));
    // The folder `core/` has layers of its own.
    expect(mentioned.filter((name) => name !== "core/").sort()).toEqual(layers.sort());
  });
});

test("in one module the exported functions and classes keep their names", async () => {
  const { outputFiles } = await bundle({
    absWorkingDir: ROOT,
    stdin: {
      contents: `
        import * as library from "./src/index.ts";
        console.log(JSON.stringify(Object.entries(library).map(([name, value]) => [name, value.name])));
      `,
      resolveDir: ROOT,
    },
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node20.19",
    write: false,
  });
  // From its input, Node looks for packages in the working directory.
  const program = outputFiles[0]?.contents;
  const output = execFileSync(process.execPath, ["--input-type=module"], { cwd: ROOT, input: program });
  const names = JSON.parse(output.toString()) as [exported: string, own: string][];
  expect(names.sort()).toEqual(VALUES.map((name) => [name, name]));
});

test("every source file is short enough to be read at once", () => {
  // Lines of code: comments explain them, and may be as long as that takes.
  const linesOf = (text: string) => text.split("\n").filter((line) => !/^\s*(?:\/\/|\/?\*|$)/u.test(line));
  const long = [...sources].filter(([, text]) => linesOf(text).length > 350).map(([name]) => name);
  expect(long).toEqual([]);
});

describe("package.json", () => {
  interface Manifest {
    readonly exports: Readonly<
      Record<string, string | Readonly<Record<string, Readonly<Record<string, string>>>>>
    >;
    readonly main: string;
    readonly types: string;
    readonly files: readonly string[];
    readonly dependencies?: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
    readonly peerDependencies: Readonly<Record<string, string>>;
    readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>;
    readonly type: string;
  }
  const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

  test("needs no package at run time", () => {
    expect(manifest.dependencies).toBeUndefined();
  });

  test("lists the packages that the sources use, and no others", () => {
    // Those of the first are compiled into dist/.
    const compiledIn = ["abort-controller-x", "p-timeout"];
    expect(Object.keys(manifest.devDependencies)).toEqual(expect.arrayContaining(compiledIn));
    const dependencies = [...compiledIn, ...Object.keys(manifest.peerDependencies)];
    const imported = [...sources].flatMap(([name, text]) => specifiersIn(name, text));
    const packages = imported.filter((specifier) => !/^(?:\.|node:)/.test(specifier));
    expect(dependencies).toEqual(expect.arrayContaining(packages));
    const unused = dependencies.filter(
      (name) => ![...sources.values()].some((text) => text.includes(`"${name}"`)),
    );
    expect(unused).toEqual([]);
  });

  test("makes no program install what only its tests need, and no entry but that one loads it", () => {
    const peers = Object.keys(manifest.peerDependencies);
    expect(peers).toEqual(["@sinonjs/fake-timers"]);
    expect(manifest.peerDependenciesMeta).toEqual({ "@sinonjs/fake-timers": { optional: true } });
    const users = [...sources].filter(([name, text]) =>
      specifiersIn(name, text).some((one) => peers.includes(one)),
    );
    expect(users.map(([name]) => name)).toEqual(["testing/simulation/fake-timers.ts"]);
  });
});

test("what CONTRIBUTING.md names of this project is there", () => {
  const page = readFileSync(join(ROOT, "CONTRIBUTING.md"), "utf8");
  const paths = [...page.matchAll(/(?:src|__tests__|bench|docs)\/[\w./-]*/g)].map(([path]) => path);
  expect(paths.length).toBeGreaterThan(20);
  expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  const scripts = [...page.matchAll(/npm run ([\w:]+)/g)].map(([, script]) => script);
  const { scripts: known } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  expect(Object.keys(known)).toEqual(expect.arrayContaining(scripts));
});

test("no source and no page refers to a file that is not in this project", () => {
  const pages = new Map(
    ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
      .filter((name) => existsSync(join(ROOT, name)))
      .map((name) => [name, readFileSync(join(ROOT, name), "utf8")]),
  );
  for (const folder of ["src", "docs", "examples"]) {
    for (const [name, text] of filesBelow(join(ROOT, folder), /\.(?:ts|md)$/))
      pages.set(`${folder}/${name}`, text);
  }
  const strays = [...pages].flatMap(([name, text]) =>
    [...text.matchAll(/(?:\.\.\/)+[\w@][\w@./-]*\w/g)]
      .map(([path]) => resolve(ROOT, dirname(name), path))
      .filter((path) => relative(ROOT, path).startsWith("..") || !existsSync(path.replace(/\.js$/, ".ts")))
      .map((path) => `${name} refers to ${relative(ROOT, path)}`),
  );
  expect(strays).toEqual([]);
});
