/** The pictures of the documents. Each is drawn of what the library does on a simulated network. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { endingsPicture } from "./endings.js";
import { racePicture } from "./race.js";
import { writePicture } from "./write-life.js";

/** The pictures, by the names of their files in docs/pictures/. */
export const PICTURES: ReadonlyMap<string, () => Promise<string>> = new Map([
  ["endings.svg", endingsPicture],
  ["race.svg", racePicture],
  ["write.svg", writePicture],
]);

export function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../../docs/pictures/${name}`, import.meta.url));
}

/** The picture as it is, and as it should be. */
export async function pictureNamed(name: string): Promise<{ is: string; shouldBe: string | undefined }> {
  return { is: await readFile(fileOf(name), "utf8"), shouldBe: await PICTURES.get(name)?.() };
}
