import { casesBeyond } from "./smoke-beyond.js";
import { tlsCases } from "./smoke-tls.js";
import { cases } from "./smoke.js";

/** What must work on every runtime with no more than what the package exports, by its names. */
export const publicCases: Readonly<Record<string, () => Promise<void>>> = {
  ...cases,
  ...tlsCases,
  ...casesBeyond,
};
