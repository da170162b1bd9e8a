/**
 * Makes dist/, which is what is published:
 *
 * - index.cjs, testing.cjs: the library in CommonJS, and in shared.cjs what both need. Each class and each variable is there
 *   once, whether a program imports the library or requires it.
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
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { rollup } from "rollup";
import { dts } from "rollup-plugin-dts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "dist");
/** The entry points, by the names of their modules in dist/. */
const entries = { index: "src/index", testing: "src/testing/index" };
/** A call that both passes of esbuild leave alone, until it becomes `require`. */
const LATE_REQUIRE = "requireWhenNeeded";

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
await compile();
await compileProgram();
copyFileSync(join(root, "src/address/registered-services.cjs"), join(dist, "registered-services.cjs"));
await declare();

/** esbuild splits ES modules only, so each of the parts becomes CommonJS by itself. */
async function compile() {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, `${path}.ts`])),
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    chunkNames: "shared",
    bundle: true,
    splitting: true,
    external: ["@sinonjs/fake-timers"],
    platform: "node",
    format: "esm",
    target: "node20.19",
    write: false,
    metafile: true,
    plugins: [
      { name: "late-require", setup: ({ onLoad }) => onLoad({ filter: /services\.ts$/ }, requiringLate) },
    ],
  });
  for (const { path, text } of outputFiles) {
    const { code } = await transform(text, {
      format: "cjs",
      platform: "node",
      target: "node20.19",
      minify: true,
      define: { [LATE_REQUIRE]: "require" },
    });
    writeFileSync(path, code);
  }
  for (const name of Object.keys(entries)) {
    const { exports } = metafile.outputs[`dist/${name}.cjs`];
    writeFileSync(join(dist, `${name}.js`), `export { ${exports.join(", ")} } from "./${name}.cjs";\n`);
  }
  writeLicences(Object.keys(metafile.inputs));
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
    target: "node20.19",
    minify: true,
    plugins: [
      {
        name: "the-library",
        setup: ({ onResolve }) =>
          onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./index.cjs", external: true })),
      },
    ],
  });
  chmodSync(join(dist, "cli.cjs"), 0o755);
}

/** A bundler follows `require` with a literal path; it cannot follow `createRequire`, which the sources need as ES modules. */
function requiringLate({ path }) {
  const contents = readFileSync(path, "utf8")
    .replace(`import { createRequire } from "node:module";\n`, "")
    .replace(`createRequire(import.meta.url)(`, `${LATE_REQUIRE}(`);
  if (/createRequire/.test(contents)) throw new Error(`${path} requires in a way that is not known here`);
  return { contents, loader: "ts" };
}

function writeLicences(inputs) {
  const packages = new Set(
    inputs.flatMap((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []),
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
