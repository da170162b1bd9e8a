/** What is published, as programs see it that have installed it and nothing else. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Format } from "esbuild";
import { publicCases } from "../platforms/public-cases.js";
import { BUN, DENO, describeOn } from "../platforms/runtimes.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const JEST = join(ROOT, "node_modules/jest/bin/jest.js");
/** The package that virtual time is made with. */
const CLOCK = "@sinonjs/fake-timers";
/** A name that IANA has registered, and `/etc/services` lacks. */
const RARE_SERVICE = "xsip-network";
const ITS_PORT = 1_354;

/** What the tarball may have: docs/design.md says what its parts are. Raise it only for what is worth its size. */
const MOST_BYTES_PACKED = 450_000;

/** The user's project. */
const project = mkdtempSync(join(tmpdir(), "tcp6-package-"));
const installed = join(project, "node_modules/tcp6");
let packedBytes = NaN;

beforeAll(() => {
  const run = (command: string, ...args: string[]) =>
    execFileSync(command, args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  const tarball =
    run("npm", "pack", "--silent", "--pack-destination", project).trim().split("\n").at(-1) ?? "";
  packedBytes = statSync(join(project, tarball)).size;
  mkdirSync(join(project, "node_modules"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ dependencies: { tcp6: "*" } }));
  run("tar", "-xzf", join(project, tarball), "-C", project);
  renameSync(join(project, "package"), installed);
}, 120_000);

afterAll(() => rmSync(project, { recursive: true }));

/** Runs a program in the user's project; returns what it prints, as JSON. */
function said(name: string, code: string, command: readonly string[] = [process.execPath]): unknown {
  return JSON.parse(outputOf(name, code, command));
}

function outputOf(name: string, code: string, [runtime = "", ...options]: readonly string[]): string {
  writeFileSync(join(project, name), code);
  return execFileSync(runtime, [...options, name], { cwd: project, encoding: "utf8", timeout: 60_000 });
}

test("holds what is made, the documents and the licences, and no sources", () => {
  expect(readdirSync(installed).sort()).toEqual([
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "dist",
    "docs",
    "package.json",
  ]);
  expect(readdirSync(join(installed, "dist")).sort()).toEqual([
    "LICENSES.txt",
    "cli.cjs",
    "core.cjs",
    "duplex.cjs",
    "framing.cjs",
    "index.cjs",
    "index.d.cts",
    "index.d.ts",
    "index.js",
    "listening.cjs",
    "proxy.cjs",
    "registered-services.cjs",
    "requesting.cjs",
    "serving.cjs",
    "shared.d.cts",
    "testing.cjs",
    "testing.d.cts",
    "testing.d.ts",
    "testing.js",
    "tls-words.cjs",
    "tls.cjs",
    "web.cjs",
  ]);
  const licences = readFileSync(join(installed, "dist/LICENSES.txt"), "utf8");
  expect(licences).toMatch(/^abort-controller-x [\d.]+\n[^]+\np-timeout [\d.]+\n/);
});

test("is no larger than it has to be", () => {
  expect(packedBytes).toBeLessThan(MOST_BYTES_PACKED);
});

test("promises what the report of its interface says", () => {
  const report = execFileSync(
    process.execPath,
    [join(ROOT, "scripts/api-report.mjs"), join(installed, "dist")],
    { cwd: ROOT, encoding: "utf8" },
  );
  // `npm run api` writes it.
  expect(report).toBe(readFileSync(join(ROOT, "api-report.md"), "utf8"));
});

test("is one library for programs that import it and programs that require it", () => {
  const found = said(
    "both.mjs",
    `import { createRequire } from "node:module";
    import * as imported from "tcp6";
    import * as importedTesting from "tcp6/testing";
    const require = createRequire(import.meta.url);
    const required = require("tcp6");
    const requiredTesting = require("tcp6/testing");
    const differing = (one, other) =>
      [...new Set([...Object.keys(one), ...Object.keys(other)])].filter((name) => one[name] !== other[name]);
    const ends = importedTesting.memoryPair();
    for (const end of ends) end.reset();
    console.log(JSON.stringify({
      exports: Object.keys(imported).length > 20 && Object.keys(importedTesting).length >= 3,
      differing: [...differing(imported, required), ...differing(importedTesting, requiredTesting)],
      testing: ends.every((end) => end instanceof required.Connection),
    }));`,
  );
  expect(found).toEqual({ exports: true, differing: [], testing: true });
});

test("has the program tcp6, which connects by it", () => {
  const program = join(project, "tcp6.sh");
  // As npm links it.
  symlinkSync(join(installed, "dist/cli.cjs"), program);
  const run = (...args: string[]) =>
    spawnSync(program, args, { cwd: project, encoding: "utf8", timeout: 50_000 });
  const { version } = JSON.parse(readFileSync(join(installed, "package.json"), "utf8")) as {
    version: string;
  };
  expect(run("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
  const refused = run("connect", "127.0.0.1:1");
  expect(refused).toMatchObject({ status: 1, stdout: "" });
  expect(refused.stderr).toMatch(/ECONNREFUSED/);
});

test.each([
  ["NetError: connect 127.0.0.1:1: connection refused", `await connect("127.0.0.1", 1)`],
  ['TypeError: "timeOut" is no option', `await connect("127.0.0.1", 1, { timeOut: 1 })`],
])("an error that nothing catches is a few short lines, with its name: %s", (line, call) => {
  writeFileSync(join(project, "uncaught.mjs"), `import { connect } from "tcp6";\n${call};`);
  const { status, stderr } = spawnSync(process.execPath, ["uncaught.mjs"], {
    cwd: project,
    encoding: "utf8",
    timeout: 50_000,
  });
  expect(status).toBe(1);
  expect(`\n${stderr}`).toContain(`\n${line}`);
  expect(Math.max(...stderr.split("\n").map(({ length }) => length))).toBeLessThan(500);
});

test("shows what it gives by the names of its classes", () => {
  const code = `import { inspect } from "node:util";
    import { listen } from "tcp6";
    import { memoryPair } from "tcp6/testing";
    const [a] = memoryPair();
    const listener = await listen("127.0.0.1:0");
    const shown = [a.lines(), a.split(","), a.chunks()].map((loop) => inspect(loop));
    const names = [a, a.duplex, listener].map((each) => each.constructor.name);
    await listener.close();
    console.log(JSON.stringify({ shown, names }));`;
  expect(said("names.mjs", code)).toEqual({
    shown: ["[Lines]", "[Records]", "[Chunks]"],
    names: ["Connection", "ConnectionDuplex", "Listener"],
  });
});

/** Tells how a simulation fails. */
const SIMULATION = `import { simulate } from "tcp6/testing";
  simulate({}, async () => undefined).catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;

test("says which package a simulation needs, where it is not installed", () => {
  expect(said("simulation.mjs", SIMULATION)).toEqual({
    code: "ERR_MODULE_NOT_FOUND",
    message: expect.stringContaining(`npm install --save-dev ${CLOCK}@15`) as unknown,
  });
});

test("passes on why the package that a simulation needs cannot be loaded, where it is installed", () => {
  projectWithClock("broken", (at) => {
    mkdirSync(at);
    writeFileSync(join(at, "index.js"), `require("@sinonjs/commons");`);
  });
  expect(said("broken/simulation.mjs", SIMULATION)).toEqual({
    code: "MODULE_NOT_FOUND",
    message: expect.stringMatching(/^Cannot find module '@sinonjs\/commons'/) as unknown,
  });
});

/** Serves one client, by a name that is in IANA's registry only, and tells what came. */
const PROGRAM = `
(async () => {
  const [{ port }] = await resolve("127.0.0.1", "${RARE_SERVICE}");
  const listener = await listen("127.0.0.1:0");
  const client = await connect("127.0.0.1", listener.port, { timeout: 5000 });
  const server = await listener.accept();
  await client.writeLine("hello");
  const line = await server.readLine();
  const failure = await client.read({ timeout: 1 }).catch((error) => error);
  await Promise.all([client.close(), server.close(), listener.close()]);
  console.log(JSON.stringify({ port, line, code: failure.code, typed: failure instanceof NetTimeoutError }));
})();
`;
const NAMES = "{ connect, listen, NetTimeoutError, resolve }";
const OUTCOME = { port: ITS_PORT, line: "hello", code: "ETIMEDOUT", typed: true };

const PROGRAMS = [
  ["imported", "program.mjs", `import ${NAMES} from "tcp6";`],
  ["required", "program.cjs", `const ${NAMES} = require("tcp6");`],
] as const;

test.each(PROGRAMS)("works where it is %s", (_, name, line) => {
  expect(said(name, line + PROGRAM)).toEqual(OUTCOME);
});

const WAYS = [
  [
    "imported",
    "mjs",
    `import { createRequire } from "node:module"; import * as tcp6 from "tcp6"; const require = createRequire(import.meta.url);`,
  ],
  ["required", "cjs", `const tcp6 = require("tcp6");`],
] as const;

/** `loaded()` tells which modules of the package have been loaded since it was called last. */
const LOADED = `
const path = require("node:path");
const known = new Set();
const loaded = () => {
  const now = Object.keys(require.cache).filter((file) => file.includes("tcp6" + path.sep + "dist") && !known.has(file));
  for (const file of now) known.add(file);
  return now.map((file) => path.basename(file, ".cjs")).sort();
};
`;

test.each(WAYS)("loads what every program needs, and no more, where it is %s", (_, kind, line) => {
  // What Node.js itself loads for a module of this kind, and for the modules that the library is made with.
  const floor = `import { createRequire } from "node:module"; import "node:net"; import "node:stream";`;
  const list = `console.log(JSON.stringify({ builtins: process.moduleLoadList, modules: loaded() }));`;
  const without = said(
    `floor.${kind}`,
    (kind === "mjs" ? floor : `require("node:net"); require("node:stream");`) +
      `
    const loaded = () => [];` +
      list,
  ) as { builtins: string[] };
  const found = said(`load.${kind}`, line + LOADED + list) as { builtins: string[]; modules: string[] };
  expect(found.modules).toEqual(["core", "index"]);
  const known = new Set(without.builtins);
  const more = found.builtins.filter((name) => name.startsWith("NativeModule ") && !known.has(name));
  const costly = /^NativeModule (?:crypto|dns|perf_hooks|stream\/web|tls|http|child_process|worker_threads)$/;
  expect(more.filter((name) => costly.test(name))).toEqual([]);
});

test.each(WAYS)(
  "loads no module of Node's for the first connection and the first failure, where it is %s",
  (_, kind, line) => {
    const program = `
(async () => {
  const server = process.getBuiltinModule("node:net").createServer((socket) => socket.on("error", () => undefined));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const before = new Set(process.moduleLoadList);
  const connection = await tcp6.connect("127.0.0.1", server.address().port);
  connection.reset();
  const { code } = await tcp6.connect({ path: "/nowhere/at-all" }).catch((error) => error);
  const more = process.moduleLoadList.filter((name) => !before.has(name));
  server.close();
  console.log(JSON.stringify({ code, more }));
})();
`;
    expect(said(`first.${kind}`, line + program)).toEqual({ code: "ENOENT", more: [] });
  },
);

/** Each late part by what makes it necessary; `null` where what it throws was no error of this library. */
const LATE_USES = `
(async () => {
  const { connect, framed, jsonLines, listen, NetError, requests, serve } = tcp6;
  const parts = {};
  loaded();
  const use = async (name, call) => {
    const outcome = await call();
    parts[name] = loaded();
    return outcome;
  };
  const codeOf = (promise) => promise.then(String, (error) => (error instanceof NetError ? error.code : null));
  const listener = await use("listen", () => listen("127.0.0.1:0"));
  const { port } = listener;
  const one = await use("connect", () => connect("127.0.0.1", port));
  const other = await listener.accept();
  await use("read and write", async () => [await one.writeLine("hello"), await other.readLine()]);
  const failed = await use("connect in vain", () => codeOf(connect({ path: "/nowhere/at-all" })));
  await use("duplex", async () => one.duplex);
  await use("readable", async () => other.readable);
  for (const each of [one, other]) each.reset();
  const serving = new AbortController();
  const echoing = async (client) => {
    const messages = framed(client, jsonLines());
    for await (const message of messages) await messages.send(message);
  };
  const [served] = await use("serve", () => [serve(listener, echoing, { signal: serving.signal, onError: () => undefined })]);
  const asking = await connect("127.0.0.1", port);
  const messages = await use("framed", async () => framed(asking, jsonLines()));
  await messages.send({ a: 1 });
  const echo = await messages.receive();
  const client = await use("requests", async () => requests(messages));
  const reply = await client.request({ b: 2 });
  asking.reset();
  const gone = await codeOf(client.request({ c: 3 }));
  const header = { version: 1, sourceAddress: "192.0.2.1", sourcePort: 1, destinationAddress: "192.0.2.2", destinationPort: 2 };
  const proxied = await use("proxyHeader", () => connect("127.0.0.1", port, { proxyHeader: header }));
  proxied.reset();
  serving.abort();
  await served;
  const silent = await listen("127.0.0.1:0");
  const untrusted = codeOf(connect("127.0.0.1", silent.port, { tls: { servername: "a.test" } }));
  const speaking = await silent.accept();
  await speaking.write("this is not TLS, but has more bytes than a record's header");
  const handshake = await use("tls", () => untrusted);
  await silent.close();
  console.log(JSON.stringify({ parts, failed, echo, reply, gone, handshake }));
})();
`;

const LATE_OUTCOME = {
  parts: {
    listen: ["listening"],
    connect: [],
    "read and write": [],
    "connect in vain": [],
    duplex: ["duplex"],
    readable: ["web"],
    serve: ["serving"],
    framed: ["framing"],
    requests: ["requesting"],
    proxyHeader: ["proxy"],
    tls: ["tls", "tls-words"],
  },
  failed: "ENOENT",
  echo: { a: 1 },
  reply: { b: 2 },
  gone: "ERR_CLOSED",
  handshake: "ERR_SSL_WRONG_VERSION_NUMBER",
};

test.each(WAYS)("loads each of the other parts when a call needs it, where it is %s", (_, kind, line) => {
  expect(said(`late.${kind}`, line + LOADED + LATE_USES)).toEqual(LATE_OUTCOME);
});

test("stays one library also where its modules are forgotten before it has loaded all parts", () => {
  // As test runners do between their tests.
  const forget = `const loaded = () => { for (const file in require.cache) delete require.cache[file]; return []; };`;
  const { parts, ...rest } = LATE_OUTCOME;
  expect(said("forgotten.cjs", WAYS[1][2] + forget + LATE_USES)).toMatchObject(rest);
  expect(Object.values(parts).flat().sort()).toHaveLength(9);
});

/** Runs a program in the user's project that must print nothing on stderr and end by itself; what it prints on stdout. */
function printedBy(name: string, code: string): string {
  writeFileSync(join(project, name), code);
  // A runner that finds itself within another one reports to that.
  const env = { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: undefined };
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [name], {
    cwd: project,
    env,
    encoding: "utf8",
    timeout: 90_000,
  });
  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  return stdout;
}

test("has a contract that node:test can run", () => {
  const printed = printedBy(
    "contract.test.mjs",
    `import { test } from "node:test";
    import { connectionContract, memoryPair } from "tcp6/testing";
    for (const { name, run } of connectionContract) test(name, () => run(memoryPair));`,
  );
  expect(printed).toMatch(/^. pass [1-9]\d{2,}$/m);
  expect(printed).toMatch(/^. fail 0$/m);
}, 100_000);

/** Pairs of connections as a user makes them. */
const PAIRS = `
async function dialed(options) {
  const listener = await listen({ host: "127.0.0.1", port: 0 }, options);
  const pair = await Promise.all([connect({ host: "127.0.0.1", port: listener.port }, options), listener.accept()]);
  await listener.close();
  return pair;
}

async function adopted(options) {
  const server = net.createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = net.connect({ host: "127.0.0.1", port: server.address().port, allowHalfOpen: true });
  const [[accepted]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
  server.close();
  return [Connection.from(client, options), Connection.from(accepted, options)];
}
`;

test("has a contract that needs no runner, for any connection", () => {
  const printed = printedBy(
    "contract.mjs",
    `import { once } from "node:events";
    import net from "node:net";
    import { connect, Connection, listen } from "tcp6";
    import { connectionContract } from "tcp6/testing";
    ${PAIRS}
    const chosen = connectionContract.filter(({ name }) => /^(read|readLine|write|lines|closeWrite)\\b/.test(name));
    for (const { run } of chosen) {
      await run(dialed);
      await run(adopted);
    }
    console.log(chosen.length);`,
  );
  expect(Number(printed)).toBeGreaterThan(50);
}, 100_000);

/** Has `load` load modules of the package in a vm context whose classes are its own, as those of Jest's jsdom are. */
const CONTEXT = `
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { dirname } = require("node:path");
const { compileFunction, createContext } = require("node:vm");
const names = ["AbortController", "AbortSignal", "clearImmediate", "clearTimeout", "DOMException", "queueMicrotask", "setImmediate",
  "setTimeout", "URL"];
const parsingContext = createContext(Object.fromEntries(names.map((name) => [name, globalThis[name]])));
const loaded = {};
const parameters = ["exports", "require", "module"];
function load(file) {
  if (loaded[file] === undefined) {
    const module = loaded[file] = { exports: {} };
    const { resolve } = createRequire(file);
    const requireOf = (id) => (id.startsWith("node:") ? require(id) : load(resolve(id)));
    compileFunction(readFileSync(file, "utf8"), parameters, { filename: file, parsingContext })(module.exports, requireOf, module);
  }
  return loaded[file].exports;
}
`;

test("works in a context whose classes are its own, such as Jest's jsdom", () => {
  const printed = printedBy(
    "context.cjs",
    `${CONTEXT}
    const { once } = require("node:events");
    const net = require("node:net");
    const { connect, Connection, listen } = load(require.resolve("tcp6"));
    const { connectionContract, memoryPair } = load(require.resolve("tcp6/testing"));
    ${PAIRS}
    const about = /latin1|gathered|corked|timeout|times? out|abort|bytes of another realm|random mix/;
    const chosen = connectionContract.filter(({ name }) => about.test(name));
    (async () => {
      const failed = [];
      const trying = ({ name, run }, pair) => run(pair).catch(({ message }) => failed.push([name, message]));
      for (const each of chosen) {
        await trying(each, memoryPair);
        await trying(each, dialed);
      }
      console.log(JSON.stringify({ enough: chosen.length > 150, failed }));
    })();`,
  );
  expect(JSON.parse(printed)).toEqual({ enough: true, failed: [] });
}, 100_000);

for (const { runtime, options } of [
  { runtime: BUN, options: [] },
  { runtime: DENO, options: ["run", "--allow-all", "--quiet"] },
]) {
  describeOn(runtime, `installed on ${runtime.name}`, () => {
    const command = [runtime.command, ...options];

    test.each(PROGRAMS)("works where it is %s", (_, name, line) => {
      expect(said(name, line + PROGRAM, command)).toEqual(OUTCOME);
    });

    test("does all that every runtime must be able to do", async () => {
      const names = outputOf("cases.mjs", await casesOverPackage(), command)
        .trim()
        .split("\n");
      expect(names).toEqual(Object.keys(publicCases));
      expect(names.length).toBeGreaterThanOrEqual(44);
    }, 120_000);
  });
}

/** The program `run-public.ts` in one module, but for the library, which it imports from the package. */
async function casesOverPackage(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "__tests__/platforms/run-public.ts")],
    bundle: true,
    platform: "node",
    format: "esm",
    write: false,
    plugins: [
      {
        name: "package",
        setup: (own) => {
          own.onResolve({ filter: /src\/index\.js$/ }, () => ({ path: "tcp6", external: true }));
          own.onResolve({ filter: /src\/testing\/index\.js$/ }, () => ({
            path: "tcp6/testing",
            external: true,
          }));
        },
      },
    ],
  });
  const code = outputFiles[0]?.text ?? "";
  expect(code).not.toContain("class Connection");
  return code;
}

test.each<[from: string, to: Format]>([
  ["import", "esm"],
  ["import", "cjs"],
  ["require", "cjs"],
])("works in one module by esbuild, with %s and as %s", async (from, format) => {
  const line = from === "import" ? `import ${NAMES} from "tcp6";` : `const ${NAMES} = require("tcp6");`;
  const { outputFiles, warnings } = await build({
    stdin: { contents: line + PROGRAM, resolveDir: project },
    bundle: true,
    minify: true,
    platform: "node",
    format,
    target: "node20.19",
    write: false,
    // A bundle of CommonJS as an ES module asks for Node's modules by it.
    ...(format === "esm" && {
      banner: {
        js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
      },
    }),
  });
  expect(warnings).toEqual([]);
  // Where nothing is installed.
  const elsewhere = mkdtempSync(join(tmpdir(), "tcp6-bundled-"));
  try {
    const program = join(elsewhere, format === "esm" ? "program.mjs" : "program.cjs");
    writeFileSync(program, outputFiles[0]?.text ?? "");
    const output = execFileSync(process.execPath, [program], {
      cwd: elsewhere,
      encoding: "utf8",
      timeout: 50_000,
    });
    expect(JSON.parse(output)).toEqual(OUTCOME);
  } finally {
    rmSync(elsewhere, { recursive: true });
  }
});

/** Another project of the user's, in which the package that simulations need is installed as well. */
function projectWithClock(name: string, install: (at: string) => void): string {
  const modules = join(project, name, "node_modules");
  mkdirSync(join(modules, "@sinonjs"), { recursive: true });
  // A copy: what it loads is looked for from where it is.
  cpSync(installed, join(modules, "tcp6"), { recursive: true });
  install(join(modules, CLOCK));
  return join(project, name);
}

const linkClock = (at: string): void => symlinkSync(join(ROOT, "node_modules", CLOCK), at);

/** Runs a test without any setting of Jest, or with options of Node's; the number of tests that have passed. */
function passedInJest(directory: string, code: string, ...options: readonly string[]): number {
  writeFileSync(join(directory, "package.json"), "{}");
  writeFileSync(join(directory, "user.test.js"), code);
  const output = execFileSync(process.execPath, [...options, JEST, "--rootDir", directory, "--json"], {
    cwd: directory,
    env: { ...process.env, NODE_OPTIONS: "", CI: "true" },
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 60_000,
  });
  const { numPassedTests, numTotalTests } = JSON.parse(output) as Record<string, number>;
  expect(numTotalTests).toBe(numPassedTests);
  return numPassedTests ?? 0;
}

test("works in Jest as it is without any setting", () => {
  const directory = join(project, "with-jest");
  mkdirSync(directory);
  const passed = passedInJest(
    directory,
    `const { NetTimeoutError } = require("tcp6");
    const { memoryPair, simulate } = require("tcp6/testing");
    test("a pair", async () => {
      const [a, b] = memoryPair();
      await a.writeLine("hello");
      expect(await b.readLine()).toBe("hello");
      await expect(b.read({ timeout: 1 })).rejects.toBeInstanceOf(NetTimeoutError);
      a.reset();
      b.reset();
    });
    test("a simulation without the package that it needs", async () => {
      await expect(simulate({}, () => undefined)).rejects.toThrow("npm install --save-dev ${CLOCK}@15");
    });`,
  );
  expect(passed).toBe(2);
}, 120_000);

test.each([
  ["without any setting", []],
  ["with ES modules", ["--experimental-vm-modules"]],
])(
  "simulates in Jest %s",
  (name, options) => {
    const passed = passedInJest(
      projectWithClock(`simulating ${name}`, linkClock),
      `const { simulate } = require("tcp6/testing");
    test("a simulation", async () => {
      const body = (network) => new Promise((done) => setTimeout(() => done(network.now), 5_000));
      expect(await simulate({ seed: 1 }, body)).toBe(5_000);
    });`,
      ...options,
    );
    expect(passed).toBe(1);
  },
  120_000,
);
