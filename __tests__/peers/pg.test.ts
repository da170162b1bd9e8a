import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Socket } from "node:net";
import { kill } from "node:process";
import type { Duplex } from "node:stream";
import pg from "pg";
import { connect, connectDuplex } from "../../src/index.js";
import { AUTHORITY } from "../support/certificates.js";
import { asSocket, MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";
import { describeWith, POSTGRES } from "../support/machine.js";
import { Postgres, USER } from "../support/postgres.js";
import { endPrograms } from "../support/program.js";
import { testEndingsFor, type SessionLibrary } from "../support/server-endings.js";
import { clientOfSessions, emitted, noted, type Session } from "../support/sessions.js";
import { ADVISED_SOURCES, STREAM_SOURCES, tlsSources } from "../support/stream-sources.js";
import { TlsFront } from "../support/tls-front.js";

const ACCOUNT: pg.ClientConfig = { user: USER, database: "postgres" };

/** With TLS of pg's own, which begins when the server has agreed to it. */
const ENCRYPTED: pg.ClientConfig = { ...ACCOUNT, ssl: { ca: AUTHORITY } };

/** A pool, or a client. */
type Queryable = Pick<pg.Pool, "query">;

interface PgSession extends Session {
  /** The process of the server for this session. */
  readonly pid: number;
}

let postgres: Postgres;
let isDamaged = false;

async function exchange(queryable: Queryable): Promise<void> {
  const { rows } = await queryable.query("select $1::int + 1 as n", [41]);
  expect(rows).toEqual([{ n: 42 }]);
}

async function transfer(queryable: Queryable): Promise<void> {
  const bytes = randomBytes(MEGABYTES);
  const { rows } = await queryable.query<{ bytes: Buffer }>("select $1::bytea as bytes", [bytes]);
  expect(rows[0]?.bytes.equals(bytes)).toBe(true);
}

/** pg calls `connect()` of its stream, which a socket that is connected must not do again: it says that it is connected. */
function streamFor(stream: Duplex): Socket {
  if (!(stream instanceof Socket)) return asSocket(stream);
  return Object.assign(stream, {
    connect: () => {
      if (!stream.connecting) process.nextTick(() => stream.emit("connect"));
      return stream;
    },
  });
}

function pooledClient(open: () => Duplex, account = ACCOUNT): Client {
  const pool = new pg.Pool({ ...account, max: 1, stream: () => streamFor(open()) });
  // Of idle clients, whose connection is lost.
  pool.on("error", () => undefined);
  return { exchange: () => exchange(pool), transfer: () => transfer(pool), close: () => pool.end() };
}

function sessionOver(stream: Duplex, account = ACCOUNT): PgSession {
  const client = new pg.Client({ ...account, stream: () => streamFor(stream) });
  const told = noted(client, "end");
  const over = emitted(client, "end");
  const connected = client.connect();
  connected.catch(() => undefined);
  let pid = NaN;
  return {
    exchange: () => connected.then(() => exchange(client)),
    transfer: () => connected.then(() => transfer(client)),
    async begin() {
      await connected;
      const notice = once(client, "notice");
      const query = "do $$ begin raise notice '%', pg_backend_pid(); perform pg_sleep(600); end $$";
      const request = client.query(query);
      request.catch(() => undefined);
      const [{ message }] = (await notice) as [{ message: string }];
      pid = Number(message);
      return { request };
    },
    get pid() {
      return pid;
    },
    told,
    over,
    close: () => void client.end(),
  };
}

describeWith(POSTGRES, "pg and PostgreSQL", () => {
  beforeAll(async () => {
    postgres = await Postgres.create();
    await postgres.start();
  }, 60_000);

  afterAll(async () => {
    await postgres.stop("SIGQUIT");
    await endPrograms();
    await postgres.remove();
  });

  testClientsOf({
    server: () => ({ port: postgres.port, host: "127.0.0.1" }),
    clientOf: (open) => pooledClient(open),
    clientOfReady: (open) => clientOfSessions(open, (stream) => sessionOver(stream)),
    staysHalfOpen: "always",
  });

  describe("with pg's own TLS", () => {
    testClientsOf({
      server: () => ({ port: postgres.port, host: "127.0.0.1" }),
      sources: ADVISED_SOURCES,
      clientOf: (open) => pooledClient(open, ENCRYPTED),
      clientOfReady: (open) => clientOfSessions(open, (stream) => sessionOver(stream, ENCRYPTED)),
    });

    test("the server takes it for encrypted", async () => {
      const stream = () => asSocket(connectDuplex("127.0.0.1", postgres.port));
      const client = new pg.Client({ ...ENCRYPTED, stream });
      await client.connect();
      const { rows } = await client.query("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
      expect(rows).toEqual([{ ssl: true }]);
      await client.end();
    });
  });

  describe("behind a server that speaks TLS", () => {
    let front: TlsFront;

    beforeAll(async () => {
      front = await TlsFront.open({ port: postgres.port, host: "127.0.0.1" });
    });

    afterAll(() => front[Symbol.asyncDispose]());

    testClientsOf({
      server: () => ({ port: front.port, host: front.host }),
      sources: tlsSources(),
      clientOf: (open) => pooledClient(open),
      clientOfReady: (open) => clientOfSessions(open, (stream) => sessionOver(stream)),
    });
  });

  test.each(["connection.duplex", "connectDuplex()"])(
    "%s that has connected long before client.connect() is told",
    async (kind) => {
      const stream =
        kind === "connectDuplex()"
          ? connectDuplex("127.0.0.1", postgres.port)
          : (await connect("127.0.0.1", postgres.port, { readTimeout: Infinity })).duplex;
      const client = new pg.Client({ ...ACCOUNT, stream: () => asSocket(stream) });
      if (stream.connecting) await once(stream, "ready");
      await client.connect();
      await exchange(client);
      await client.end();
      expect(stream.destroyed).toBe(true);
    },
  );

  const terminated = "Connection terminated unexpectedly";
  const lost = { request: terminated, told: [`error: ${terminated}`, "end"] };
  const endings: Omit<SessionLibrary<PgSession>, "sessionOver"> = {
    place: () => ({ port: postgres.port, host: "127.0.0.1" }),
    async start() {
      // One whose process was killed would recover for a while.
      if (isDamaged) await postgres.stop("SIGQUIT");
      isDamaged = false;
      await postgres.start();
    },
    async end(ending, { pid }) {
      isDamaged = ending === "is killed";
      if (isDamaged) kill(pid, "SIGKILL");
      else await postgres.stop("SIGINT");
    },
    farewells: {
      stops: { ...lost, request: "57P01" },
      "is killed": lost,
      "sends FIN": lost,
      "sends RST": { request: "ECONNRESET", told: ["error: ECONNRESET", ...lost.told] },
    },
    toldAtHalfOpenEnd: [],
  };
  testEndingsFor({ ...endings, sessionOver: (stream) => sessionOver(stream) });

  describe("with pg's own TLS", () => {
    testEndingsFor({
      ...endings,
      sources: STREAM_SOURCES.filter(({ isHalfOpen }) => isHalfOpen !== true),
      sessionOver: (stream) => sessionOver(stream, ENCRYPTED),
    });
  });
});
