/**
 * Finds connections that a program has forgotten: the peer has ended its side, our side is open, and the program has no
 * reference left to close the connection with. With `NODE_DEBUG=tcp6` the process prints each to stderr, with the place
 * where it was made. Without that, nothing is recorded.
 */
import { debuglog } from "node:util";

const log = debuglog("tcp6");
const isOn = log.enabled;

/** The part of a connection that lives on when the program's `Connection` object has been collected. */
interface Life {
  readonly subject: { readonly text: string };
  /** Calls `act` when the peer has ended its side and ours is still open. */
  whenLeftOpen(act: () => void): void;
}

const forgotten = new FinalizationRegistry(({ life, maker }: { life: Life; maker: string }) => {
  life.whenLeftOpen(() => {
    const what =
      "the peer has ended its side, and the program has forgotten the connection: it stays open (CLOSE_WAIT)";
    log("%s: %s. It was made here:\n%s", life.subject.text, what, maker);
  });
});

/** The stack of the call that makes a connection, for {@link noteMaker}; `undefined` without `NODE_DEBUG=tcp6`. */
export function makerHere(): string | undefined {
  if (!isOn) return undefined;
  const [, ...frames] = new Error("made").stack?.split("\n") ?? [];
  return frames.slice(1).join("\n");
}

/** Records where a connection was made, to be printed if the program forgets it. */
export function noteMaker(connection: object, life: Life, maker: string | undefined): void {
  if (maker !== undefined) forgotten.register(connection, { life, maker });
}
