/**
 * A chat in lines of JSON: what one member sends, all others receive. The room closes when it is interrupted (Ctrl-C).
 *
 *     npx tsx examples/json-chat.ts serve [port]
 *     npx tsx examples/json-chat.ts join NAME [endpoint]
 */
import { createInterface } from "node:readline";
import { connect, framed, jsonLines, listen, serve, type Connection, type Messages } from "tcp6";

type Message = Partial<Record<"from" | "text", unknown>> | null; // What peers send may be anything.

const members = new Set<Messages<Message>>();
const [role, name = "anyone", endpoint = "localhost:4242"] = process.argv.slice(2);

if (role === "join") await join();
else if (role === "serve") await open(process.argv[3] ?? 4242);
else {
  console.error("usage: npx tsx examples/json-chat.ts serve [port] | join NAME [endpoint]");
  process.exitCode = 1;
}

async function open(port: number | string): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const listener = await listen(port, { readTimeout: Infinity, keepAlive: { delay: 60_000 } });
  console.log(`listening on port ${String(listener.port)}`);
  await serve(listener, chat, { signal: stop.signal, grace: 0, onError: () => undefined });
}

async function chat(connection: Connection): Promise<void> {
  const member = framed(connection, jsonLines<Message>(), { limit: 4_096 });
  members.add(member);
  try {
    for await (const said of member) for (const other of members) if (other !== member) pass(said, other);
  } finally {
    members.delete(member);
  }
}

function pass(said: Message, member: Messages<Message>): void {
  if (member.connection.writableLength > 65_536)
    member.connection.reset(); // It reads too slowly.
  else member.send(said).catch(() => undefined); // Its own loop tells that it has gone.
}

async function join(): Promise<void> {
  await using connection = await connect(endpoint, { readTimeout: Infinity });
  const room = framed(connection, jsonLines<Message>(), { limit: 4_096 });
  const typed = createInterface({ input: process.stdin }).on("close", () => void connection.closeWrite());
  typed.on("line", (text) => void room.send({ from: name, text }).catch(() => typed.close()));
  for await (const said of room) console.log(`${String(said?.from)}: ${String(said?.text)}`);
  typed.close();
}
