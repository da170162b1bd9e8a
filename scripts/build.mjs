/**
 * Makes dist/, which is what is published:
 *
 * - core.cjs: what every program needs, in CommonJS. Each class and each variable is there once, whether a program imports the
 *   library or requires it.
 * - the late parts, which scripts/parts.mjs lists: each is loaded by the first call that needs it.
 * - index.cjs, testing.cjs: the names of these that programs use. testing.cjs also has what only tests need.
 * - index.js, testing.js: ES modules that pass on what these export.
 * - cli.cjs: the program `tcp6`, a user of index.cjs.
 * - registered-services.cjs: loaded when a program names a service that `/etc/services` does not have.
 * - the declarations of all, in as few files as there are modules.
 *
 * No package is needed at run time: the licences of those that are compiled in are in LICENSES.txt.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";
import { inLines } from "./lines.mjs";
import { commonJs, LATE_REQUIRE, TARGET } from "./modules.mjs";
import { partOf } from "./parts.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
/** The entry points, by the names of their modules in dist/. */
const entries = { index: "src/index", testing: "src/testing/index" };
/** Loaded by a simulation, where it is installed. */
const OPTIONAL = "@sinonjs/fake-timers";
const { compilerOptions } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));

/** The sources without their types. */
const typeScript = {
  name: "typescript",
  resolveId: (id, importer) =>
    importer?.endsWith(".ts") && id.startsWith(".")
      ? join(dirname(importer), id.replace(/\.js$/, ".ts"))
      : null,
  load: async (id) => {
    if (!id.endsWith(".ts")) return null;
    const text = requiringLate(id, readFileSync(id, "utf8"));
    const { code } = await transform(text, {
      loader: "ts",
      target: "esnext",
      tsconfigRaw: { compilerOptions },
    });
    return code;
  },
};

/** The packages that are compiled in, as ES modules. */
const packages = {
  name: "packages",
  resolveId: (id, importer) => {
    if (id.startsWith("."))
      return importer?.includes("/node_modules/") ? join(dirname(importer), `${id}.js`) : null;
    const directory = join(root, "node_modules", id);
    if (!existsSync(directory)) return null;
    const { module, exports } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    return join(directory, module ?? exports.default);
  },
};

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await compile();
await compileProgram();
copyFileSync(join(root, "src/address/registered-services.cjs"), join(dist, "registered-services.cjs"));
await declare();

async function compile() {
  const bundle = await rollup({
    input: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [name, join(root, `${path}.ts`)]),
    ),
    plugins: [typeScript, packages],
    external: [/^node:/, OPTIONAL],
    // The parts use each other, but not while they are loaded.
    onwarn: ({ code, message }) => {
      if (code !== "CIRCULAR_CHUNK") throw new Error(message);
    },
  });
  const { output } = await bundle.generate({
    format: "es",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name].cjs",
    hoistTransitiveImports: false,
    manualChunks: (id) => {
      const part = partOf(relative(join(root, "src"), id));
      return part === "testing" ? undefined : part;
    },
  });
  for (const [name, text] of await commonJs(output)) writeFileSync(join(dist, `${name}.cjs`), text);
  for (const { name, exports } of output.filter(({ isEntry }) => isEntry)) {
    writeFileSync(join(dist, `${name}.js`), `export { ${exports.join(", ")} } from "./${name}.cjs";\n`);
  }
  writeLicences(output.flatMap(({ moduleIds }) => moduleIds));
}

async function compileProgram() {
  await build({
    absWorkingDir: root,
    entryPoints: { cli: "src/cli/main.ts" },
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    format: "cjs",
    target: TARGET,
    minify: true,
    plugins: [
      {
        name: "the-library",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./index.cjs", external: true })),
      },
    ],
  });
  const program = join(dist, "cli.cjs");
  writeFileSync(program, inLines(readFileSync(program, "utf8")));
  chmodSync(program, 0o755);
}

/** A bundler follows `require` with a literal path; it cannot follow `createRequire`, which the sources need as ES modules. */
function requiringLate(path, text) {
  if (!text.includes("createRequire")) return text;
  const changed = text
    .replace(`import { createRequire } from "node:module";\n`, "")
    .replace(`createRequire(import.meta.url)(`, `${LATE_REQUIRE}(`);
  if (/createRequire/.test(changed)) throw new Error(`${path} requires in a way that is not known here`);
  return changed;
}

function writeLicences(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
  );
  const texts = [...packages].sort().map((name) => {
    const directory = join(root, "node_modules", name);
    const { version } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
    const licence = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file));
    if (licence === undefined) throw new Error(`${name} has no licence`);
    return `${name} ${version}\n\n${readFileSync(join(directory, licence), "utf8").trim()}\n`;
  });
  writeFileSync(join(dist, "LICENSES.txt"), texts.join(`\n${"-".repeat(72)}\n\n`));
}

async function declare() {
  const types = mkdtempSync(join(dist, "types-"));
  try {
    execFileSync("npx", ["tsc", "-p", "tsconfig.build.json", "--outDir", types], {
      cwd: root,
      stdio: "inherit",
    });
    const input = Object.entries(entries).map(([name, path]) => [
      name,
      join(types, `${path.slice("src/".length)}.d.ts`),
    ]);
    const bundle = await rollup({
      input: Object.fromEntries(input),
      plugins: [dts()],
      external: (id) => !/^[./]/.test(id),
    });
    await bundle.write({
      dir: dist,
      entryFileNames: "[name].d.cts",
      chunkFileNames: "shared.d.cts",
      hoistTransitiveImports: false,
    });
  } finally {
    rmSync(types, { recursive: true });
  }
  for (const name of Object.keys(entries)) {
    writeFileSync(join(dist, `${name}.d.ts`), `export * from "./${name}.cjs";\n`);
  }
}
