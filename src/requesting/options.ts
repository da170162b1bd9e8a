import { wrongValue } from "../options/checks.js";

/** Which key a request has, and a reply. */
export interface Match<Q, R> {
  request(message: Q): unknown;
  reply(message: R): unknown;
}

/** How requests are sent: all options, checked. */
export interface PipelineOptions<Q, R> {
  readonly concurrency: number;
  readonly queue: number;
  readonly match: Match<Q, R> | undefined;
  readonly unsolicited: ((message: R) => unknown) | undefined;
}

/** The key of a request. Throws what `match.request` throws, and if there is none. */
export function keyOf<Q, R>(message: Q, match: Match<Q, R>): unknown {
  const key = match.request(message);
  if (key === undefined) throw wrongValue("match.request", "a function that returns a key", key);
  return key;
}
