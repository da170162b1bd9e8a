import { Buffer } from "node:buffer";
import { tally } from "../../stage.js";

const RESPONSE = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

/** The answer to a request of that many bytes; it does not depend on their contents and is as short as wrk accepts. */
export function answerTo(size: number): Buffer {
  if (size > 0) tally.operations += 1;
  return RESPONSE;
}
