/** A program with the package in it, as each bundler makes it, run where nothing is installed. */
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import { build } from "vite";
import webpack from "webpack";
import { elsewhere, output, project, ROOT } from "./project.mjs";

/** The service is in IANA's registry only: it needs a module that is loaded late, as listening, codecs and views do. */
const PROGRAM = `
import { connect, framed, jsonLines, listen, NetTimeoutError, resolve } from "tcp6";
import { memoryPair, simulate } from "tcp6/testing";

async function main() {
  if (process.argv[2] === "simulated") {
    console.log(await simulate({ seed: 1 }, (network) => new Promise((done) => setTimeout(() => done(network.now), 5000))));
    return;
  }
  const [{ port }] = await resolve("127.0.0.1", "xsip-network");
  const listener = await listen("127.0.0.1:0");
  const [client, server] = await Promise.all([connect("127.0.0.1", listener.port), listener.accept()]);
  await client.writeLine("hello");
  const line = await server.readLine();
  const failure = await client.read({ timeout: 1 }).catch((error) => error);
  await Promise.all([client.close(), server.close(), listener.close()]);
  const [a, b] = memoryPair();
  await a.writeLine("in memory");
  const inMemory = await b.readLine();
  await framed(a, jsonLines()).send(["a message"]);
  const [message] = await framed(b, jsonLines()).receive();
  await Promise.all([a.duplex.end("in a view"), b.readAll()]).then(([, bytes]) => console.log(String(bytes)));
  a.reset();
  b.reset();
  console.log(port, line, failure instanceof NetTimeoutError, inMemory, message, client.constructor === a.constructor);
}
void main();
`;
const OUTCOME = "in a view\n1354 hello true in memory a message true\n";
/** Loaded when it is used, by programs that have installed it. */
const OPTIONAL = "@sinonjs/fake-timers";

export function bundled(tarball) {
  return Object.entries(BUNDLERS).map(([name, bundle]) => ({
    name: `bundled by ${name}`,
    run: async () => {
      const directory = project(tarball, { "package.json": "{}", "program.mjs": PROGRAM });
      await bundle(directory);
      // Where nothing is installed.
      const alone = elsewhere();
      cpSync(join(directory, "out"), alone, { recursive: true });
      const [program] = readdirSync(alone).filter((file) => file.startsWith("program"));
      const printed = await output(process.execPath, [program], alone);
      if (printed !== OUTCOME) throw new Error(`it printed ${printed}`);
      installOptional(alone);
      const simulated = await output(process.execPath, [program, "simulated"], alone);
      if (simulated !== "5000\n") throw new Error(`a simulation printed ${simulated}`);
    },
  }));
}

function installOptional(directory) {
  const target = join(directory, "node_modules", OPTIONAL);
  mkdirSync(dirname(target), { recursive: true });
  symlinkSync(join(ROOT, "node_modules", OPTIONAL), target);
}

/** Each makes out/program.* of program.mjs. */
const BUNDLERS = {
  "rollup, as an ES module": (directory) => byRollup(directory, "es", "program.mjs"),
  "rollup, as CommonJS": (directory) => byRollup(directory, "cjs", "program.cjs"),
  "webpack, for Node.js": byWebpack,
  "Vite, for a server": byVite,
};

async function byRollup(directory, format, file) {
  const bundle = await rollup({
    input: join(directory, "program.mjs"),
    plugins: [nodeResolve(), commonjs()],
    external: [/^node:/, OPTIONAL],
    onwarn: refuse,
  });
  await bundle.write({ file: join(directory, "out", file), format, inlineDynamicImports: true });
}

function refuse({ message }) {
  throw new Error(message);
}

async function byWebpack(directory) {
  const compiler = webpack({
    context: directory,
    entry: "./program.mjs",
    mode: "production",
    target: "node20",
    output: { path: join(directory, "out"), filename: "program.cjs" },
    externals: { [OPTIONAL]: `import ${OPTIONAL}` },
    optimization: { minimize: false },
  });
  const stats = await new Promise((resolve, reject) => {
    compiler.run((error, result) => (error ? reject(error) : resolve(result)));
  });
  const { errors, warnings } = stats.toJson({ all: false, errors: true, warnings: true });
  if (errors.length + warnings.length > 0) {
    throw new Error([...errors, ...warnings].map(({ message }) => message).join("\n"));
  }
}

async function byVite(directory) {
  await build({
    root: directory,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: ["tcp6"], external: [OPTIONAL] },
    build: { ssr: "program.mjs", outDir: "out", minify: false },
  });
}
