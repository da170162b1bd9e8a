/**
 * Connections that a program has forgotten: the peer has ended its side, ours is open, and nothing refers to the
 * connection that could close it. With `NODE_DEBUG=tcp6` the process says so on stderr, and where each was made. Without
 * it, nothing is noted of any connection.
 */
import { debuglog } from "node:util";

const log = debuglog("tcp6");
const isOn = log.enabled;

/** What goes on when the object is gone that a program has of it. */
interface Life {
  readonly subject: { readonly text: string };
  /** Calls back when the peer has ended its side and ours is still open. */
  whenLeftOpen(act: () => void): void;
}

const forgotten = new FinalizationRegistry(({ life, maker }: { life: Life; maker: string }) => {
  life.whenLeftOpen(() => {
    const what =
      "the peer has ended its side, and the program has forgotten the connection: it stays open (CLOSE_WAIT)";
    log("%s: %s. It was made here:\n%s", life.subject.text, what, maker);
  });
});

/** Where a connection is made, for {@link noteMaker}: the stack of the call. `undefined` if nobody wants to know. */
export function makerHere(): string | undefined {
  if (!isOn) return undefined;
  const [, ...frames] = new Error("made").stack?.split("\n") ?? [];
  return frames.slice(1).join("\n");
}

/** Notes where a connection was made, to be told should the program forget it. */
export function noteMaker(connection: object, life: Life, maker: string | undefined): void {
  if (maker !== undefined) forgotten.register(connection, { life, maker });
}
