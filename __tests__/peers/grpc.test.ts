/** grpc-js takes no socket for its clients, so they connect to a relay of this library on a Unix socket. */
import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { credentials, type Server } from "@grpc/grpc-js";
import { connect } from "../../src/index.js";
import { AUTHORITY } from "../support/certificates.js";
import { MEGABYTES, testClientsOf, type Client } from "../support/client-library.js";
import { bind, EchoClient, echoServer } from "../support/grpc.js";
import { LocalRelay } from "../support/local-relay.js";
import { ADVISED_SOURCES, tlsSources } from "../support/stream-sources.js";
import { TlsFront } from "../support/tls-front.js";

let server: Server;
let port: number;

beforeAll(async () => {
  server = echoServer();
  port = await bind(server);
});

afterAll(() => server.forceShutdown());

describe("a client of grpc-js", () => {
  testClientsOf({
    server: () => ({ port, host: "127.0.0.1" }),
    sources: ADVISED_SOURCES,
    clientOfReady,
  });
});

describe("a client of grpc-js, with a server behind TLS", () => {
  let front: TlsFront;

  beforeAll(async () => {
    front = await TlsFront.open({ port, host: "127.0.0.1" });
  });

  afterAll(() => front[Symbol.asyncDispose]());

  testClientsOf({
    server: () => ({ port: front.port, host: front.host }),
    sources: tlsSources({ ALPNProtocols: ["h2"] }),
    clientOfReady,
  });

  test("TLS of its own, over a relay without", async () => {
    await using relay = await LocalRelay.open(async () => (await connect(front.host, front.port)).detach());
    const client = new EchoClient(`unix:${relay.path}`, {
      credentials: credentials.createSsl(Buffer.from(AUTHORITY)),
      options: { "grpc.ssl_target_name_override": "localhost" },
    });
    expect(String(await client.echo(Buffer.from("hello")))).toBe("hello");
    client.close();
  });
});

test("its own connection has no TLS, so it refuses call credentials", () => {
  const token = credentials.createFromMetadataGenerator(() => undefined);
  expect(() => credentials.combineChannelCredentials(credentials.createInsecure(), token)).toThrow(
    "insecure",
  );
});

/** A client that is replaced when a call of it has failed: grpc-js waits for a second or so before it connects again. */
function clientOfReady(open: () => Promise<Duplex>): Client {
  let relaying: Promise<LocalRelay> | undefined;
  let client: EchoClient | undefined;

  async function echo(bytes: Buffer): Promise<void> {
    const relay = await (relaying ??= LocalRelay.open(open));
    client ??= new EchoClient(`unix:${relay.path}`);
    try {
      expect(bytes.equals(await client.echo(bytes))).toBe(true);
    } catch (error) {
      client.close();
      client = undefined;
      throw new Error("the call has failed", { cause: relay.takeFailure() ?? error });
    }
  }

  return {
    exchange: () => echo(Buffer.from("hello")),
    transfer: () => echo(randomBytes(MEGABYTES)),
    async close() {
      client?.close();
      await (await relaying)?.[Symbol.asyncDispose]();
    },
  };
}
