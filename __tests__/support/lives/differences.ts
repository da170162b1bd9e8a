import type { Step } from "./life.js";

/** In what the Duplex of a connection differs from a `net.Socket`, in a step of a life. */
export interface Difference {
  readonly life: string;
  readonly step: string;
  /** A member, or one of the lists of events. */
  readonly what: string;
  readonly socket: unknown;
  readonly duplex: unknown;
}

/** A difference that is known, and why it is there. */
export interface Known {
  /** The life in which it occurs for certain. */
  readonly life: string;
  /** The step in which it occurs. Without it, the difference is the same in any step of any life. */
  readonly step?: string;
  readonly what: string;
  /** What the socket has; where the releases of Node.js differ, all there is. */
  readonly socket: unknown;
  readonly duplex: unknown;
  readonly why: string;
  /** The first major release of Node.js that has it; without it, all have it. */
  readonly since?: number;
}

export function differencesBetween(
  life: string,
  socket: readonly Step[],
  duplex: readonly Step[],
): readonly Difference[] {
  return socket.flatMap((step, at) => {
    const [ours, theirs] = [shownOf(duplex[at]), shownOf(step)];
    return Object.keys(theirs)
      .filter((what) => ours[what] !== theirs[what])
      .map((what) => ({ life, step: step.name, what, socket: theirs[what], duplex: ours[what] }));
  });
}

export function covers(known: Known, difference: Difference): boolean {
  if (known.what !== difference.what) return false;
  if (known.step !== undefined && (known.life !== difference.life || known.step !== difference.step))
    return false;
  return isOneOf(known.socket, difference.socket) && isOneOf(known.duplex, difference.duplex);
}

function isOneOf(expected: unknown, value: unknown): boolean {
  return Array.isArray(expected) ? expected.includes(value) : expected === value;
}

function shownOf(step: Step | undefined): Record<string, unknown> {
  return { events: step?.events.join(" · "), "the peer": step?.peer.join(" · "), ...step?.members };
}
