/** `requests` on a network that is cut, and with a peer that crashes: what each caller is told is true. */
import { connect, framed, jsonLines, listen, NetError, requests, serve } from "../../../src/index.js";
import type { Connection, RequestOptions, Requests } from "../../../src/index.js";
import type { Host, Network } from "../../../src/testing/index.js";
import { onBadNetwork, partition, sleep } from "../../support/bad-network.js";

interface Message {
  readonly id: number;
}

type Hosts = Readonly<Record<"client" | "server", Host>>;

const MODES: readonly (readonly [name: string, options: RequestOptions<Message, Message>])[] = [
  ["in order", {}],
  ["in order, a few at a time", { concurrency: 3 }],
  ["by match", { match: { request: ({ id }) => id, reply: ({ id }) => id }, concurrency: 20 }],
];

/** Answers each message by itself: in order, or as late as chance has it. Returns what has arrived. */
function peer(
  host: Host,
  signal: AbortSignal,
  isOrdered: boolean,
): { seen: Set<number>; done: Promise<void> } {
  const seen = new Set<number>();
  const handler = async (connection: Connection): Promise<void> => {
    const messages = framed(connection, jsonLines<Message>());
    for await (const message of messages) {
      seen.add(message.id);
      if (isOrdered) {
        await sleep(Math.random() * 20);
        await messages.send(message);
      } else {
        void sleep(Math.random() * 200).then(() => messages.send(message).catch(() => undefined));
      }
    }
  };
  const done = host.run(async () =>
    serve(await listen(7), handler, { signal, grace: 0, onError: () => undefined }),
  );
  return { seen, done };
}

interface Outcome {
  readonly id: number;
  /** The error of a call that has failed. */
  readonly error: NetError | undefined;
}

/** Makes calls within half a second, of which many give up soon; what they resolve to must be the reply to them. */
async function callAll(client: Requests<Message, Message>, ids: readonly number[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const calls = ids.map(async (id) => {
    await sleep(Math.random() * 500);
    const timeout = Math.random() < 0.4 ? Math.random() * 300 : 120_000;
    try {
      expect(await client.request({ id }, { timeout })).toEqual({ id });
      outcomes.push({ id, error: undefined });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      outcomes.push({ id, error });
    }
  });
  await Promise.all(calls);
  return outcomes;
}

/** Each failure has an error of its own, and none says that nothing was sent of what the peer has seen. */
function expectTruth(
  outcomes: readonly Outcome[],
  seen: ReadonlySet<number>,
  codes: readonly string[],
): void {
  const failures = outcomes.filter(({ error }) => error !== undefined);
  expect(new Set(failures.map(({ error }) => error)).size).toBe(failures.length);
  for (const { id, error } of failures) {
    expect(codes).toContain(error?.code);
    expect(["nothing", "partly"]).toContain(error?.written);
    if (error?.written === "nothing") expect(seen).not.toContain(id);
  }
}

const FIRST = Array.from({ length: 60 }, (_, at) => at);
const SECOND = Array.from({ length: 60 }, (_, at) => 100 + at);

async function connected(
  hosts: Hosts,
  options: RequestOptions<Message, Message>,
): Promise<Requests<Message, Message>> {
  return await hosts.client.run(async () => {
    const connection = await connect("server", 7, { readTimeout: 100_000 });
    return requests(framed(connection, jsonLines<Message>()), options);
  });
}

test.each(MODES)(
  "%s: callers that give up, in partitions too, take no reply from others",
  async (_name, options) => {
    await onBadNetwork(["client", "server"], async (network: Network, hosts) => {
      const stop = new AbortController();
      const { seen, done } = peer(hosts.server, stop.signal, options.match === undefined);
      await sleep(1);
      const client = await connected(hosts, options);
      const cut = partition(network, hosts.client, hosts.server, 4_000, 200);
      const outcomes = await callAll(client, FIRST);
      await cut;
      expectTruth(outcomes, seen, ["ETIMEDOUT"]);
      expect(outcomes.filter(({ error }) => error === undefined).length).toBeGreaterThan(20);
      await client.close();
      stop.abort();
      await done;
    });
  },
);

test.each(MODES)(
  "%s: when the peer crashes each call is told whether it was sent, and the next peer answers",
  async (_name, options) => {
    await onBadNetwork(["client", "server"], async (_network, hosts) => {
      const stop = new AbortController();
      const first = peer(hosts.server, stop.signal, options.match === undefined);
      first.done.catch(() => undefined);
      await sleep(1);
      const client = await connected(hosts, options);
      const calling = callAll(client, FIRST);
      await sleep(200);
      hosts.server.crash();
      hosts.server.restart();
      const outcomes = await calling;
      expectTruth(outcomes, first.seen, ["ETIMEDOUT", "ECONNRESET", "ERR_CLOSED"]);
      // By a reset; or by their own timeouts, if all that was sent had arrived before the crash.
      expect(outcomes.some(({ error }) => error !== undefined)).toBe(true);
      await client.close();

      const second = peer(hosts.server, stop.signal, options.match === undefined);
      await sleep(1);
      const next = await connected(hosts, options);
      const lost = outcomes.filter(({ error }) => error?.written === "nothing").map(({ id }) => id);
      const again = await callAll(next, [...lost, ...SECOND]);
      expectTruth(again, second.seen, ["ETIMEDOUT"]);
      await next.close();
      stop.abort();
      await second.done;
    });
  },
);
