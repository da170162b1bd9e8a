/**
 * What the connections of a process under test, or of a load, go over. It is the last word on the command line of that
 * process, unless they go over TCP alone. Runs on Node.js, Deno and Bun alike.
 */
import process from "node:process";

/** `"adopted-tls"`: ours by `Connection.from` over the TLSSockets of a `tls.Server`. */
export type Over = "tcp" | "tls" | "adopted-tls";

/** The command line with that word on it. */
export function argsOver(over: Over, numbers: readonly number[] = []): string[] {
  return over === "tcp" ? numbers.map(String) : [...numbers.map(String), over];
}

/** What the connections of this process go over. */
export const over: Over = overOf(process.argv.at(-1));

function overOf(word: string | undefined): Over {
  return word === "tls" || word === "adopted-tls" ? word : "tcp";
}
