/** The published types, as the program of a user sees them: with and without the DOM library, and without `types`. */
import { join } from "node:path";
import { emitDeclarations, problemsOf, unexportedTypes, userProgram } from "../support/declarations.js";

const PROGRAM = join(import.meta.dirname, "../support/uses-of-types.ts");

const declarations = emitDeclarations();

describe.each([
  ["without the DOM library", ["lib.es2022.d.ts"]],
  ["with the DOM library", ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"]],
])("%s", (_, lib) => {
  const program = userProgram(PROGRAM, declarations, { lib, types: [] });

  test("a program that uses everything compiles, and what is wrong in it is refused", () => {
    expect(problemsOf(program, PROGRAM)).toEqual([]);
  });

  test("every type that an export mentions is exported", () => {
    expect(unexportedTypes(program)).toEqual([]);
  });
});

test("have private constructors, and nothing that is internal", () => {
  const textOf = (name: string) =>
    [...declarations].find(([path]) => path.endsWith(`/dist/${name}.d.ts`))?.[1] ?? "";
  for (const name of ["connection", "listener"]) {
    const constructors = textOf(name).match(/^ *(private )?constructor\(.*\);$/gm);
    expect(constructors).toEqual(["    private constructor();"]);
  }
  const internal = [...declarations].filter(([, text]) =>
    /@internal|connectionOver|linkOf|listenerOf/.test(text),
  );
  expect(internal.map(([path]) => path)).toEqual([]);
});
