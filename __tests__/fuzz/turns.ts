import { setImmediate as turn } from "node:timers/promises";

/** Lets the event loop turn once, and some times more. */
export async function pass(more: number): Promise<void> {
  for (let count = 0; count <= more; count++) await turn();
}
