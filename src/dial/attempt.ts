import type { Socket, SocketConnectOpts } from "node:net";
import { execute } from "abort-controller-x";
import { bounded } from "../bounded.js";
import { newSocket } from "../engine/socket-transport.js";
import { translated, type Subject } from "../errors.js";

export interface AttemptOptions<T> {
  /** Most ms for this attempt. */
  readonly timeout: number;
  /** Makes of the socket, the moment it has connected, what the attempt resolves to. */
  readonly establish: (socket: Socket) => T;
  /** Takes what was established too late. */
  readonly discard: (late: T) => void;
}

/** Resolves to a connection to one address. Whatever else happens, no socket stays behind. */
export function attempt<T>(
  to: SocketConnectOpts,
  subject: Subject,
  { timeout, establish, discard }: AttemptOptions<T>,
  signal: AbortSignal,
): Promise<T> {
  return bounded(
    "connect",
    subject,
    { timeout, signal },
    (stop) => open(to, subject, establish, stop),
    discard,
  );
}

function open<T>(
  to: SocketConnectOpts,
  subject: Subject,
  establish: (socket: Socket) => T,
  signal: AbortSignal,
): Promise<T> {
  return execute<T>(signal, (resolve, reject) => {
    const socket = newSocket();
    const onError = (cause: Error) => {
      socket.off("connect", onConnect);
      reject(translated("connect", subject, cause));
    };
    const onConnect = () => {
      const established = establish(socket);
      socket.off("error", onError);
      resolve(established);
    };
    socket.once("error", onError);
    socket.once("connect", onConnect);
    socket.connect(to);
    return () => {
      // Its listener stays, for an error that is on its way.
      socket.off("connect", onConnect);
      socket.destroy();
    };
  });
}
