/**
 * Calls in JSON, each message a frame with its length before it: `{ id, method, params }` is answered with
 * `{ id, result }` or `{ id, error }`.
 *
 *     npx tsx examples/json-protocol.ts serve [port]
 *     npx tsx examples/json-protocol.ts call ENDPOINT METHOD [JSON...]
 */
import { connect, lengthPrefixed, listen, type Connection } from "tcp6";

type Answer = { id: unknown; result: unknown } | { id: unknown; error: string };

/** Most bytes of a message. A client that announces a longer one is cut off, before any memory is taken for it. */
const limit = 64 * 1024;

const methods = new Map<unknown, (...params: unknown[]) => unknown>([
  ["echo", (...values) => values],
  ["add", add],
]);

const [role, where, method, ...params] = process.argv.slice(2);

try {
  if (role === "serve") await serve(where);
  else if (role === "call" && where !== undefined) console.log(await call(where, method, params));
  else
    throw new Error("usage: npx tsx examples/json-protocol.ts serve [port] | call ENDPOINT METHOD [JSON...]");
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function serve(port: number | string = 4242): Promise<void> {
  const listener = await listen(port);
  console.log(`listening on port ${String(listener.port)}`);
  process.once("SIGINT", () => void listener.close());
  for await (const connection of listener) {
    answerAll(connection).catch((error: unknown) => console.error(String(error)));
  }
}

async function answerAll(connection: Connection): Promise<void> {
  await using client = connection;
  const frames = lengthPrefixed(client, { limit });
  // One after the other: a client that does not take its answers is not asked for more.
  for await (const frame of frames) await frames.send(JSON.stringify(answer(frame.toString())));
}

function answer(text: string): Answer {
  let id: unknown = null;
  try {
    const request = JSON.parse(text) as { id: unknown; method: unknown; params: unknown[] };
    id = request.id;
    const method = methods.get(request.method);
    if (method === undefined) throw new Error(`no such method: ${JSON.stringify(request.method)}`);
    return { id, result: method(...request.params) };
  } catch (error) {
    return { id, error: (error as Error).message };
  }
}

function add(...values: unknown[]): number {
  if (!values.every((value) => typeof value === "number")) throw new Error("add takes numbers");
  return values.reduce((sum, value) => sum + value, 0);
}

async function call(endpoint: string, method: string | undefined, params: string[]): Promise<string> {
  const request = { id: 1, method, params: params.map((text): unknown => JSON.parse(text)) };
  await using connection = await connect(endpoint);
  const frames = lengthPrefixed(connection, { limit });
  await frames.send(JSON.stringify(request));
  const frame = await frames.receive();
  if (frame === null) throw new Error("the server has ended without an answer");
  const answer = JSON.parse(frame.toString()) as Answer;
  if ("error" in answer) throw new Error(answer.error);
  return JSON.stringify(answer.result);
}
