/** Where the receiving half of a connection stands: what its reads get, and what becomes of what arrives. */
export type InputState =
  | { readonly kind: "open" }
  /** The peer has ended its side: reads get the bytes in the queue, then the end of the stream. */
  | { readonly kind: "ended" }
  /** Reads get the bytes in the queue, then this failure. */
  | { readonly kind: "failed"; readonly cause: unknown }
  /** This side was ended here: what arrives is thrown away, reads get the end of the stream. */
  | { readonly kind: "shut" }
  /** The program reads the stream itself: reads reject. `isShut`: this side was ended here since. */
  | { readonly kind: "handed over"; readonly isShut: boolean }
  /** Another owner is about to take the stream: what arrives is kept for it, reads reject. */
  | { readonly kind: "claimed"; readonly reason: string; readonly onArrival: () => void }
  /** The connection was closed: what arrives is thrown away, reads reject. */
  | { readonly kind: "closed"; readonly reason: string | undefined };

export const OPEN: InputState = { kind: "open" };
export const ENDED: InputState = { kind: "ended" };
export const SHUT: InputState = { kind: "shut" };

/** Whether reads get the end of the stream after the bytes in the queue. */
export function hasEnd({ kind }: InputState): boolean {
  return kind === "ended" || kind === "shut";
}

/** Whether this side was ended here. */
export function isShut(state: InputState): boolean {
  return state.kind === "shut" || state.kind === "closed" || (state.kind === "handed over" && state.isShut);
}

/** Whether all reads reject. */
export function isClosed({ kind }: InputState): boolean {
  return kind === "closed" || kind === "handed over" || kind === "claimed";
}

/** Whether what arrives is thrown away. */
export function discards({ kind }: InputState): boolean {
  return kind === "shut" || kind === "closed" || kind === "handed over";
}
