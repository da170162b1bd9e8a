import { Buffer } from "node:buffer";
import { isUint8Array } from "node:util/types";
import { givenBytes } from "../core/bytes/given-bytes.js";
import { wrongType, wrongValue } from "./checks.js";

/** What ends a record: one or more bytes. A string stands for its UTF-8. */
export type Delimiter = string | Uint8Array;

/**
 * Copies of the delimiter or delimiters that a caller gives.
 *
 * @throws TypeError for anything else, for an empty delimiter and for no delimiter
 */
export function delimitersOf(given: unknown): readonly Buffer[] {
  if (Array.isArray(given)) return listOf(given, "delimiter");
  return [copyOf(given, "delimiter", "a string, a Uint8Array, or a list of them")];
}

/** The same where it must be one delimiter. */
export function delimiterOf(given: unknown): Buffer {
  return copyOf(given, "delimiter", "a string or a Uint8Array");
}

/** The same where it must be a list. */
export function delimiterListOf(given: unknown): readonly Buffer[] {
  if (Array.isArray(given)) return listOf(given, "delimiters");
  const hint = typeof given === "string" || isUint8Array(given) ? " (readUntil takes one)" : "";
  throw wrongType("delimiters", `a list of strings and Uint8Arrays${hint}`, given);
}

function listOf(given: readonly unknown[], name: string): readonly Buffer[] {
  if (given.length === 0) throw wrongValue(name, "at least one delimiter", given);
  // `Array.from` also visits holes.
  return Array.from(given, (delimiter) => copyOf(delimiter, `${name}[]`, "a string or a Uint8Array"));
}

function copyOf(given: unknown, name: string, expected: string): Buffer {
  const bytes = isUint8Array(given) ? givenBytes(given, name) : given;
  if (typeof bytes !== "string" && !isUint8Array(bytes)) throw wrongType(name, expected, given);
  if (bytes.length === 0) throw wrongValue(name, "at least one byte", given);
  return Buffer.from(bytes as string);
}
