import type { Entry } from "./write-queue.js";

/** Makes the error of a call whose entry is dropped; `isSending`: the kernel may have taken a part of it. */
export type MakeError = (entry: Entry, isSending: boolean) => unknown;

/** What the transport is doing. */
export type State =
  /** Nothing: the queue is empty, and the kernel has taken everything. */
  | { readonly kind: "idle" }
  /** Nothing yet: what the program writes in this turn is queued, and sent in one go. */
  | { readonly kind: "corked" }
  /**
   * It is being handed entries. Some streams run the program's code in the course of that: calls that it makes have to
   * queue, and are handed on when the transport has returned.
   */
  | { readonly kind: "handing" }
  /** The same, and such code has dropped or detached everything: the call that is being handed is rejected. */
  | { readonly kind: "cut"; readonly makeError: MakeError }
  | Sending;

/** Entries, sent in one go, of which the kernel has not taken all. */
export interface Sending {
  readonly kind: "sending";
  readonly entries: readonly Entry[];
  /** Bytes of all of them. */
  readonly size: number;
  /** When the kernel was last seen to take bytes of them, and how many were left then. */
  progressAt: number;
  unsent: number;
}

export const IDLE: State = { kind: "idle" };
export const CORKED: State = { kind: "corked" };
export const HANDING: State = { kind: "handing" };
