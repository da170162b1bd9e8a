/**
 * A chat room for `nc localhost 4242`: what one member says, all others read. It closes when it is interrupted (Ctrl-C).
 *
 *     npx tsx examples/chat-room.ts [port]
 *
 * A member who reads too slowly for the room is put out of it, so that no text piles up here.
 */
import { listen, serve, type Connection } from "tcp6";

const members = new Map<Connection, string>();
const stop = new AbortController();

const listener = await listen(process.argv[2] ?? 4242, { maxConnections: 1_000 });
console.log(`listening on port ${String(listener.port)}`);
process.once("SIGINT", () => stop.abort());
stop.signal.onabort = () => say("* the room closes");
await serve(listener, chat, { signal: stop.signal, grace: 500, onError: () => undefined });
console.log("closed");

async function chat(connection: Connection): Promise<void> {
  await connection.writeLine("What is your name?");
  const name = (await connection.readLine({ limit: 40 })) ?? "nobody";
  say(`* ${name} has come`);
  members.set(connection, name);
  try {
    const lines = connection.lines({ limit: 1_000, timeout: Infinity });
    for await (const line of lines) say(`${name}: ${line}`, connection);
  } finally {
    members.delete(connection);
    say(`* ${name} has left`);
  }
}

function say(text: string, except?: Connection): void {
  for (const member of members.keys()) {
    if (member.writableLength > 65_536) member.reset();
    else if (member !== except) member.writeLine(text).catch(() => undefined); // Its own reads tell that it has gone.
  }
}
