/** Tells the subscribers of two diagnostics channels that connections open and close. */
import { Addresses } from "../address/addresses.js";
import { connectionChannels, type ConnectionEvent, type ConnectionOrigin } from "../diagnostics.js";
import { translated, type Subject } from "../errors.js";
import type { Outcome } from "./life.js";

/** The part of a connection that is told. */
interface Announced {
  readonly id: number;
  readonly origin: ConnectionOrigin;
  readonly subject: Subject;
}

/** What is told of a connection that is over. */
interface Counted extends Announced {
  readonly openedAt: number;
  readonly input: { readonly received: number };
  readonly transport: { readonly bytesTaken: number };
  now(): number;
}

let connections = 0;

/** The {@link ConnectionEvent.id} of the next connection. */
export function nextConnection(): number {
  return ++connections;
}

export function announceOpen(link: Announced): void {
  if (connectionChannels.open.hasSubscribers) connectionChannels.open.publish(eventOf(link));
}

export function announceClose(link: Counted, { end, failure }: Outcome): void {
  if (!connectionChannels.close.hasSubscribers) return;
  connectionChannels.close.publish({
    ...eventOf(link),
    bytesRead: link.input.received,
    bytesWritten: link.transport.bytesTaken,
    duration: link.now() - link.openedAt,
    end,
    ...(failure === null ? {} : { error: translated(failure.operation, link.subject, failure.cause) }),
  });
}

function eventOf({ id, origin, subject }: Announced): ConnectionEvent {
  const { localAddress, localPort, remoteAddress, remotePort }: Partial<Addresses> =
    subject instanceof Addresses ? subject : {};
  return { id, origin, name: subject.text, localAddress, localPort, remoteAddress, remotePort };
}
