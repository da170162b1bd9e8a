/** nodemailer, over connections from a factory, with smtp-server as its server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { createTransport, type Transporter } from "nodemailer";
import type SMTPPool from "nodemailer/lib/smtp-pool";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { connectDuplex } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { unusedPort } from "../support/unused-port.js";
import { netError } from "../support/outcomes.js";
import {
  asSocket,
  MEGABYTES,
  testClientsOf,
  type Client,
  type ClientLibrary,
} from "../support/client-library.js";
import { ADVISED_SOURCES, tlsSources } from "../support/stream-sources.js";

/** What a server has received last. */
let received: Buffer;
/** It knows no STARTTLS. */
let server: SMTPServer;

beforeAll(async () => {
  server = await startServer({ disabledCommands: ["STARTTLS", "AUTH"] });
});

afterAll(() => stopServer(server));

async function startServer(options: SMTPServerOptions): Promise<SMTPServer> {
  const started = new SMTPServer({
    authOptional: true,
    disableReverseLookup: true,
    size: 2 * MEGABYTES,
    onData(stream, _session, callback) {
      buffer(stream).then((bytes) => {
        received = bytes;
        callback();
      }, callback);
    },
    ...options,
  });
  started.on("error", () => undefined);
  started.listen(0, "127.0.0.1");
  await once(started.server, "listening");
  return started;
}

function stopServer(started: SMTPServer): Promise<void> {
  return new Promise((resolve) => started.close(resolve));
}

function portOf(started: SMTPServer): number {
  return (started.server.address() as AddressInfo).port;
}

/** A pool of one connection. */
function clientOf(options: Partial<SMTPPool.Options>): Client {
  const transport = createTransport({
    pool: true,
    maxConnections: 1,
    maxRequeues: 0,
    host: "localhost",
    ...options,
  });
  transport.on("error", () => undefined);
  return {
    exchange: () => send(transport, "Subject: hello\r\n\r\nhello\r\n"),
    transfer: () => send(transport, `Subject: much\r\n\r\n${linesOf(randomBytes(MEGABYTES))}`),
    close: () => transport.close(),
  };
}

async function send(transport: Pick<Transporter, "sendMail">, text: string): Promise<void> {
  await transport.sendMail({ envelope: { from: "a@example.org", to: "b@example.org" }, raw: text });
  expect(received.toString() === text).toBe(true);
}

function linesOf(bytes: Buffer): string {
  return bytes.toString("base64").replace(/.{1,76}/g, "$&\r\n");
}

/** A client whose connections come from nodemailer's option `getSocket`, and have TLS already if they are `secured`. */
function clientsOf(
  options: Partial<SMTPPool.Options> = {},
  secured = false,
): Pick<ClientLibrary, "clientOf" | "clientOfReady"> {
  return {
    clientOf: (open) =>
      clientOf({
        ...options,
        getSocket: (_options, callback) => callback(null, { connection: asSocket(open()), secured }),
      }),
    clientOfReady: (open) =>
      clientOf({
        ...options,
        getSocket(_options, callback) {
          open().then(
            (connection) => callback(null, { connection: asSocket(connection), secured }),
            (error: unknown) => callback(error as Error, false),
          );
        },
      }),
  };
}

describe("nodemailer's getSocket", () => {
  testClientsOf({ server: () => ({ port: portOf(server), host: "127.0.0.1" }), ...clientsOf() });
});

describe("nodemailer's getSocket, and its own STARTTLS over that", () => {
  let encrypted: SMTPServer;

  beforeAll(async () => {
    encrypted = await startServer({ ...LOCALHOST, disabledCommands: ["AUTH"] });
  });

  afterAll(() => stopServer(encrypted));

  testClientsOf({
    server: () => ({ port: portOf(encrypted), host: "127.0.0.1" }),
    sources: ADVISED_SOURCES,
    ...clientsOf({ requireTLS: true, tls: { ca: AUTHORITY } }),
  });
});

describe("nodemailer's getSocket, with TLS of ours", () => {
  let encrypted: SMTPServer;

  beforeAll(async () => {
    encrypted = await startServer({ ...LOCALHOST, secure: true, disabledCommands: ["AUTH"] });
  });

  afterAll(() => stopServer(encrypted));

  testClientsOf({
    server: () => ({ port: portOf(encrypted), host: "127.0.0.1" }),
    sources: tlsSources(),
    ...clientsOf({ secure: true }, true),
  });
});

test("nodemailer's socket, which it connects itself, may be one that connects already", async () => {
  const port = portOf(server);
  const socket = connectDuplex("127.0.0.1", port);
  const transport = createTransport({ host: "127.0.0.1", port, socket: asSocket(socket) });
  await send(transport, "Subject: hello\r\n\r\nhello\r\n");
  const connection = await socket.connection;
  await connection.closed;
});

test("nodemailer writes its code into the error of a connect, and keeps ours beside it", async () => {
  const port = await unusedPort();
  const options: Partial<SMTPPool.Options> = {
    getSocket: (_options, callback) =>
      callback(null, { connection: asSocket(connectDuplex("127.0.0.1", port)) }),
  };
  const transport = createTransport({ ...options, pool: true, maxRequeues: 0 });
  const error = await netError(transport.sendMail({ from: "a@example.org", to: "b@example.org" }));
  transport.close();
  expect(error).toMatchObject({ code: "ESOCKET", originalCode: "ECONNREFUSED" });
});
