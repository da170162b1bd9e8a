import type { Link } from "./link.js";

const successors = new WeakMap<Link, Link>();

/** Records that a connection has taken the place of another one, as `startTls` has it. */
export function succeed(link: Link, successor: Link): void {
  successors.set(link, successor);
}

/** The connection that has taken the place of this one, if one has. */
export function successorOf(link: Link): Link | undefined {
  return successors.get(link);
}
