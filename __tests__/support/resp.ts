import type { Connection } from "../../src/index.js";

/** What a redis server answers, in version 2 of its protocol: https://redis.io/docs/latest/develop/reference/protocol-spec/ */
export type Reply = string | number | Buffer | null | readonly Reply[];

/** A command, as the list that `write` sends in one go. */
export function command(...words: readonly (string | Uint8Array)[]): (string | Uint8Array)[] {
  const parts: (string | Uint8Array)[] = [`*${words.length}\r\n`];
  for (const word of words) parts.push(`$${Buffer.byteLength(word)}\r\n`, word, "\r\n");
  return parts;
}

/** The next reply; one that says `-ERR …` rejects with that. */
export async function reply(connection: Connection): Promise<Reply> {
  const line = await connection.readLine();
  if (line === null) throw new Error("the stream ended where a reply should be");
  const [kind, rest] = [line[0], line.slice(1)];
  switch (kind) {
    case "+":
      return rest;
    case ":":
      return Number(rest);
    case "$":
      return bulk(connection, Number(rest));
    case "*":
      return array(connection, Number(rest));
    default:
      throw new Error(line);
  }
}

export async function ask(
  connection: Connection,
  ...words: readonly (string | Uint8Array)[]
): Promise<Reply> {
  await connection.write(command(...words));
  return reply(connection);
}

async function bulk(connection: Connection, size: number): Promise<Buffer | null> {
  if (size === -1) return null;
  const bytes = await connection.readExactly(size);
  if ((await connection.readLine()) !== "") throw new Error("a bulk string is longer than it said");
  return bytes;
}

async function array(connection: Connection, size: number): Promise<Reply[] | null> {
  if (size === -1) return null;
  const replies: Reply[] = [];
  while (replies.length < size) replies.push(await reply(connection));
  return replies;
}
