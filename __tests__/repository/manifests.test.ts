/** The manifests in docs/ are right: tools that know their formats say so. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Deployment } from "kubernetes-types/apps/v1.js";
import ts from "typescript";
import { parse, parseAllDocuments } from "yaml";
import { describeWith, SYSTEMD_ANALYZE } from "../support/machine.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const INI = /```ini\n([^]*?)```/g;
/** A block may have several units, each with its path ahead of it. */
const UNIT = /^# \/etc\/systemd\/system\/(\S+)\n([^]*?)(?=^# \/etc|$(?![^]))/gm;
const KUBERNETES = /```yaml\n([^]*?)```/g;
/** Where the types of a version of the API are. */
const MODULES: Readonly<Record<string, string>> = {
  v1: "core/v1",
  "apps/v1": "apps/v1",
  "policy/v1": "policy/v1",
};

/** Names and texts. */
const pages = readdirSync(join(ROOT, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => [`docs/${name}`, readFileSync(join(ROOT, "docs", name), "utf8")] as const);
const fleet = new Map(pages).get("docs/fleet.md") ?? "";

/** What the compiler has parsed. */
const parsed = new Map<string, ts.SourceFile | undefined>();

function unitsOf(page: string): RegExpExecArray[] {
  return [...page.matchAll(INI)].flatMap(([, block = ""]) => [...block.matchAll(UNIT)]);
}

/** The complaints about all units of a page, of which a template stands for its instance 1. */
function complaintsAboutUnits(page: string): string {
  const directory = mkdtempSync(join(tmpdir(), "tcp6-manifests-"));
  const files: string[] = [];
  for (const [, name = "", unit = ""] of unitsOf(page)) {
    const file = join(directory, name);
    // Programs must exist; not all that are named need be here.
    writeFileSync(file, unit.replaceAll(/^(Exec\w+=)\S+/gm, `$1${process.execPath}`));
    const instance = file.replace("@.", "@1.");
    if (instance !== file) symlinkSync(file, instance);
    files.push(instance);
  }
  expect(files).not.toEqual([]);
  const { stderr, status } = spawnSync(SYSTEMD_ANALYZE.command, ["verify", "--man=no", ...files], {
    encoding: "utf8",
    env: { ...process.env, SYSTEMD_UNIT_PATH: `${directory}:` },
  });
  rmSync(directory, { recursive: true });
  return status === 0 ? stderr : `${stderr}status ${String(status)}`;
}

describeWith(SYSTEMD_ANALYZE, "systemd-analyze verify", () => {
  test.each(pages.filter(([, page]) => unitsOf(page).length > 0))(
    "has nothing to say about the units of %s",
    (_, page) => {
      expect(complaintsAboutUnits(page)).toBe("");
    },
  );

  test("would tell of a setting that there is not, and of one that is wrong", () => {
    expect(complaintsAboutUnits(fleet.replace("KillMode=", "KillMod="))).toContain("'KillMod'");
    expect(complaintsAboutUnits(fleet.replace("127.0.0.1:430%i\n", "127.0.0:430%i\n"))).toContain(
      "Failed to parse",
    );
  });
});

function manifestsOf(page: string): string[] {
  return [...page.matchAll(KUBERNETES)].map(([, manifest = ""]) => manifest);
}

/** What the types say that were made of the schema of Kubernetes, which know of no other properties. */
function complaintsAboutObjects(manifest: string): string[] {
  const lines = parseAllDocuments(manifest).map((document) => {
    expect(document.errors).toEqual([]);
    const object = document.toJS() as { apiVersion: string; kind: string };
    const module = MODULES[object.apiVersion];
    if (module === undefined) throw new Error(`no schema of ${object.apiVersion} is known`);
    const type = `Named & import("kubernetes-types/${module}.js").${object.kind}`;
    return `export const ${object.kind}: ${type} = ${JSON.stringify(object)};`;
  });
  // Types alone let these be left out.
  const code = `type Named = { apiVersion: string; kind: string; metadata: { name: string }; spec: object };\n${lines.join("\n")}`;
  const name = join(ROOT, "manifest.ts");
  const options: ts.CompilerOptions = {
    ...{ strict: true, noEmit: true, types: [], skipLibCheck: true, target: ts.ScriptTarget.ES2022 },
    ...{ module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  };
  const host = ts.createCompilerHost(options);
  const source = ts.createSourceFile(name, code, ts.ScriptTarget.ES2022);
  const getSourceFile = host.getSourceFile.bind(host);
  host.getSourceFile = (path, how) => {
    if (path === name) return source;
    if (!parsed.has(path)) parsed.set(path, getSourceFile(path, how));
    return parsed.get(path);
  };
  return ts
    .getPreEmitDiagnostics(ts.createProgram([name], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

describe("the schema of Kubernetes", () => {
  test.each(pages.filter(([, page]) => manifestsOf(page).length > 0))("fits the objects of %s", (_, page) => {
    expect(manifestsOf(page).flatMap(complaintsAboutObjects)).toEqual([]);
  });

  test("would tell of a property that there is not, of a wrong type, and of one that is missing", () => {
    const [manifest = ""] = manifestsOf(fleet);
    expect(complaintsAboutObjects(manifest.replace("httpGet:", "httpget:"))).toEqual([
      expect.stringContaining('"httpget"'),
    ]);
    expect(complaintsAboutObjects(manifest.replace("replicas: 3", "replicas: three"))).toEqual([
      expect.stringContaining("'string' is not assignable to type 'number'"),
    ]);
    expect(
      complaintsAboutObjects(
        manifest.replace("        - name: worker\n          image:", "        - image:"),
      ),
    ).toEqual([expect.stringContaining("'name' is missing")]);
  });
});

describe("the fleet is given the time that its worker takes to leave", () => {
  const worker = readFileSync(join(ROOT, "examples/fleet/worker.ts"), "utf8");
  const seconds = [...worker.matchAll(/^const (?:NOTICE|LEAVE|SETTLE)_MS = ([\d_]+);/gm)]
    .map(([, ms = ""]) => Number(ms.replaceAll("_", "")) / 1_000)
    .reduce((sum, one) => sum + one, 0);

  test("by systemd", () => {
    expect(seconds).toBeGreaterThan(15);
    expect(Number(/TimeoutStopSec=(\d+)/.exec(fleet)?.[1])).toBeGreaterThan(seconds + 2);
  });

  test("by Kubernetes, after preStop", () => {
    const [manifest = ""] = manifestsOf(fleet);
    const { spec } = parse(manifest.split("---")[0] ?? "") as Deployment;
    const pod = spec?.template.spec;
    const preStop = pod?.containers[0]?.lifecycle?.preStop?.sleep?.seconds ?? NaN;
    expect(pod?.terminationGracePeriodSeconds).toBeGreaterThan(preStop + seconds + 2);
  });
});
