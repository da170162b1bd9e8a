import type { Report } from "./report.js";

/** One kind of load, and what a server must stay able to do under it. */
export interface Scene {
  /** Its name on the command line. */
  readonly name: string;
  readonly what: string;
  /** Resolves once the load is over and the server was asked again. Whatever did not hold is in the report. */
  run(report: Report): Promise<void>;
}
