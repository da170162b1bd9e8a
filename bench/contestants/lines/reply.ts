import { tally } from "../../stage.js";

const PONG = "+PONG\r\n";

/** The answer to a line of redis-benchmark; it reads the line, as a program would. */
export function replyTo(line: string): string {
  if (line === "PING") tally.operations += 1;
  return PONG;
}

/** The same for bytes. */
export function replyToBytes(line: Uint8Array): string {
  if (line.length === 4 && line[0] === 0x50) tally.operations += 1;
  return PONG;
}
