import { tally } from "../../stage.js";

const RESPONSE = Buffer.from("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");

/** The answer to a request of that many bytes: it tells wrk to use another connection for the next. */
export function answerTo(size: number): Buffer {
  if (size > 0) tally.operations += 1;
  return RESPONSE;
}
