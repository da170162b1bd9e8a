/** An error as the platform makes it. */
export function systemError(code: keyof typeof ERRNO, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { errno: ERRNO[code], code, syscall });
}

/** The numbers of these errors on Linux; Node looks up their descriptions by number. */
const ERRNO = {
  EPIPE: -32,
  ENOTSUP: -95,
  EADDRINUSE: -98,
  EADDRNOTAVAIL: -99,
  ENETUNREACH: -101,
  ECONNRESET: -104,
  ETIMEDOUT: -110,
  ECONNREFUSED: -111,
  EHOSTUNREACH: -113,
};
