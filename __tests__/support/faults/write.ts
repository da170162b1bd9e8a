/** `npm run faults` writes the tables of docs/faults.md. */
import { writeFile } from "node:fs/promises";
import { faultsPage, PAGE } from "./page.js";

const { shouldBe } = await faultsPage();
await writeFile(PAGE, shouldBe);
