import { constants } from "node:os";

/** An error as Node makes it of a code of the system; what describes it is looked up by its number. */
export function systemError(code: keyof typeof constants.errno, syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: -constants.errno[code], code, syscall });
}
