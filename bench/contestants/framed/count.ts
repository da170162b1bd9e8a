import { MESSAGE_BYTES } from "../../frame.js";
import { tally } from "../../stage.js";

/** Takes a message, whose bytes it reads as a program would. */
export function count(message: Uint8Array): void {
  if (message.length === MESSAGE_BYTES && message[0] === 0x74) tally.operations += 1;
}
