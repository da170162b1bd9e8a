/**
 * Which code of the library the processes under test run. They import the sources, which tsc(1) has compiled to the folder
 * beside this one. What ships is the same code in a few files, and takes half the heap: the garbage collector goes through
 * that once for each 60 MB that arrive.
 */
import { writeFileSync } from "node:fs";

const SOURCES = new URL("../src/index.js", import.meta.url);
const FROM_SOURCES_TO_SHIPPED = "../../../dist/index.js";

/** Has them run what ships, as it was built last, until tsc(1) compiles the sources again. */
export function useWhatShips(): void {
  writeFileSync(SOURCES, `export * from "${FROM_SOURCES_TO_SHIPPED}";\n`);
}
