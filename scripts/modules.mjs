/**
 * Makes CommonJS of the ES modules that Rollup has made of the sources: the entries, the core and the late parts.
 *
 * Each late part is a function that is given all parts. It does not load the core itself: a test runner that forgets its
 * modules would make it load another one, with other classes.
 */
import { transform } from "esbuild";
import { parseAst } from "rollup/parseAst";
import { inLines } from "./lines.mjs";
import { LATE_BUILTINS, LATE_PARTS } from "./parts.mjs";

export const TARGET = "node20.19";
/** A call that esbuild leaves alone, until it becomes `require`. */
export const LATE_REQUIRE = "requireWhenNeeded";
/** The default export of a late module of Node's: the module itself. */
const WHOLE = "whole";

/** The texts of the modules in CommonJS, by their names; `chunks` is what Rollup has made. */
export async function commonJs(chunks) {
  const modules = new Map(chunks.map(({ name, code }) => [name, new Module(name, code)]));
  const texts = [...modules.values()].map(async (module) => [module.name, await module.text(modules)]);
  return new Map(await Promise.all(texts));
}

class Module {
  /** What it imports: `{ from, name, as }`. */
  imports = [];
  /** The local names of what it exports, by the names under which it does. */
  exports = new Map();
  /** What it exports of others: `{ from, name, as }`. */
  #passedOn = [];
  /** Variables whose values change. */
  #live = new Set();
  /** The local names of its classes. */
  #classes = new Set();
  #body = "";

  constructor(name, code) {
    this.name = name;
    for (const node of parseAst(code).body) {
      if (node.type === "ImportDeclaration") this.imports.push(...importsOf(node));
      else if (node.type === "ExportNamedDeclaration") this.#export(node);
      else {
        this.#body += `${code.slice(node.start, node.end)}\n`;
        const isLive = node.type === "VariableDeclaration" && node.kind !== "const";
        if (isLive) for (const { id } of node.declarations) this.#live.add(id.name);
        if (node.type === "ClassDeclaration") this.#classes.add(node.id.name);
      }
    }
  }

  #export({ source, specifiers }) {
    for (const { local, exported } of specifiers) {
      if (source === null) this.exports.set(exported.name, local.name);
      else this.#passedOn.push({ from: partNamed(source.value), name: local.name, as: exported.name });
    }
  }

  isLive(exported) {
    return this.#live.has(this.exports.get(exported));
  }

  async text(modules) {
    const code = await this.#minified(modules);
    if (LATE_PARTS.includes(this.name)) {
      return `"use strict";\nmodule.exports = (function ($parts) {\nlet $own;\n${code}return $own;\n});\n`;
    }
    if (this.name === "core")
      return `"use strict";\n${partsOf(modules)}let $own;\n${code}$parts.core = $own;\n`;
    const lines = [...this.exports.keys()].map((name) => `exports.${name} = $own.${name};\n`);
    for (const { from, name, as } of this.#passedOn) {
      const value = `$parts.${from}.${name}`;
      // The first call loads the part.
      const late = `function ${as}(...given) { return ${value}(...given); }`;
      lines.push(`exports.${as} = ${LATE_PARTS.includes(from) ? late : value};\n`);
    }
    return `"use strict";\nconst $parts = require("./core.cjs");\nlet $own;\n${code}${lines.join("")}`;
  }

  /** Its statements, which take what they need from `$parts` and leave in `$own` what they export. */
  async #minified(modules) {
    const own = [...this.exports].map(([as, name]) =>
      this.#live.has(name) ? `get ${as}() { return ${name}; }` : `${as}: ${name}`,
    );
    const text = `${this.#imported(modules)}${this.#body}${this.#named()}$own = { ${own.join(", ")} };\n`;
    const { code } = await transform(text, {
      format: "cjs",
      platform: "node",
      target: TARGET,
      minify: true,
      define: { [LATE_REQUIRE]: "require" },
    });
    return inLines(code).replaceAll(
      /\brequire\("late ([^"]+)"\)/g,
      (_, part) => `$parts[${JSON.stringify(part)}]`,
    );
  }

  /** Classes keep their names, which are made shorter otherwise: Node.js prints them, and so do profiles and heap snapshots. */
  #named() {
    if (this.#classes.size === 0) return "";
    // Rollup adds a number where two files have the same name.
    const names = [...this.#classes].map(
      (name) => `[${name}, ${JSON.stringify(name.replace(/\$\d+$/, ""))}]`,
    );
    return `for (const [it, value] of [${names.join(", ")}]) Object.defineProperty(it, "name", { value });\n`;
  }

  /** What is late, and what changes, is looked up at each use: esbuild does so with imports. The rest is taken once. */
  #imported(modules) {
    const lines = [];
    for (const from of new Set(this.imports.map((one) => one.from))) {
      const part = partNamed(from);
      const isLate = part === undefined ? LATE_BUILTINS.includes(from) : LATE_PARTS.includes(part);
      const source = part === undefined ? `require(${JSON.stringify(from)})` : `$parts.${part}`;
      const lists = { late: [], once: [] };
      for (const { name, as } of this.imports.filter((one) => one.from === from)) {
        if (isLate || modules.get(part)?.isLive(name) === true) {
          lists.late.push(`${name === "default" ? WHOLE : name} as ${as}`);
        } else if (name === "default") lines.push(`const ${as} = ${source};\n`);
        else lists.once.push(`${name}: ${as}`);
      }
      if (lists.late.length > 0)
        lines.push(`import { ${lists.late.join(", ")} } from "late ${part ?? from}";\n`);
      if (lists.once.length > 0) lines.push(`const { ${lists.once.join(", ")} } = ${source};\n`);
    }
    return lines.join("");
  }
}

function importsOf({ source, specifiers }) {
  return specifiers.map(({ imported, local }) => ({
    from: source.value,
    name: imported?.name ?? "default",
    as: local.name,
  }));
}

/** `undefined` for a module of Node's. */
function partNamed(path) {
  return /^\.\/([\w-]+)\.cjs$/.exec(path)?.[1];
}

/** Each late part has all of its names from the start; the first that is asked for loads it. */
function partsOf(modules) {
  const lines = LATE_PARTS.map((part) =>
    late(part, [...modules.get(part).exports.keys()], `require("./${part}.cjs")($parts)`),
  );
  const imports = [...modules.values()].flatMap((module) => module.imports);
  for (const builtin of LATE_BUILTINS) {
    const names = new Set(imports.filter(({ from }) => from === builtin).map(({ name }) => name));
    const whole = names.delete("default") ? [WHOLE] : [];
    lines.push(late(builtin, [...names, ...whole], `require("${builtin}")`));
  }
  return `const $parts = module.exports = {};
{
const late = (part, names, load) => {
const it = $parts[part] = {};
const define = (name, how) => Object.defineProperty(it, name, { ...how, configurable: true, enumerable: true });
const loaded = () => {
const all = load();
for (const name of names) define(name, name === "${WHOLE}" ? { value: all } : Object.getOwnPropertyDescriptor(all, name) ?? { value: undefined });
};
for (const name of names) define(name, { get: () => (loaded(), it[name]) });
};
${lines.join("")}}
`;
}

function late(part, names, load) {
  return `late(${JSON.stringify(part)}, ${JSON.stringify(names)}, () => ${load});\n`;
}
