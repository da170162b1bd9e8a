/** nodemailer, over connections from a factory, with smtp-server as its server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { createTransport, type Transporter } from "nodemailer";
import type SMTPPool from "nodemailer/lib/smtp-pool";
import { SMTPServer } from "smtp-server";
import { connectDuplex } from "../../src/index.js";
import { freePort } from "../support/free-port.js";
import { netError } from "../support/outcomes.js";
import { asSocket, MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";

/** What the server has received last. */
let received: Buffer;
let server: SMTPServer;

beforeAll(async () => {
  server = new SMTPServer({
    authOptional: true,
    disabledCommands: ["STARTTLS", "AUTH"],
    disableReverseLookup: true,
    size: 2 * MEGABYTES,
    onData(stream, _session, callback) {
      buffer(stream).then((bytes) => {
        received = bytes;
        callback();
      }, callback);
    },
  });
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
});

afterAll(async () => {
  await new Promise<void>((resolve) => server.close(resolve));
});

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

describe("nodemailer's getSocket", () => {
  testClientsOf({
    server: () => ({ port: (server.server.address() as AddressInfo).port, host: "127.0.0.1" }),
    clientOf: (open) =>
      clientOf({ getSocket: (_options, callback) => callback(null, { connection: asSocket(open()) }) }),
    clientOfReady: (open) =>
      clientOf({
        getSocket(_options, callback) {
          open().then(
            (connection) => callback(null, { connection: asSocket(connection) }),
            (error: unknown) => callback(error as Error, false),
          );
        },
      }),
  });
});

test("nodemailer's socket, which it connects itself, may be one that connects already", async () => {
  const { port } = server.server.address() as AddressInfo;
  const socket = connectDuplex("127.0.0.1", port);
  const transport = createTransport({ host: "127.0.0.1", port, socket: asSocket(socket) });
  await send(transport, "Subject: hello\r\n\r\nhello\r\n");
  const connection = await socket.connection;
  await connection.closed;
});

test("nodemailer writes its code into the error of a connect, and keeps ours beside it", async () => {
  const port = await freePort();
  const options: Partial<SMTPPool.Options> = {
    getSocket: (_options, callback) =>
      callback(null, { connection: asSocket(connectDuplex("127.0.0.1", port)) }),
  };
  const transport = createTransport({ ...options, pool: true, maxRequeues: 0 });
  const error = await netError(transport.sendMail({ from: "a@example.org", to: "b@example.org" }));
  transport.close();
  expect(error).toMatchObject({ code: "ESOCKET", originalCode: "ECONNREFUSED" });
});
