/** The declarations that are published, made of the sources, and programs of a user that are compiled with them. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = join(ROOT, "src/");
const PUBLISHED = join(ROOT, "dist/");

/** The declaration files from which a user imports. */
const ENTRIES = ["index", "testing/index"];

/** What `npm run build` declares, by the path of each file. Nothing is written. */
export function emitDeclarations(): ReadonlyMap<string, string> {
  const config: unknown = ts.readConfigFile(join(ROOT, "tsconfig.build.json"), (path) =>
    ts.sys.readFile(path),
  ).config;
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  options.outDir = PUBLISHED;
  const emitted = new Map<string, string>();
  const program = ts.createProgram(
    ENTRIES.map((name) => join(SOURCES, `${name}.ts`)),
    options,
  );
  const write: ts.WriteFileCallback = (path, text) => void emitted.set(join(path), text);
  program.emit(undefined, write, undefined, true);
  return emitted;
}

/** Source files by name: those of TypeScript and of @types/node are the same under all settings. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/**
 * The program of a user whose only file is `file`. What it imports from the sources of this library comes from the
 * `declarations` instead, which are checked like its own file.
 */
export function userProgram(
  file: string,
  declarations: ReadonlyMap<string, string>,
  settings: ts.CompilerOptions,
): ts.Program {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: false,
    ...settings,
  };
  const system = ts.createCompilerHost(options);
  // The methods of a host call each other: those that look at files have to see the declarations.
  const readFile = (path: string) => declarations.get(join(path)) ?? system.readFile(path);
  const host: ts.CompilerHost = {
    ...system,
    getCurrentDirectory: () => ROOT,
    fileExists: (path) => declarations.has(join(path)) || system.fileExists(path),
    directoryExists: (path) => join(path, "/").startsWith(PUBLISHED) || ts.sys.directoryExists(path),
    readFile,
    getSourceFile: (path, version) => {
      if (!parsed.has(path)) parsed.set(path, sourceFile(path, readFile(path), version));
      return parsed.get(path);
    },
    resolveModuleNameLiterals: (literals, from, redirected) =>
      literals.map(({ text }) => {
        const target = join(from, "..", text);
        const name = target.startsWith(SOURCES) ? join(PUBLISHED, target.slice(SOURCES.length)) : text;
        return ts.resolveModuleName(name, from, options, host, undefined, redirected, ts.ModuleKind.ESNext);
      }),
  };
  return ts.createProgram([file], options, host);
}

/** What is wrong in the user's file and in the declarations of this library. */
export function problemsOf(program: ts.Program, file: string): string[] {
  const files = program
    .getSourceFiles()
    .filter(({ fileName }) => fileName === file || join(fileName).startsWith(PUBLISHED));
  const found = [
    ...program.getOptionsDiagnostics(),
    ...program.getGlobalDiagnostics(),
    ...files.flatMap((one) => [
      ...program.getSyntacticDiagnostics(one),
      ...program.getSemanticDiagnostics(one),
    ]),
  ];
  return found.map(({ file: at, start = 0, messageText }) => {
    const line = at === undefined ? 0 : at.getLineAndCharacterOfPosition(start).line + 1;
    return `${at?.fileName ?? ""}:${String(line)}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}`;
  });
}

function sourceFile(
  path: string,
  text: string | undefined,
  version: ts.ScriptTarget | ts.CreateSourceFileOptions,
): ts.SourceFile | undefined {
  return text === undefined ? undefined : ts.createSourceFile(path, text, version);
}

/**
 * The types of this library that the declarations of its exports mention and that a user cannot import: `"Name (in what)"`.
 * What an export inherits is its own; private members are not looked at.
 */
export function unexportedTypes(program: ts.Program): string[] {
  const checker = program.getTypeChecker();
  const resolve = (symbol: ts.Symbol): ts.Symbol =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const exported = new Set(
    ENTRIES.flatMap((name) => {
      const entry = program.getSourceFile(join(PUBLISHED, `${name}.d.ts`));
      const module = entry && checker.getSymbolAtLocation(entry);
      if (module === undefined) throw new Error(`the program imports nothing from ${name}`);
      return checker.getExportsOfModule(module).map(resolve);
    }),
  );
  const found = new Set<string>();
  const walked = new Set<ts.Symbol>();
  const isOurs = ({ declarations = [] }: ts.Symbol): boolean =>
    declarations.some((one) => join(one.getSourceFile().fileName).startsWith(PUBLISHED));
  const isPrivate = (node: ts.Node): boolean =>
    ts.canHaveModifiers(node) &&
    ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword) === true;
  const walk = (symbol: ts.Symbol, name: string): void => {
    if (walked.has(symbol)) return;
    walked.add(symbol);
    const visit = (node: ts.Node): void => {
      if (isPrivate(node)) return;
      if (
        ts.isTypeReferenceNode(node) ||
        ts.isTypeQueryNode(node) ||
        ts.isExpressionWithTypeArguments(node)
      ) {
        const at = ts.isTypeReferenceNode(node)
          ? node.typeName
          : ts.isTypeQueryNode(node)
            ? node.exprName
            : node.expression;
        const mentioned = checker.getSymbolAtLocation(at);
        const target = mentioned && resolve(mentioned);
        const isParameter = target !== undefined && (target.flags & ts.SymbolFlags.TypeParameter) !== 0;
        if (target !== undefined && !isParameter && isOurs(target) && !exported.has(target)) {
          if (ts.isExpressionWithTypeArguments(node)) walk(target, name);
          else found.add(`${target.name} (in ${name})`);
        }
      }
      ts.forEachChild(node, visit);
    };
    symbol.declarations?.forEach(visit);
  };
  for (const symbol of exported) walk(symbol, symbol.name);
  return [...found].sort();
}
