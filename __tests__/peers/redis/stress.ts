/**
 * redis-benchmark's mix of commands, by callers that share one client, and of which some give up. Each command is made so that
 * a reply which belongs to another one is noticed.
 *
 *     npx tsx __tests__/peers/redis/stress.ts [REQUESTS] [SEED]
 */
import { setImmediate, setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Push, redis, type Command, type Reply } from "../../../examples/redis-client.js";
import { connect, NetTimeoutError, type OperationOptions } from "tcp6";
import { random, type Random } from "../../../src/testing/random.js";
import { LocalServer } from "../../support/local-server.js";
import { REDIS_SERVER } from "../../support/redis.js";

const CALLERS = 64;
/** Most requests that a caller has sent at a time. */
const MAX_BURST = 4;
/** Of how many requests one is given a moment at which its caller gives up. Some are answered before. */
const GIVES_UP_ONE_IN = 7;

export interface Client {
  request(command: Command, options?: OperationOptions): Promise<Reply>;
  close(): Promise<void>;
}

export interface Result {
  requests: number;
  givenUp: number;
  mismatched: number;
  /** What was wrong with the first of them. */
  first: string | undefined;
}

/** A command, and whether a reply may be its own. */
interface Question {
  readonly command: Command;
  readonly fits: (reply: Reply) => boolean;
}

/** Sends so many requests, and counts the replies that belong to others. The server must be empty. */
export async function stress(client: Client, requests: number, seed: number): Promise<Result> {
  const any = random(seed);
  const result: Result = { requests: 0, givenUp: 0, mismatched: 0, first: undefined };
  const callers = Array.from({ length: CALLERS }, (_, i) => new Caller(`{${seed}-${i}}`, any));
  await Promise.all(
    callers.map(async (caller) => {
      while (result.requests < requests) {
        const burst = Math.min(1 + any(MAX_BURST), requests - result.requests);
        result.requests += burst;
        await Promise.all(Array.from({ length: burst }, () => ask(client, caller.next(), any, result)));
      }
    }),
  );
  return result;
}

async function ask(client: Client, question: Question, any: Random, result: Result): Promise<void> {
  let reply: Reply;
  const abandonment = new Error("given up");
  try {
    reply = await client.request(question.command, whenToGiveUp(any, abandonment));
  } catch (error) {
    if (error !== abandonment && !(error instanceof NetTimeoutError && error.operation === "request"))
      throw error;
    result.givenUp++;
    return;
  }
  if (question.fits(reply)) return;
  result.mismatched++;
  result.first ??= `${question.command.join(" ")} was answered with ${JSON.stringify(reply)}`;
}

/** Options by which a few of the callers give up: at once, before the reply can come, about when it comes, or after. */
function whenToGiveUp(any: Random, reason: Error): OperationOptions {
  if (any(GIVES_UP_ONE_IN) > 0) return any(2) === 0 ? {} : { timeout: 60_000 };
  if (any(8) === 0) return { timeout: any(3) };
  const controller = new AbortController();
  void abortSoon(controller, any(8), reason);
  return { signal: controller.signal };
}

async function abortSoon(controller: AbortController, when: number, reason: Error): Promise<void> {
  if (when === 0) await setTimeout(1);
  else if (when > 2) for (let i = 0; i < when; i++) await Promise.resolve();
  else await setImmediate();
  controller.abort(reason);
}

/** One that has keys of its own. */
class Caller {
  readonly #name: string;
  readonly #any: Random;
  #made = 0;
  /** Of the counter: how often it was asked to be increased, and what it was seen to be. */
  #increments = 0;
  #count = 0;
  /** The latest value that each key is known to have been given. */
  readonly #known = new Map<string, number>();

  constructor(name: string, any: Random) {
    this.#name = name;
    this.#any = any;
  }

  next(): Question {
    const made = ++this.#made;
    const name = this.#name;
    const [ping, list, set] = [`ping${name}`, `list${name}`, `set${name}`];
    const [hash, sorted] = [`hash${name}`, `sorted${name}`];
    const own = (key: string): string => `${key}=${made}`;
    const isOf = (key: string) => (reply: Reply) => typeof reply === "string" && reply.startsWith(`${key}=`);
    const maybe = (key: string) => (reply: Reply) => reply === null || isOf(key)(reply);
    const isLength = (reply: Reply) => typeof reply === "number" && reply >= 1 && reply <= made;
    const isFlag = (reply: Reply) => reply === 0 || reply === 1;
    const all = (key: string) => (reply: Reply) =>
      Array.isArray(reply) && !(reply instanceof Push) && reply.every(isOf(key));
    const asks: readonly (() => Question)[] = [
      () => ({ command: ["PING", own(ping)], fits: (reply) => reply === own(ping) }),
      () => this.#sets("SET", made),
      () => this.#gets(),
      () => this.#increases(),
      () => ({ command: ["LPUSH", list, own(list)], fits: isLength }),
      () => ({ command: ["RPUSH", list, own(list)], fits: isLength }),
      () => ({ command: ["LPOP", list], fits: maybe(list) }),
      () => ({ command: ["RPOP", list], fits: maybe(list) }),
      () => ({ command: ["SADD", set, own(set)], fits: (reply) => reply === 1 }),
      () => ({ command: ["HSET", hash, String(made % 10), own(hash)], fits: isFlag }),
      () => ({ command: ["SPOP", set], fits: maybe(set) }),
      () => ({ command: ["ZADD", sorted, String(made), own(sorted)], fits: (reply) => reply === 1 }),
      () => ({ command: ["ZPOPMIN", sorted], fits: isMemberWithScore(sorted) }),
      () => ({ command: ["LRANGE", list, "0", "9"], fits: all(list) }),
      () => this.#sets("MSET", made),
    ];
    const question = asks[this.#any(asks.length)];
    if (question === undefined) throw new Error("no such command");
    return question();
  }

  #key(): string {
    return `key${String(this.#any(5))}${this.#name}`;
  }

  #sets(name: "SET" | "MSET", made: number): Question {
    const keys = name === "SET" ? [this.#key()] : [this.#key(), this.#key()];
    const fits = (reply: Reply): boolean => {
      if (reply !== "OK") return false;
      for (const key of keys) this.#known.set(key, Math.max(made, this.#known.get(key) ?? 0));
      return true;
    };
    return { command: [name, ...keys.flatMap((key) => [key, `${key}=${made}`])], fits };
  }

  /** A value is no older than the latest one that was known when it was asked for. */
  #gets(): Question {
    const key = this.#key();
    const least = this.#known.get(key);
    const fits = (reply: Reply): boolean => {
      if (reply === null) return least === undefined;
      const [name, value] = typeof reply === "string" ? reply.split("=") : [];
      return name === key && Number(value) >= (least ?? 0) && Number(value) <= this.#made;
    };
    return { command: ["GET", key], fits };
  }

  /** A counter rises, by no more than it was asked to. */
  #increases(): Question {
    const key = `counter${this.#name}`;
    const [most, above] = [++this.#increments, this.#count];
    const fits = (reply: Reply): boolean => {
      if (typeof reply !== "number" || reply > most || reply <= above) return false;
      this.#count = Math.max(this.#count, reply);
      return true;
    };
    return { command: ["INCR", key], fits };
  }
}

function isMemberWithScore(key: string): (reply: Reply) => boolean {
  return (reply) => {
    if (!Array.isArray(reply)) return false;
    const [member, score] = reply;
    if (member === undefined) return true;
    return member === `${key}=${Number(score)}`;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [count = "1000000", seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
  const server = await LocalServer.create(REDIS_SERVER);
  try {
    await server.start();
    const [begun, cpu] = [performance.now(), process.cpuUsage()];
    const client = redis(await connect("127.0.0.1", server.port));
    const result = await stress(client, Number(count), Number(seed));
    await client.close();
    const { user, system } = process.cpuUsage(cpu);
    const took = `${((performance.now() - begun) / 1_000).toFixed(1)} s, of CPU ${((user + system) / 1e6).toFixed(1)} s`;
    console.log(`seed ${seed}: ${JSON.stringify(result)}: ${took}`);
    if (result.mismatched > 0) process.exitCode = 1;
  } finally {
    await server.remove();
  }
}
