import { connect, framed, lengthPrefix, type Connection, type Messages } from "../../src/index.js";
import { describeWith, POSTGRES } from "../support/machine.js";
import { Postgres, USER } from "../support/postgres.js";
import { endPrograms } from "../support/program.js";
import { nothingLeft } from "../support/resources.js";

/** Its messages: a type of one byte, a length that counts itself, and what belongs to the type. */
const TYPED = lengthPrefix({ offset: 1, adjustment: -4, skip: 0 });
/** The first message of a connection, which has no type. */
const UNTYPED = lengthPrefix({ adjustment: -4 });

const VERSION_3 = 0x0003_0000;
const CANCEL_REQUEST = 80_877_102;

/** What a query brings, up to the server's word that it is ready for the next. */
interface Outcome {
  rows: (string | null)[][];
  notices: string[];
  error: string | undefined;
}

/** A session of version 3 of the protocol: https://www.postgresql.org/docs/15/protocol.html */
class Session {
  private constructor(
    readonly connection: Connection,
    readonly messages: Messages<Buffer, string | Uint8Array>,
    /** The process and the secret that a request to cancel names. */
    readonly key: Buffer,
  ) {}

  static async open(connection: Connection): Promise<Session> {
    const words = ["user", USER, "database", "postgres", ""].map((word) => `${word}\0`).join("");
    await framed(connection, UNTYPED).send([int32(VERSION_3), words]);
    const messages: Messages<Buffer, string | Uint8Array> = framed(connection, TYPED);
    let key: Buffer = Buffer.alloc(0);
    for (;;) {
      const { type, body } = await next(messages);
      if (type === "E") throw new Error(fieldOf(body, "M"));
      if (type === "R" && body.readInt32BE() !== 0) throw new Error("it asks for a password");
      if (type === "K") key = body;
      if (type === "Z") return new Session(connection, messages, key);
    }
  }

  send(sql: string): Promise<void> {
    return this.messages.send(Buffer.from(`Q\0\0\0\0${sql}\0`));
  }

  /** The outcome of the query that is the next to be answered. */
  async outcome(onNotice?: () => void): Promise<Outcome> {
    const outcome: Outcome = { rows: [], notices: [], error: undefined };
    for (;;) {
      const { type, body } = await next(this.messages);
      if (type === "Z") return outcome;
      if (type === "D") outcome.rows.push(valuesOf(body));
      else if (type === "E") outcome.error = fieldOf(body, "C");
      else if (type === "N") {
        outcome.notices.push(fieldOf(body, "M"));
        onNotice?.();
      }
    }
  }

  async query(sql: string): Promise<Outcome> {
    await this.send(sql);
    return this.outcome();
  }

  /** Says good-bye; resolves when the server has ended the stream, and nothing came before. */
  async end(): Promise<void> {
    await this.messages.send(Buffer.from("X\0\0\0\0"));
    expect(await this.messages.receive()).toBeNull();
    await this.connection.close();
  }
}

async function next(messages: Messages<Buffer, unknown>): Promise<{ type: string; body: Buffer }> {
  const message = await messages.receive();
  if (message === null) throw new Error("the server has ended the stream");
  return { type: message.toString("latin1", 0, 1), body: message.subarray(5) };
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** The values of a `DataRow`, as texts. */
function valuesOf(body: Buffer): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 2;
  for (let left = body.readInt16BE(); left > 0; left--) {
    const size = body.readInt32BE(at);
    at += 4;
    values.push(size === -1 ? null : body.toString("utf8", at, at + size));
    at += Math.max(0, size);
  }
  return values;
}

/** A field of an error or a notice: `C` is the code, `M` the text. */
function fieldOf(body: Buffer, field: string): string {
  const found = body
    .toString()
    .split("\0")
    .find((text) => text.startsWith(field));
  if (found === undefined) throw new Error(`no field ${field}`);
  return found.slice(1);
}

let postgres: Postgres;
const opened: Connection[] = [];

async function dial(): Promise<Connection> {
  const connection = await connect("127.0.0.1", postgres.port);
  opened.push(connection);
  return connection;
}

describeWith(POSTGRES, "PostgreSQL's protocol over framed, to PostgreSQL", () => {
  beforeAll(async () => {
    postgres = await Postgres.create();
    await postgres.start();
  }, 60_000);

  afterEach(async () => {
    for (const connection of opened.splice(0)) connection.reset();
    await nothingLeft();
  });

  afterAll(async () => {
    await postgres.stop("SIGQUIT");
    await endPrograms();
    await postgres.remove();
  });

  test("rows: texts, nothing, and megabytes of them", async () => {
    const session = await Session.open(await dial());
    expect(await session.query("select 'Zürich' as city, 41 + 1, null, ''")).toEqual({
      rows: [["Zürich", "42", null, ""]],
      notices: [],
      error: undefined,
    });
    const { rows } = await session.query(
      "select i, repeat(i::text, 1000) from generate_series(1, 2000) as i",
    );
    const wrong = rows.filter(([i, text], at) => i !== String(at + 1) || text !== i.repeat(1_000));
    expect([rows.length, wrong]).toEqual([2_000, []]);
    const { rows: long } = await session.query("select repeat('x', 3000000)");
    expect(long[0]?.[0] === "x".repeat(3_000_000)).toBe(true);
    await session.end();
  });

  test("after an error the session goes on", async () => {
    const session = await Session.open(await dial());
    expect(await session.query("select 1 / 0")).toEqual({ rows: [], notices: [], error: "22012" });
    expect(await session.query("selct")).toMatchObject({ error: "42601" });
    expect(await session.query("select 1")).toMatchObject({ rows: [["1"]], error: undefined });
    await session.end();
  });

  test("a database that there is not is an error of the first message", async () => {
    const connection = await dial();
    await framed(connection, UNTYPED).send([int32(VERSION_3), `user\0${USER}\0database\0nowhere\0\0`]);
    const messages = framed(connection, TYPED);
    let message = await next(messages);
    while (message.type === "R") message = await next(messages);
    expect([message.type, fieldOf(message.body, "C")]).toEqual(["E", "3D000"]);
    expect(await messages.receive()).toBeNull();
    await connection.close();
  });

  test("a notice comes while the query runs, before its outcome", async () => {
    const session = await Session.open(await dial());
    const sql = "do $$ begin raise notice 'halfway'; raise notice 'nearly there'; end $$; select 7";
    expect(await session.query(sql)).toEqual({
      rows: [["7"]],
      notices: ["halfway", "nearly there"],
      error: undefined,
    });
    await session.end();
  });

  test("a query that takes long is cancelled over a second connection, and the session goes on", async () => {
    const session = await Session.open(await dial());
    await session.send("do $$ begin raise notice 'it runs'; perform pg_sleep(600); end $$");
    let runs: () => void;
    const running = new Promise<void>((resolve) => (runs = resolve));
    const outcome = session.outcome(() => runs());
    await running;
    const second = await dial();
    await framed(second, UNTYPED).send([int32(CANCEL_REQUEST), session.key]);
    expect(await second.read()).toBeNull();
    await second.close();
    expect(await outcome).toEqual({ rows: [], notices: ["it runs"], error: "57014" });
    expect(await session.query("select 'still here'")).toMatchObject({ rows: [["still here"]] });
    await session.end();
  });

  test("a receive that was given up loses no message", async () => {
    const session = await Session.open(await dial());
    await session.send("select pg_sleep(0.1), 'late'");
    await expect(session.messages.receive({ timeout: 10 })).rejects.toHaveProperty("code", "ETIMEDOUT");
    expect(await session.outcome()).toMatchObject({ rows: [["", "late"]] });
    await session.end();
  });

  test("queries that are sent together are answered in their order, an error among them", async () => {
    const session = await Session.open(await dial());
    await Promise.all(["select 1", "select 1 / 0", "select 3"].map((sql) => session.send(sql)));
    const outcomes = [await session.outcome(), await session.outcome(), await session.outcome()];
    expect(outcomes).toMatchObject([{ rows: [["1"]] }, { error: "22012" }, { rows: [["3"]] }]);
    await session.end();
  });
});
