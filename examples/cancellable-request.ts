/**
 * Sends a line, and prints the line that comes back; gives up after some time, or when it is interrupted (Ctrl-C).
 *
 *     npx tsx examples/cancellable-request.ts [endpoint] [line] [milliseconds]
 *
 * One signal covers all of it: the name lookup, the connecting, the write and the read.
 */
import { connect, NetError, NetTimeoutError } from "tcp6";

const [endpoint = "localhost:4242", line = "Good Bye!", milliseconds = "5000"] = process.argv.slice(2);

const interrupt = new AbortController();
process.once("SIGINT", () => {
  interrupt.abort(new Error("interrupted"));
});

try {
  const signal = AbortSignal.any([interrupt.signal, AbortSignal.timeout(Number(milliseconds))]);
  console.log("answer:", await request(signal));
} catch (error) {
  process.exitCode = 1;
  if (error instanceof NetTimeoutError) console.log(`too late: ${error.message}`);
  else if (error === interrupt.signal.reason) console.log("cancelled");
  else if (error instanceof NetError) console.log(`failed: ${error.message}`);
  else throw error;
}

async function request(signal: AbortSignal): Promise<string | null> {
  await using connection = await connect(endpoint, { signal });
  try {
    await connection.writeLine(line, { signal });
    return await connection.readLine({ signal });
  } catch (error) {
    connection.reset(); // close() would wait for the peer, and the answer is no longer wanted.
    throw error;
  }
}
