import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { createConnection, createPool, type ConnectionOptions, type RowDataPacket } from "mysql2";
import type { Connection } from "mysql2/promise";
import { connectDuplex } from "../../src/index.js";
import { AUTHORITY } from "../support/certificates.js";
import { MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";
import type { LocalServer } from "../support/local-server.js";
import { testLibraryWith } from "../support/library-of-server.js";
import { DATABASE, MARIADB_SERVER } from "../support/mariadb.js";
import { testEndingsFor } from "../support/server-endings.js";
import { clientOfSessions, emitted, noted, type Session } from "../support/sessions.js";
import { ADVISED_SOURCES, STREAM_SOURCES, tlsSources } from "../support/stream-sources.js";
import { TlsFront } from "../support/tls-front.js";

const ACCOUNT: ConnectionOptions = { user: "tcp6", database: DATABASE };

/** With TLS of mysql2's own, which begins when the server has said that it knows it. */
const ENCRYPTED: ConnectionOptions = { ...ACCOUNT, ssl: { ca: AUTHORITY, verifyIdentity: true } };

/** A pool, or a connection. */
type Queryable = Pick<Connection, "query">;

let server: LocalServer;

async function rowsOf(queryable: Queryable, sql: string, ...values: unknown[]): Promise<RowDataPacket[]> {
  const [rows] = await queryable.query<RowDataPacket[]>(sql, values);
  return rows;
}

async function exchange(queryable: Queryable): Promise<void> {
  expect(await rowsOf(queryable, "select ? + 1 as n", 41)).toEqual([{ n: 42 }]);
}

async function transfer(queryable: Queryable): Promise<void> {
  const bytes = randomBytes(MEGABYTES);
  const [row] = await rowsOf(queryable, "select ? as bytes", bytes);
  expect(bytes.equals(row?.["bytes"] as Buffer)).toBe(true);
}

function pooledClient(stream: () => Duplex, account = ACCOUNT): Client {
  const pool = createPool({ ...account, connectionLimit: 1, stream }).promise();
  return { exchange: () => exchange(pool), transfer: () => transfer(pool), close: () => pool.end() };
}

function sessionOver(stream: Duplex, account = ACCOUNT, events: readonly string[] = ["end"]): Session {
  const connection = createConnection({ ...account, stream });
  const queryable = connection.promise();
  const told = noted(connection, ...events);
  let fails: (error: unknown) => void;
  const requestFails = new Promise((resolve) => (fails = resolve));
  return {
    exchange: () => exchange(queryable),
    transfer: () => transfer(queryable),
    async begin() {
      const request = queryable.query("select sleep(600)");
      request.catch(fails);
      await sleepBegins(() => connection.threadId);
      return { request };
    },
    told,
    // The failure is an event only if no request takes it.
    over: Promise.race([emitted(connection, "error"), requestFails]),
    // The library's own `destroy()` would leave a request that waits unsettled.
    close: () => void stream.destroy(),
  };
}

/** Resolves when the server is at the `sleep()` of a client; those of clients that are gone go on for a while. */
async function sleepBegins(threadId: () => number): Promise<void> {
  const observer = createConnection({ ...ACCOUNT, host: "127.0.0.1", port: server.port });
  for (;;) {
    const threads = await rowsOf(observer.promise(), "show processlist");
    if (threads.some((thread) => thread["Id"] === threadId() && thread["State"] === "User sleep")) break;
  }
  observer.destroy();
}

const lostQuietly = { request: "PROTOCOL_CONNECTION_LOST", told: [] };
const lost = { request: "PROTOCOL_CONNECTION_LOST", told: ["end"] };

testLibraryWith(MARIADB_SERVER, "mysql2 and MariaDB", {
  begin: (running) => (server = running),
  clientOf: (open) => pooledClient(open),
  sessionOver: (stream) => sessionOver(stream),
  farewells: {
    stops: lost,
    "is killed": lost,
    "sends FIN": lost,
    "sends RST": { request: "ECONNRESET", told: [] },
  },
  toldAtHalfOpenEnd: ["end"],
  addTests(endings) {
    const { place } = endings;

    describe("with mysql2's own TLS", () => {
      testEndingsFor({
        ...endings,
        sources: STREAM_SOURCES.filter(({ isHalfOpen }) => isHalfOpen !== true),
        // mysql2 tells of the end of the stream that it was given, which Node's TLS leaves out for a kernel's socket.
        sessionOver: (stream) => sessionOver(stream, ENCRYPTED, []),
        farewells: {
          stops: lostQuietly,
          "is killed": lostQuietly,
          "sends FIN": lostQuietly,
          "sends RST": endings.farewells["sends RST"],
        },
      });

      testClientsOf({
        server: place,
        sources: ADVISED_SOURCES,
        clientOf: (open) => pooledClient(open, ENCRYPTED),
        clientOfReady: (open) => clientOfSessions(open, (stream) => sessionOver(stream, ENCRYPTED)),
      });

      test("the server takes it for encrypted", async () => {
        const { host, port } = place();
        const connection = createConnection({ ...ENCRYPTED, stream: connectDuplex(host, port) }).promise();
        const [row] = await rowsOf(connection, "show session status like 'Ssl_version'");
        expect(row).toMatchObject({ Value: "TLSv1.3" });
        await connection.end();
      });
    });

    describe("behind a server that speaks TLS", () => {
      let front: TlsFront;

      beforeAll(async () => {
        front = await TlsFront.open({ ...place() });
      });

      afterAll(() => front[Symbol.asyncDispose]());

      testClientsOf({
        server: () => ({ port: front.port, host: front.host }),
        sources: tlsSources(),
        clientOf: (open) => pooledClient(open),
        clientOfReady: (open) => clientOfSessions(open, (stream) => sessionOver(stream)),
      });
    });
  },
});
