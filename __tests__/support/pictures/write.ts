/** `npm run pictures` draws the pictures in docs/pictures/. */
import { writeFile } from "node:fs/promises";
import { fileOf, PICTURES } from "./pictures.js";

for (const [name, draw] of PICTURES) await writeFile(fileOf(name), await draw());
