/**
 * A Redis client in 40 lines of code. Any number of callers share its connection, and each may give up by itself.
 *
 *     npx tsx examples/redis-client.ts ENDPOINT COMMAND... [, COMMAND...]
 *     npx tsx examples/redis-client.ts localhost:6379 SET name Ada , GET name , INCR visits
 *     npx tsx examples/redis-client.ts localhost:6379 HELLO 3 , SUBSCRIBE news
 *
 * The commands are sent at once, without a wait for replies between them. Once it has subscribed, it prints what comes until
 * the server ends or Ctrl-C is pressed.
 */
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { connect, framed, requests, type Codec, type Connection, type Requests } from "tcp6";

export type Command = readonly string[];
/** Maps are lists of their keys and values in turn, as they are in version 2 of the protocol. */
export type Reply = string | number | bigint | boolean | null | RedisError | Push | Reply[];
/** What the server refuses a command with: a value, for it may also be in a list. */
export class RedisError extends Error {}
/** What the server sends unasked, in version 3 of the protocol: of what kind it is, and the rest. */
export class Push extends Array<Reply> {}

const LINES: Record<string, (text: string) => Reply> = {
  "+": String,
  "-": (text) => new RedisError(text),
  ":": Number,
  ",": (text) => Number(text.replace("inf", "Infinity")),
  "(": BigInt,
  "#": (text) => text === "t",
};
const BULKS: typeof LINES = { $: String, "!": (text) => new RedisError(text), "=": (text) => text.slice(4) };

/** The reply from `begin` to `size`; or how many bytes are needed at least to know it, so that a long string is read once. */
function replyAt(bytes: Buffer, begin: number): { message: Reply; size: number } | number {
  const end = bytes.indexOf("\r\n", begin);
  if (end === -1) return Math.max(bytes.length + 1, begin + 3);
  const [kind, text] = [bytes.toString("latin1", begin, begin + 1), bytes.toString("utf8", begin + 1, end)];
  const [line, bulk, count] = [LINES[kind], BULKS[kind], Number(text) * (kind === "%" ? 2 : 1)];
  let size = end + 2;
  if (line !== undefined || kind === "_" || text === "-1") return { message: line?.(text) ?? null, size };
  if (!"$!=*~>%".includes(kind) || !(count >= 0)) throw new Error("this is not the protocol of Redis");
  if (bulk && bytes.length < size + count + 2) return size + count + 2;
  if (bulk) return { message: bulk(bytes.toString("utf8", size, size + count)), size: size + count + 2 };
  const items = kind === ">" ? new Push() : [];
  while (items.length < count) {
    const item = replyAt(bytes, size);
    if (typeof item === "number") return item + 3 * (count - items.length - 1);
    items.push(item.message);
    size = item.size;
  }
  return { message: items, size };
}

/** RESP, versions 2 and 3: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export const resp: Codec<Reply, Command> = {
  decode: (bytes) => replyAt(bytes, 0),
  encode: (all) => `*${all.length}\r\n` + all.map((w) => `$${Buffer.byteLength(w)}\r\n${w}\r\n`).join(""),
};

/** Replies come in the order of the commands. Pushes come in between; the reply to a subscription (to one channel) is a push. */
export function redis(connection: Connection, pushed?: (push: Reply) => void): Requests<Command, Reply> {
  const reply = (r: Reply) => (r instanceof Push && !/subscribe$/.test(String(r[0])) ? undefined : 1);
  return requests(framed(connection, resp), { match: { request: () => 1, reply }, unsolicited: pushed });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [endpoint = "localhost:6379", ...words] = process.argv.slice(2);
  try {
    await run(endpoint, words.join("\n").split("\n,\n"));
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}

async function run(endpoint: string, lines: string[]): Promise<void> {
  const interrupt = new AbortController();
  const { signal } = interrupt;
  process.once("SIGINT", () => interrupt.abort(new Error("interrupted")));
  await using server = redis(await connect(endpoint, { timeout: 5_000, signal }), console.log);
  const replies = lines.map((words) => server.request(words.split("\n"), { timeout: 5_000, signal }));
  for (const reply of await Promise.all(replies)) console.log(reply instanceof Error ? reply.message : reply);
  if (lines.some((words) => /^p?subscribe/i.test(words)))
    await Promise.race([server.closed, once(signal, "abort")]);
}
