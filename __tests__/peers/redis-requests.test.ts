import { redis } from "../../examples/redis-client.js";
import { connect } from "tcp6";
import { LocalServer } from "../support/local-server.js";
import { describeWith, REDIS } from "../support/machine.js";
import { endPrograms } from "../support/program.js";
import { REDIS_SERVER } from "../support/redis.js";
import { nothingLeft } from "../support/resources.js";
import { ForgetfulClient } from "./redis/forgetful-client.js";
import { stress } from "./redis/stress.js";

/** `npx tsx __tests__/peers/redis/stress.ts` sends a million. */
const REQUESTS = 20_000;

let server: LocalServer;

describeWith(REDIS, "redis-server, by a client that callers share, some of whom give up", () => {
  beforeEach(async () => {
    server = await LocalServer.create(REDIS_SERVER);
    await server.start();
  });

  afterEach(async () => {
    await server.remove();
    await endPrograms();
    await nothingLeft();
  });

  test("no caller gets the reply to the command of another one", async () => {
    const seed = seedOfNow();
    const client = redis(await connect("127.0.0.1", server.port));
    const { first, ...result } = await stress(client, REQUESTS, seed);
    await client.close();
    expect({ seed, first, ...result }).toMatchObject({ first: undefined, requests: REQUESTS, mismatched: 0 });
    expect(result.givenUp).toBeGreaterThan(REQUESTS / 20);
  });

  test("a client that forgets what was given up is found out", async () => {
    const client = new ForgetfulClient(await connect("127.0.0.1", server.port));
    const { mismatched } = await stress(client, 1_000, seedOfNow());
    await client.close();
    expect(mismatched).toBeGreaterThan(0);
  });
});

/** The seed of this run, which a failure tells. */
function seedOfNow(): number {
  return Date.now() % 1_000_000;
}
