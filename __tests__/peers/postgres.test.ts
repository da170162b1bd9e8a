import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import pg from "pg";
import { connect, type Connection } from "../../src/index.js";
import { failure } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";
import { Postgres, USER } from "../support/postgres.js";
import { endPrograms } from "../support/program.js";
import { describeWith, POSTGRES } from "../support/machine.js";

const ROWS = 20_000;

let postgres: Postgres;
const opened: Connection[] = [];

/** Ways to the server. A client may be idle for as long as it likes. */
const KINDS: readonly { name: string; open: () => Promise<Connection> }[] = [
  { name: "TCP", open: () => connect("127.0.0.1", postgres.port, { readTimeout: Infinity }) },
  { name: "a Unix socket", open: () => connect({ path: postgres.path }, { readTimeout: Infinity }) },
];

/** What `pg` takes for a socket that it has to connect. Like one, it ends when its peer does. */
function streamOf(connection: Connection): Duplex {
  const { duplex } = connection;
  duplex.allowHalfOpen = false;
  return Object.assign(duplex, {
    connect() {
      process.nextTick(() => duplex.emit("connect"));
    },
  });
}

/** A client of `pg` over a connection of ours. */
async function clientOver(open: () => Promise<Connection>): Promise<pg.Client> {
  const connection = await open();
  opened.push(connection);
  const stream = () => streamOf(connection);
  const client = new pg.Client({ stream, user: USER, database: "postgres", pipeline: true });
  await client.connect();
  return client;
}

describeWith(POSTGRES, "pg over a connection's duplex, to PostgreSQL", () => {
  beforeAll(async () => {
    postgres = await Postgres.create();
  }, 60_000);

  beforeEach(() => postgres.start());

  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.reset();
    await postgres.stop("SIGQUIT");
    await endPrograms();
    await nothingLeft();
  });

  afterAll(() => postgres.remove());

  describe.each(KINDS)("over $name", ({ open }) => {
    test("queries with parameters, one after the other and all at once", async () => {
      const client = await clientOver(open);
      const { rows } = await client.query("select $1::text as city, $2::int + 1 as count", ["Zürich", 41]);
      expect(rows).toEqual([{ city: "Zürich", count: 42 }]);
      const numbers = Array.from({ length: 200 }, (_, i) => i);
      const query = { name: "square", text: "select $1::int * $1::int as square" };
      const results = await Promise.all(numbers.map((n) => client.query<{ square: number }>(query, [n])));
      expect(results.map((result) => result.rows[0]?.square)).toEqual(numbers.map((n) => n * n));
      await client.end();
    });

    test("megabytes down, in rows", async () => {
      const client = await clientOver(open);
      const { rows } = await client.query<{ i: number; text: string }>(
        "select i, repeat(md5(i::text), 20) as text from generate_series(1, $1::int) as i",
        [ROWS],
      );
      expect(rows).toHaveLength(ROWS);
      const wrong = rows.filter(({ i, text }, at) => i !== at + 1 || text !== md5(String(i)).repeat(20));
      expect(wrong).toEqual([]);
      await client.end();
    });

    test("megabytes up and down, any bytes", async () => {
      const client = await clientOver(open);
      const bytes = randomBytes(4 * 1024 * 1024);
      await client.query("create temporary table files (bytes bytea)");
      await client.query("insert into files values ($1)", [bytes]);
      const { rows } = await client.query<{ bytes: Buffer }>("select bytes from files");
      expect(rows[0]?.bytes.equals(bytes)).toBe(true);
      await client.end();
    });

    test("an error of the server's rejects one query and no other", async () => {
      const client = await clientOver(open);
      const outcomes = await Promise.allSettled([
        client.query("select 1 as n"),
        client.query("select 1 / 0"),
        client.query("select 2 as n"),
      ]);
      expect(outcomes).toMatchObject([
        { value: { rows: [{ n: 1 }] } },
        { reason: { code: "22012", message: "division by zero" } },
        { value: { rows: [{ n: 2 }] } },
      ]);
      await client.end();
    });

    test("what the server sends unasked", async () => {
      const [listening, notifying] = [await clientOver(open), await clientOver(open)];
      await listening.query("listen news");
      const notified = once(listening, "notification");
      await notifying.query("select pg_notify('news', 'hello')");
      expect(await notified).toMatchObject([{ channel: "news", payload: "hello" }]);
      await Promise.all([listening.end(), notifying.end()]);
    });

    test("the client's end is the connection's", async () => {
      const client = await clientOver(open);
      await client.query("select 1");
      const [connection] = opened;
      await client.end();
      await connection?.closed;
      expect(connection?.duplex).toMatchObject({ destroyed: true, errored: null });
      await nothingLeft();
    });

    test("a server that is stopped in the middle of a query says so", async () => {
      const client = await clientOver(open);
      const { query } = await begun(client);
      const over = endOf(client);
      await postgres.stop("SIGINT");
      expect(await failure(query)).toMatchObject({ code: "57P01" });
      expect(await over).toEqual(["Connection terminated unexpectedly"]);
      await opened[0]?.closed;
    });

    test("a server process that is killed in the middle of a query says nothing, and nothing hangs", async () => {
      const client = await clientOver(open);
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      const { query } = await begun(client);
      const over = endOf(client);
      process.kill(rows[0]?.pid ?? NaN, "SIGKILL");
      expect(await failure(query)).toHaveProperty("message", "Connection terminated unexpectedly");
      expect(await over).toEqual(["Connection terminated unexpectedly"]);
      await opened[0]?.closed;
    });
  });
});

/** A query that runs, and would for long. */
async function begun(client: pg.Client): Promise<{ query: Promise<unknown> }> {
  const notice = once(client, "notice");
  const query = client.query("do $$ begin raise notice 'it runs'; perform pg_sleep(600); end $$");
  query.catch(() => undefined);
  await notice;
  return { query };
}

/** The errors that a client tells of by the time it is over. */
function endOf(client: pg.Client): Promise<string[]> {
  const errors: string[] = [];
  client.on("error", (error) => errors.push(error.message));
  return new Promise((resolve) => client.once("end", () => resolve(errors)));
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
