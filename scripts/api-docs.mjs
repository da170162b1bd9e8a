/**
 * Makes the API reference from the doc comments of src/, a page for each file in scripts/api/, into docs/api/, and the table
 * of all options, docs/options.md; or into another directory than docs/ that is given: `npm run docs:api`. Fails if a public
 * name has no doc comment, or a link leads nowhere.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Application, CommentTag, ReflectionFlag, ReflectionKind } from "typedoc";

const root = fileURLToPath(new URL("..", import.meta.url));
const docs = process.argv[2] ?? `${root}docs`;
const out = join(docs, "api");
/** Where options are given, by their types. */
const PLACES = {
  OperationOptions: "every call that waits",
  ConnectOptions: "`connect`, `connectTo`, `connectDuplex`",
  ConnectDuplexOptions: "`connectDuplex`",
  ListenOptions: "`listen`",
  ConnectionOptions: "`connect`, `connectTo`, `connectDuplex`, `listen`, `Connection.from`, `memoryPair`",
  KeepAliveOptions: "`keepAlive: { … }`, `setKeepAlive`",
  ProxyProtocol: "`proxyProtocol: { … }`",
  ProxyHeader: "`proxyHeader: { … }`",
  LookupOptions: "`resolve`",
  ListenFdsOptions: "`listenFds`",
  ServeOptions: "`serve`",
  LimitOptions: "`readLine`, `readUntil`, `readUntilAny`, `readAll`, `lines`, `split`",
  LineOptions: "`readLine`, `lines`",
  BatchOptions: "`lines`, `split`, `framed`, `lengthPrefixed`",
  SplitOptions: "`split`",
  ChunksOptions: "`chunks`",
  WriteOptions: "`write`, `writeLine`",
  WriteLineOptions: "`writeLine`",
  StartTlsOptions: "`startTls`",
  RelayOptions: "`relay`",
  FramedOptions: "`framed`",
  LengthPrefixOptions: "`lengthPrefix`",
  FrameOptions: "`lengthPrefixed`",
  RequestOptions: "`requests`",
  MemoryPairOptions: "`memoryPair`",
  Faults: "`faulty`",
  SimulationOptions: "`simulate`",
  LinkOptions: "`network.link`",
  HostOptions: "`network.host`",
  ContractRunOptions: "`run` of a case of `connectionContract`",
};

const app = await Application.bootstrapWithPlugins({
  entryPoints: [`${root}scripts/api/*.ts`],
  tsconfig: `${root}tsconfig.json`,
  plugin: ["typedoc-plugin-markdown"],
  outputs: [{ name: "markdown", path: out }],
  name: "API reference",
  readme: "none",
  router: "module",
  // What a page says must not depend on where the sources are, nor on the release of Node's types.
  disableSources: true,
  excludeExternals: true,
  excludePrivate: true,
  excludeInternal: true,
  // `npm run check` has them.
  skipErrorChecking: true,
  // Links to the guides are relative to the pages.
  validation: { notDocumented: true, notExported: true, invalidLink: true, invalidPath: false },
  sort: ["source-order"],
  hidePageHeader: true,
  hideBreadcrumbs: true,
  hideGroupHeadings: true,
  useCodeBlocks: true,
  parametersFormat: "table",
  pageTitleTemplates: { index: "API reference", module: ({ name }) => `Reference: ${name}` },
});

// A file of src/ has not imported all that its comments link to, which may be on another page.
app.converter.addUnknownSymbolResolver(({ symbolReference }, { project }) => {
  const path = symbolReference?.path?.map((part) => part.path) ?? [];
  const target = project.children
    .map((page) => page.getChildByName(path))
    .find((found) => found !== undefined);
  return target && { target };
});

const project = await app.convert();
if (project !== undefined) {
  app.validate(project);
  const all = Object.values(project.reflections);
  const rows = optionsOf(project);
  // What is inherited is told where it comes from.
  for (const inherited of all.filter(({ inheritedFrom }) => inheritedFrom?.reflection !== undefined)) {
    project.removeReflection(inherited);
  }
  Object.values(project.reflections).forEach(tidy);
  for (const page of project.children) arrange(page);
  await app.generateOutputs(project);
  const anchors = mend();
  writeFileSync(join(docs, "options.md"), tableOf(rows, anchors));
}
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1;

/** The rows of the table of options. Defaults, and what 0 and Infinity do, are in the doc comments. */
function optionsOf({ children: pages }) {
  return Object.entries(PLACES).flatMap(([name, place]) => {
    const page = pages.find((one) => one.getChildByName([name]) !== undefined);
    const type = page.getChildByName([name]);
    return propertiesOf(type).map((option) => {
      const { summary } = option.comment;
      const prose = summary
        .map((part) => part.text)
        .join("")
        .replace(/\s+/g, " ");
      const value = defaultOf(option.comment) ?? "";
      const [, parameter = "", ofParameter] = /^the parameter `(\w+)`, (.*)/.exec(value) ?? [];
      return [
        `\`${option.name}\``,
        `${place} ([${name}](api/${page.name}.md#${name}))`,
        `\`${shownType(option.type)}\`${unitOf(prose)}`,
        shownDefault(ofParameter ?? value),
        parameter && `\`${parameter}\` †`,
        /^.*?(?:\.(?=\s|$)|(?=: - ))/.exec(prose)?.[0] ?? prose,
        /`0`(?::| =) (.*?)[.;](?=\s|$)/.exec(prose)?.[1] ?? "",
        /`Infinity`(?::| =) (.*?)[.;](?=\s|$)/.exec(prose)?.[1] ?? "",
      ];
    });
  });
}

/** The properties of an interface, or of the objects that an alias allows, but for those that it inherits. */
function propertiesOf({ children, type }) {
  const own =
    children ?? [type, ...(type.types ?? [])].flatMap(({ declaration }) => declaration?.children ?? []);
  return own.filter(({ inheritedFrom }) => inheritedFrom === undefined);
}

function shownType(type) {
  const methods = type.declaration?.children?.map(({ name }) => name).join(", ");
  return methods === undefined ? type.toString() : `{ ${methods} }`;
}

function unitOf(prose) {
  if (/^bytes per second/i.test(prose)) return ", bytes/s";
  if (/^(?:most )?(?:virtual )?milliseconds/i.test(prose)) return ", ms";
  return /^(?:most )?bytes/i.test(prose) ? ", bytes" : "";
}

function tableOf(rows, anchors) {
  const columns = ["option", "given to", "type", "default", "parameter", "what it is", "`0`", "`Infinity`"];
  const lines = [columns, columns.map(() => "---"), ...rows];
  return `# Options

Every option, once for each type of options that has it. Made from the doc comments; the
[API reference](api/README.md) says more of each. Where an option has a parameter (†), the parameter holds in calls that are
not given the option: \`setParameters\` sets it for the process, \`withParameters\` for a part of the program
([parameters](timeouts-and-cancellation.md#parameters)).

A name that does not exist is a \`TypeError\` (\`ERR_INVALID_ARG_VALUE\`) that says which one was probably meant, a value of
another type a \`TypeError\` (\`ERR_INVALID_ARG_TYPE\`), a number out of range a \`RangeError\` (\`ERR_OUT_OF_RANGE\`). Both
come at the call: it throws, or its promise rejects. Where a cell is empty, there is no default, and 0 and \`Infinity\` are out
of range or numbers like any other. An option that is \`undefined\` counts as not given.

${lines
  .map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
  .join("\n")
  .replace(
    /\((api\/([\w-]+\.md))#(\w+)\)/g,
    (_, path, page, name) => `(${path}#${anchors.get(page).get(name)})`,
  )}

\`connection.detach\` takes \`{ allowHalfOpen }\`, a \`boolean\`, \`false\` by default; \`startTls\` and the option \`tls\` take all
options of Node's \`tls.connect\` and \`tls.createServer\`.
`;
}

/** Takes out of a reflection what only fills the page. */
function tidy(reflection) {
  if (reflection.getSignature !== undefined) becomeProperty(reflection);
  delete reflection.inheritedFrom;
  delete reflection.overwrites;
  delete reflection.implementationOf;
  if (reflection.typeHierarchy !== undefined) {
    // Neither classes that programs never see, nor what extends this one.
    const { types, next } = reflection.typeHierarchy;
    const shown = types.filter(
      (type) => type.reflection !== undefined || /node|typescript/.test(type.package),
    );
    reflection.typeHierarchy =
      next?.isTarget && shown.length > 0 ? { types: shown, next: { ...next, next: undefined } } : undefined;
  }
  if (reflection.comment !== undefined) condense(reflection.comment, reflection);
  if (reflection.groups === undefined) return;
  const groups = new Map();
  for (const group of reflection.groups) {
    if (group.title === "Accessors") group.title = "Properties";
    group.children = group.children.filter((child) => reflection.children?.includes(child));
    const same = groups.get(group.title);
    if (same !== undefined) same.children.push(...group.children);
    else if (group.children.length > 0) groups.set(group.title, group);
  }
  reflection.groups = [...groups.values()];
  // Anchors are numbered in the order of the children, headings in that of the groups.
  reflection.children = reflection.groups.flatMap(({ children }) => children);
}

/** For the reader of a page, a getter is a property. */
function becomeProperty(reflection) {
  const { type, comment } = reflection.getSignature;
  Object.assign(reflection, { kind: ReflectionKind.Property, type, comment });
  reflection.setFlag(ReflectionFlag.Readonly);
  delete reflection.getSignature;
}

/** Puts what is on a page into the order of its file in scripts/api/, and links to all of it at the top. */
function arrange(page) {
  const names = readFileSync(`${root}scripts/api/${page.name}.ts`, "utf8").split("export ")[1].match(/\w+/g);
  const [group] = page.groups;
  page.children.sort((one, other) => names.indexOf(one.name) - names.indexOf(other.name));
  page.groups = [group];
  group.children = page.children;
  const links = page.children.map((target) => ({
    kind: "inline-tag",
    tag: "@link",
    text: target.name,
    target,
  }));
  page.comment.summary.push(text("\n\n"), ...links.flatMap((link) => [link, text(" · ")]).slice(0, -1));
}

/** A comment without a heading for each `@throws`, and for the default and the examples of an option. */
function condense(comment, reflection) {
  const thrown = comment.getTags("@throws");
  if (thrown.length > 1) {
    comment.removeTags("@throws");
    const items = thrown.flatMap(({ content }) => [text("- "), ...content, text("\n")]);
    comment.blockTags.push(new CommentTag("@throws", items));
  }
  if (!reflection.kindOf(ReflectionKind.Property)) return;
  const value = defaultOf(comment);
  if (value !== undefined) comment.summary.push(text(`\n\nDefault: ${shownDefault(value)}`));
  comment.removeTags("@default");
  for (const { content } of comment.getTags("@example")) comment.summary.push(text("\n\n"), ...content);
  comment.removeTags("@example");
}

/** The default of an option, as its comment has it; TypeDoc takes it for code. */
function defaultOf(comment) {
  const content = comment.getTag("@default")?.content;
  const value = content?.map((part) => part.text).join("");
  return value?.replace(/^```ts\n([^]*)\n```$/, "$1").replace(/\s+/g, " ");
}

function shownDefault(value) {
  return /^(-?[\d_]+|"[^"]*"|false|true|\w+\.\w+|Infinity)$/.test(value) ? `\`${value}\`` : value;
}

/** What cannot be said to the plugin. */
function mend() {
  const pages = new Map(readdirSync(out).map((name) => [name, readFileSync(join(out, name), "utf8")]));
  for (const [name, page] of pages) {
    const mended = page
      // The members of a union are in the block of code already, but for what their properties mean.
      .replace(/^##### Union Members\n[^]*?(?=^#{1,4} |^\*\*\*\n\n## )/gm, "")
      .replace(/^### Union Members\n[^]*?(?=^\*\*\*\n\n## |$(?![^]))/gm, (union) =>
        union
          .replace("### Union Members", "### Properties")
          .replace(/^(?:`[^`\n].*|\*\*\*|#### Type Literal\n\n```ts\n[^]*?\n```)\n\n/gm, "")
          .replace(/^##### /gm, "#### "),
      )
      .replace(/[ \t]+$/gm, "")
      .replace(/\n{3,}/g, "\n\n");
    pages.set(name, mended);
  }
  pages.set("README.md", indexOf(pages));
  const anchors = new Map([...pages].map(([name, page]) => [name, anchorsOf(page)]));
  for (const [name, page] of pages) {
    const linked = page.replace(/\[(`?)(\w+)\1\]\(([\w-]+\.md)?#[\w-]+\)/g, (link, tick, text, other) => {
      const anchor = anchors.get(other ?? name)?.get(text);
      return anchor === undefined ? link : `[${tick}${text}${tick}](${other ?? ""}#${anchor})`;
    });
    writeFileSync(join(out, name), linked);
  }
  return anchors;
}

/** The pages, each with what it says of itself first. */
function indexOf(pages) {
  const names = readdirSync(`${root}scripts/api`).map((name) => name.replace(/\.ts$/, ""));
  const lines = names.map((name) => `- [${name}](${name}.md): ${pages.get(`${name}.md`).split("\n\n")[1]}`);
  return `# API reference

Made from the doc comments, which editors show as well. Times are in milliseconds, sizes in bytes. An option that is not
given, or is \`undefined\`, has its default.

${lines.map((line) => line.replaceAll(/\n/g, " ")).join("\n")}
`;
}

/** The anchors that GitHub gives to what a page is about, by its name. The plugin counts headings that are not there. */
function anchorsOf(page) {
  const taken = new Map();
  const anchors = new Map();
  for (const [, level, heading] of page.matchAll(/^(#+) (.*)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\w\s-]/g, "")
      .replaceAll(" ", "-");
    const count = taken.get(slug) ?? 0;
    taken.set(slug, count + 1);
    if (level === "##") anchors.set(/\w+/.exec(heading)[0], count === 0 ? slug : `${slug}-${count}`);
  }
  return anchors;
}

function text(text) {
  return { kind: "text", text };
}
