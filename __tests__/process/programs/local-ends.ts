// Connections that the program ends itself while a library of Node's uses their Duplex. Anything unhandled is fatal.
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo, Server } from "node:net";
import * as tls from "node:tls";
import { connect, type Connection } from "../../../src/index.js";
import { SELF_SIGNED } from "../../support/certificates.js";

const LARGE = Buffer.alloc(8 * 1024 * 1024);

/** An error that its user must expect, as it must with any socket. */
function expected(): void {
  // A request that is cut off fails.
}

async function listening<S extends Server>(server: S): Promise<S> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}

/** Answers all paths but `/never`, and `/half` only in part. */
const web = await listening(
  http.createServer((request, response) => {
    request.on("error", expected).resume();
    if (request.url === "/half") response.write("half");
    else if (request.url !== "/never") response.end("answer");
  }),
);

const echo = await listening(
  tls.createServer(SELF_SIGNED, (socket) => socket.on("error", expected).pipe(socket)),
);

const streams = await listening(http2.createServer());
streams.on("sessionError", expected);
streams.on("stream", (stream, { ":path": path }) => {
  stream.on("error", expected);
  if (path === "/never") return;
  stream.respond({ ":status": 200 });
  stream.end("answer");
});

type Moment = (connection: Connection, end: () => void) => Promise<void>;

function get(connection: Connection, path: string, agent?: http.Agent): http.ClientRequest {
  if (agent === undefined) {
    return http.get({ path, headers: { connection: "close" }, createConnection: () => connection.duplex });
  }
  agent.createConnection = () => connection.duplex;
  return http.get({ path, agent });
}

async function responseTo(request: http.ClientRequest): Promise<http.IncomingMessage> {
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  return response;
}

async function secured(connection: Connection): Promise<tls.TLSSocket> {
  const socket = tls.connect({ socket: connection.duplex, ca: SELF_SIGNED.cert, servername: "localhost" });
  await once(socket, "secureConnect");
  return socket;
}

function session(connection: Connection): http2.ClientHttp2Session {
  return http2.connect("http://localhost", { createConnection: () => connection.duplex });
}

/** All events that the user sees in any case. */
async function whenClosed(stream: NodeJS.EventEmitter): Promise<void> {
  await new Promise<void>((resolve) => stream.once("close", resolve));
}

const moments: readonly (readonly [server: Server, moment: Moment])[] = [
  // http: there is no listener for errors of an answered request.
  [
    web,
    (connection, end) =>
      new Promise((resolve) => {
        get(connection, "/").once("response", (response) => {
          end();
          response.resume();
          resolve();
        });
      }),
  ],
  ...["end", "close"].map((event): [Server, Moment] => [
    web,
    async (connection, end) => {
      const response = await responseTo(get(connection, "/"));
      await once(response.resume(), event);
      end();
    },
  ]),
  [
    web,
    async (connection, end) => {
      const agent = new http.Agent({ keepAlive: true });
      const response = await responseTo(get(connection, "/", agent));
      await once(response.resume(), "end");
      end();
      await new Promise(setImmediate);
      agent.destroy();
    },
  ],
  [
    web,
    async (connection, end) => {
      const response = await responseTo(get(connection, "/half"));
      const closed = whenClosed(response.on("error", expected));
      response.once("data", end);
      await closed;
    },
  ],
  [
    web,
    async (connection, end) => {
      const request = get(connection, "/never").on("error", expected);
      await once(request, "finish");
      end();
      await whenClosed(request);
    },
  ],
  [
    web,
    async (connection, end) => {
      end();
      await whenClosed(get(connection, "/").on("error", expected));
    },
  ],
  [
    web,
    async (connection, end) => {
      const request = http.request({ method: "POST", createConnection: () => connection.duplex });
      request.on("error", expected).write(LARGE);
      await new Promise(setImmediate);
      end();
      await whenClosed(request);
    },
  ],
  // tls
  [
    echo,
    async (connection, end) => {
      const socket = await secured(connection);
      socket.write("x");
      await once(socket, "data");
      end();
    },
  ],
  [
    echo,
    async (connection, end) => {
      const socket = await secured(connection);
      socket.end("x");
      await once(socket, "data");
      end();
    },
  ],
  [
    echo,
    async (connection, end) => {
      const socket = await secured(connection);
      await once(socket.end("x").resume(), "end");
      end();
    },
  ],
  [
    echo,
    async (connection, end) => {
      const socket = await secured(connection);
      socket.on("error", expected).write(LARGE);
      await new Promise(setImmediate);
      end();
      await whenClosed(socket);
    },
  ],
  // http2
  [
    streams,
    async (connection, end) => {
      const client = session(connection);
      await once(client.request({ ":path": "/" }).resume(), "close");
      end();
      await whenClosed(client);
    },
  ],
  [
    streams,
    async (connection, end) => {
      const client = session(connection);
      await once(client.request({ ":path": "/" }).resume(), "close");
      client.close();
      end();
      await whenClosed(client);
    },
  ],
  [
    streams,
    async (connection, end) => {
      const client = session(connection).on("error", expected);
      const request = client.request({ ":path": "/never" }).on("error", expected);
      await once(client, "remoteSettings");
      end();
      await whenClosed(request);
    },
  ],
];

for (const [server, moment] of moments) {
  for (const way of ["reset", "close"] as const) {
    const connection = await connect("127.0.0.1", (server.address() as AddressInfo).port);
    const closed = whenClosed(connection.duplex);
    // What is unsent then is lost, and close() says so.
    await moment(connection, () => void connection[way]()?.catch(() => connection.reset()));
    await closed;
    await new Promise(setImmediate);
  }
}
console.log("done");
process.exit();
