import { join } from "node:path";
import ts from "typescript";
import { Connection, Listener } from "../src/index.js";
import { closeAll, keep, loopback, pair } from "./support/peers.js";

afterEach(closeAll);

const CLASSES = [
  ["Connection", Connection, "connect(), listener.accept() or Connection.from()"],
  ["Listener", Listener, "listen()"],
] as const;

describe.each(CLASSES)("a %s cannot be constructed", (name, constructor, makers) => {
  const make = constructor as unknown as new (...args: unknown[]) => object;
  const refused = expect.objectContaining({
    name: "TypeError",
    code: "ERR_ILLEGAL_CONSTRUCTOR",
    message: `a ${name} cannot be constructed; it comes from ${makers}`,
  }) as Error;

  test("with new, whatever it is given", async () => {
    const listener = await loopback();
    const { client } = await pair();
    for (const args of [
      [],
      [undefined],
      [client],
      [client.socket, {}],
      [listener.server, listener.address, {}, {}, {}],
    ]) {
      expect(() => new make(...args)).toThrow(refused);
      expect(() => Reflect.construct<unknown[], object>(make, args)).toThrow(refused);
    }
  });

  test("by a subclass", () => {
    expect(() => new (class extends make {})()).toThrow(refused);
  });

  test("but is an instance of its class where this library makes it", async () => {
    const listener = await loopback();
    const { client, server } = await pair();
    const made = [listener, client, server, keep(Connection.from(server.detach()))];
    expect(made.filter((one) => one instanceof constructor)).toHaveLength(constructor === Listener ? 1 : 3);
  });
});

test("the published types have private constructors, and no signature of them", () => {
  const root = join(import.meta.dirname, "..");
  const { config } = ts.readConfigFile(join(root, "tsconfig.build.json"), (path) =>
    ts.sys.readFile(path),
  ) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const files = ["connection", "listener"].map((name) => join(root, "src", `${name}.ts`));
  const program = ts.createProgram(files, options);
  const declared = new Map<string, string>();
  for (const file of files) {
    program.emit(program.getSourceFile(file), (path, text) => declared.set(path, text), undefined, true);
  }
  const texts = [...declared].filter(([path]) => path.endsWith(".d.ts")).map(([, text]) => text);
  expect(texts).toHaveLength(2);
  for (const text of texts) {
    expect(text.match(/^ *(private )?constructor\(.*\);$/gm)).toEqual(["    private constructor();"]);
    expect(text).not.toMatch(/connectionOver|linkOf|listenerOf|ListenerParts/);
  }
});
