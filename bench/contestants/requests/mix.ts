import { onStage, tally } from "../../stage.js";

/** How many requests are with the server at a time. */
const DEPTH = 32;

/** A client of redis. Its calls resolve to the replies. */
export interface Client {
  readonly set: (key: string, value: string) => Promise<unknown>;
  readonly get: (key: string) => Promise<unknown>;
  readonly incr: (key: string) => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

/** Keeps 32 commands of a mix under way, over one connection, until `count` are answered. */
async function mix({ set, get, incr }: Client, count: number): Promise<void> {
  const value = "x".repeat(32);
  let left = count;
  async function work(name: string): Promise<void> {
    const key = `key:${name}`;
    for (; left > 0; tally.operations += 4) {
      left -= 4;
      if ((await set(key, value)) !== "OK") throw new Error("SET has failed");
      if ((await get(key)) !== value) throw new Error("GET has got something else");
      const before = Number(await incr(`${key}:visits`));
      if (Number(await incr(`${key}:visits`)) !== before + 1) throw new Error("INCR has failed");
    }
  }
  await Promise.all(Array.from({ length: DEPTH }, (_, name) => work(String(name))));
}

/** Puts a client on stage that asks a redis server when it is told to. */
export function askWith(open: (port: number) => Promise<Client>): void {
  onStage(
    {},
    {
      run: async ({ port = 0, count = 0 }) => {
        const client = await open(port);
        await mix(client, count);
        await client.close();
        return {};
      },
    },
  );
}
