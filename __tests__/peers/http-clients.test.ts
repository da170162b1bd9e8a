/** HTTP's clients, over connections from a factory, with nginx as their server. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { connect as tlsConnect, type TLSSocket } from "node:tls";
import * as undici from "undici";
import { AUTHORITY } from "../support/certificates.js";
import {
  asSocket,
  MEGABYTES,
  testClientsOf,
  type Client,
  type ClientLibrary,
} from "../support/client-library.js";
import { describeWith, NGINX } from "../support/machine.js";
import { startNginx, type Nginx } from "../support/nginx.js";
import { endPrograms } from "../support/program.js";
import { tlsSources } from "../support/stream-sources.js";

/** Resolves to the body of a response. */
type Request = (method: string, path: string, body?: Buffer) => Promise<Buffer>;

type Answer = (error: Error | null, stream: Duplex) => void;

const MAJOR = Number(process.versions.node.split(".")[0]);

let directory: string;
let nginx: Nginx;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-http-clients-"));
  await mkdir(join(directory, "files"));
  await writeFile(join(directory, "files", "greeting"), "hello");
});

afterAll(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
});

function clientOf(request: Request, close: () => Promise<void> | void): Client {
  return {
    async exchange() {
      expect(String(await request("GET", "/greeting"))).toBe("hello");
    },
    async transfer() {
      const bytes = randomBytes(MEGABYTES);
      await request("PUT", "/uploads/file", bytes);
      expect(bytes.equals(await request("GET", "/uploads/file"))).toBe(true);
    },
    close,
  };
}

/** A client whose agent makes its connections by `createConnection`. */
function agentClient(
  agent: http.Agent,
  request: typeof http.request,
  createConnection: http.Agent["createConnection"],
): Client {
  agent.createConnection = createConnection;
  return clientOf(
    async (method, path, body) => {
      const sending = request({ agent, method, path, host: "localhost" }).end(body);
      const [response] = (await once(sending, "response")) as [http.IncomingMessage];
      return buffer(response);
    },
    () => agent.destroy(),
  );
}

/** Gives what a factory makes to a callback that takes its time. */
function answerLater(open: () => Promise<Duplex>, answer: Answer): undefined {
  open().then(
    (stream) => answer(null, stream),
    (error: unknown) => answer(error as Error, undefined as never),
  );
}

describeWith(NGINX, "nginx, and", () => {
  beforeAll(async () => {
    nginx = await startNginx(directory);
  });

  describe("http.Agent", () => {
    const newAgent = () => new http.Agent({ keepAlive: true, maxSockets: 1 });
    testClientsOf({
      server: () => ({ port: nginx.port, host: "127.0.0.1" }),
      staysHalfOpen: "when idle",
      clientOf: (open) => agentClient(newAgent(), http.request, () => open()),
      clientOfReady: (open) =>
        agentClient(newAgent(), http.request, (_options, answer) => answerLater(open, answer as Answer)),
    });
  });

  describe("https.Agent", () => {
    const newAgent = () => new https.Agent({ keepAlive: true, maxSockets: 1 });
    const encrypt = (socket: Duplex) => tlsConnect({ socket, ca: AUTHORITY, servername: "localhost" });
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      staysHalfOpen: MAJOR >= 22 ? "never" : "when idle",
      clientOf: (open) => agentClient(newAgent(), https.request, () => encrypt(open())),
      clientOfReady: (open) =>
        agentClient(newAgent(), https.request, (_options, answer) =>
          answerLater(async () => encrypt(await open()), answer as Answer),
        ),
    });
  });

  describe("https.Agent, which is given streams with TLS", () => {
    const newAgent = () => new https.Agent({ keepAlive: true, maxSockets: 1 });
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      sources: tlsSources(),
      clientOf: (open) => agentClient(newAgent(), https.request, () => open()),
      clientOfReady: (open) =>
        agentClient(newAgent(), https.request, (_options, answer) => answerLater(open, answer as Answer)),
    });
  });

  describe("http2.connect", () => {
    testClientsOf({
      server: () => ({ path: nginx.http2 }),
      ...http2Clients("http://localhost"),
    });
  });

  describe("http2.connect with TLS", () => {
    const encrypt = (socket: Duplex) =>
      tlsConnect({ socket, ca: AUTHORITY, servername: "localhost", ALPNProtocols: ["h2"] });
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      staysHalfOpen: "always",
      clientOf: (open) =>
        http2Client(() => http2.connect("https://localhost", { createConnection: () => encrypt(open()) })),
      clientOfReady: (open) =>
        http2Client(async () => {
          const stream = encrypt(await open());
          return http2.connect("https://localhost", { createConnection: () => stream });
        }),
    });
  });

  describe("http2.connect, which is given streams with TLS", () => {
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      sources: tlsSources({ ALPNProtocols: ["h2"] }),
      ...http2Clients("https://localhost"),
    });
  });

  describe("undici", () => {
    testClientsOf({ server: () => ({ port: nginx.port, host: "127.0.0.1" }), ...undiciClients() });
  });

  describe("undici, which is given streams with TLS", () => {
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      sources: tlsSources(),
      ...undiciClients(),
    });
  });

  describe("undici with TLS", () => {
    testClientsOf({
      server: () => ({ port: nginx.tlsPort, host: "127.0.0.1" }),
      clientOfReady: (open) =>
        undiciClient((_options, answer) => {
          encrypted(open).then(
            (stream) => answer(null, stream),
            (error: unknown) => answer(error as Error, null),
          );
        }),
    });

    async function encrypted(open: () => Promise<Duplex>): Promise<TLSSocket> {
      const socket = tlsConnect({ socket: await open(), ca: AUTHORITY, servername: "localhost" });
      await once(socket, "secureConnect");
      return socket;
    }
  });
});

/** A client with one session at a time, as long as that lives. */
function http2Client(newSession: () => Promise<http2.ClientHttp2Session> | http2.ClientHttp2Session): Client {
  let session: http2.ClientHttp2Session | undefined;
  const failures = new WeakMap<http2.ClientHttp2Session, Error>();
  return clientOf(
    async (method, path, body) => {
      if (session === undefined || session.closed || session.destroyed) {
        const fresh = await newSession();
        fresh.on("error", (error: Error) => failures.set(fresh, error));
        session = fresh;
      }
      const of = session;
      const request = of.request({ ":method": method, ":path": path });
      request.end(body);
      const responses: unknown[] = [];
      request.once("response", (headers) => responses.push(headers));
      // At once: from Node 24 on a short answer over a stream that is no socket is gone some microtasks later.
      const answer = await buffer(request);
      // A session whose connection has ended closes its requests without an error.
      if (responses.length === 0) throw failures.get(of) ?? new Error("closed without an answer");
      return answer;
    },
    () => session?.destroy(),
  );
}

function http2Clients(origin: string): Pick<ClientLibrary, "clientOf" | "clientOfReady"> {
  return {
    clientOf: (open) => http2Client(() => http2.connect(origin, { createConnection: open })),
    clientOfReady: (open) =>
      http2Client(async () => {
        const stream = await open();
        return http2.connect(origin, { createConnection: () => stream });
      }),
  };
}

function undiciClients(): Pick<ClientLibrary, "clientOf" | "clientOfReady"> {
  return {
    clientOf: (open) =>
      undiciClient((_options, answer) => {
        const socket = asSocket(open());
        socket.once("connect", () => {
          socket.off("error", fail);
          answer(null, socket);
        });
        socket.once("error", fail);
        function fail(error: Error) {
          answer(error, null);
        }
      }),
    clientOfReady: (open) =>
      undiciClient((_options, answer) => {
        open().then(
          (stream) => answer(null, asSocket(stream)),
          (error: unknown) => answer(error as Error, null),
        );
      }),
  };
}

function undiciClient(connect: undici.buildConnector.connector): Client {
  const client = new undici.Client("http://localhost", { connect });
  return clientOf(
    async (method, path, body) => {
      const response = await client.request({ method, path, body: body ?? null });
      return Buffer.from(await response.body.arrayBuffer());
    },
    () => client.destroy(),
  );
}
