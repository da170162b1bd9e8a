import { constants } from "node:os";
import { streamOfHandle } from "../../core/transport/tls-internals.js";
import { SimulatedSocket } from "./simulated-socket.js";

/** What Node asks the handle of a TLS socket, which asks the handle beneath. That of a stream of JavaScript has no answer. */
type Method = (socket: SimulatedSocket, ...args: never[]) => number;

const METHODS: Readonly<Record<string, Method>> = {
  getsockname: (socket, into: object) => told(into, socket.address()),
  getpeername: ({ remoteAddress: address, remoteFamily: family, remotePort: port }, into: object) =>
    told(into, address === undefined ? {} : { address, family, port }),
  /** Times are in seconds. */
  setKeepAlive: (socket, on: boolean, delay: number, interval?: number, count?: number) => {
    socket.setKeepAlive(on, 1_000 * delay, interval === undefined ? undefined : 1_000 * interval, count);
    return 0;
  },
};

/** Has the handle of a TLS socket answer for the simulated socket that it is on, if it is on one. */
export function answerForSocket(handle: object): void {
  const { prototype } = handle.constructor as {
    readonly prototype: Record<string, (...args: unknown[]) => unknown>;
  };
  for (const [name, method] of Object.entries(METHODS)) {
    Object.defineProperty(handle, name, {
      configurable: true,
      value: (...args: never[]) => {
        const stream = streamOfHandle(handle);
        return stream instanceof SimulatedSocket
          ? method(stream, ...args)
          : prototype[name]?.apply(handle, args);
      },
    });
  }
}

function told(into: object, end: object): number {
  Object.assign(into, end);
  return "address" in end ? 0 : -constants.errno.ENOTCONN;
}
