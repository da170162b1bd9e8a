/** The files around Unix sockets. */
import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { translated, type Subject } from "../errors.js";

/** A directory that only this user can enter, for files that get their names later. Their own names are single letters. */
export class PrivateDirectory {
  readonly #path: string;

  /** @param path - the directory is made beside it, so in the same file system */
  constructor(path: string) {
    this.#path = mkdtempSync(`${dirname(path)}/.`);
  }

  /** The longest path of a file in such a directory. */
  static longestBeside(path: string): string {
    return `${dirname(path)}/.XXXXXX/x`;
  }

  file(letter: string): string {
    return `${this.#path}/${letter}`;
  }

  /** Removes it, with all that is in it, if that is possible. */
  remove(): void {
    removeIfPossible(this.#path, { recursive: true });
  }
}

/**
 * Removes what is of no use any more. A call that has succeeded does not fail because its directory cannot be written to any
 * longer: a lock that is left is a socket on which no process listens, which the next call knows.
 */
export function removeIfPossible(path: string, options: { readonly recursive?: boolean } = {}): void {
  try {
    rmSync(path, { ...options, force: true });
  } catch {
    // It is left.
  }
}

/** Does something with files; what fails is an error of `listen`. */
export function withFiles<T>(subject: Subject, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw translated("listen", subject, error);
  }
}

/** Whether a socket has that name. A link to one is none. */
export function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
}

/** Whether no other file has that name. */
export function isSocketOrGone(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== false;
}

/** The code of an error of the system. */
export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null | undefined)?.code;
}
