/** An error as the platform makes it. */
export function systemError(code: "ECONNRESET" | "EPIPE", syscall: "read" | "write"): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: ERRNO[code], code, syscall });
}

/** The numbers of these errors on Linux; Node looks up their descriptions by number. */
const ERRNO = { ECONNRESET: -104, EPIPE: -32 };
