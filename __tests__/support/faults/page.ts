/** docs/faults.md: what is between its marks follows from the simulated network, the rest is edited by hand. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { faultTables } from "./matrix.js";

export const PAGE = fileURLToPath(new URL("../../../docs/faults.md", import.meta.url));

const [BEGIN, END] = ["<!-- faults: begin -->", "<!-- faults: end -->"];

/** The page as it is, and as it should be. */
export async function faultsPage(): Promise<{ readonly is: string; readonly shouldBe: string }> {
  const is = await readFile(PAGE, "utf8");
  const [begin, end] = [is.indexOf(BEGIN), is.indexOf(END)];
  if (begin === -1 || end < begin) throw new Error(`docs/faults.md lacks ${BEGIN} and ${END}`);
  const tables = await faultTables();
  return { is, shouldBe: `${is.slice(0, begin + BEGIN.length)}\n\n${tables}\n\n${is.slice(end)}` };
}
