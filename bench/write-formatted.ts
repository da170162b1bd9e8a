import { writeFile } from "node:fs/promises";
import { format, resolveConfig } from "prettier";

/** Writes a file the way the rest of the repository is formatted. */
export async function writeFormatted(path: string, text: string): Promise<void> {
  await writeFile(path, await format(text, { ...(await resolveConfig(path)), filepath: path }));
}
