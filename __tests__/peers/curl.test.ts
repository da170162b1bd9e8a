import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { connect, listen, type Connection, type Listener } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { until } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";
import { curl } from "../support/curl.js";
import { closed, GIFTS, type Gift } from "../support/http.js";
import { endPrograms, type Program } from "../support/program.js";
import { CURL, describeWith } from "../support/machine.js";

const SIZE = 8 * 1024 * 1024;

/** Where clients come from. */
interface Place {
  readonly name: string;
  listen(): Promise<Listener>;
  /** The arguments of a request to a listener. */
  request(listener: Listener, path: string): string[];
  connect(listener: Listener): Promise<Connection>;
}

let directory: string;

const PLACES: readonly Place[] = [
  {
    name: "TCP",
    listen: () => listen(0, { host: "127.0.0.1" }),
    request: ({ port }, path) => [`http://127.0.0.1:${String(port)}${path}`],
    connect: ({ port }) => connect("127.0.0.1", port),
  },
  {
    name: "a Unix socket",
    listen: () => listen({ path: join(directory, "socket") }),
    request: (_, path) => ["--unix-socket", join(directory, "socket"), `http://localhost${path}`],
    connect: () => connect({ path: join(directory, "socket") }),
  },
  {
    name: "TLS",
    listen: () => listen(0, { host: "127.0.0.1", tls: LOCALHOST }),
    request: ({ port }, path) => [
      ...["--cacert", join(directory, "authority")],
      `https://127.0.0.1:${String(port)}${path}`,
    ],
    // Node's http destroys the sockets of clients that it drops: without TLS's close_notify.
    connect: ({ port }) => connect("127.0.0.1", port, { tls: { ca: AUTHORITY }, allowTruncation: true }),
  },
];

/** Settles when a client may be handed over. */
type Ready = (connection: Connection) => Promise<void>;

/** An HTTP server whose clients are those of a listener of ours. */
class Site implements AsyncDisposable {
  readonly server: Server;
  /** How many clients have come. */
  clients = 0;
  readonly #place: Place;
  readonly #listener: Listener;
  readonly #serving: Promise<void>;

  private constructor(server: Server, place: Place, listener: Listener, gift: Gift, ready: Ready) {
    this.server = server;
    this.#place = place;
    this.#listener = listener;
    this.#serving = this.#serve(gift, ready);
  }

  static async open(place: Place, gift: Gift, handler: RequestListener, ready: Ready): Promise<Site> {
    const server = createServer({ keepAliveTimeout: 60_000 }, handler);
    // A server that does not listen itself has no list of its clients, and drops none when it closes.
    server.listen(join(directory, "http"));
    await once(server, "listening");
    return new Site(server, place, await place.listen(), gift, ready);
  }

  /** curl, with a request for each path. */
  curl(paths: string | readonly string[], ...args: string[]): Program {
    const requests = [paths].flat().flatMap((path) => this.#place.request(this.#listener, path));
    return curl(...args, ...requests);
  }

  connect(): Promise<Connection> {
    return this.#place.connect(this.#listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await this.#serving;
    this.server.closeAllConnections();
    if (this.server.listening) await closed(this.server);
  }

  async #serve(gift: Gift, ready: Ready): Promise<void> {
    for await (const connection of this.#listener) {
      await ready(connection);
      this.clients++;
      this.server.emit("connection", gift.of(connection));
    }
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-curl-"));
  await writeFile(join(directory, "authority"), AUTHORITY);
});

afterEach(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
  await nothingLeft();
});

describeWith(CURL, "curl, and Node's http over what was accepted", () => {
  describe.each(GIFTS)("$name", (gift) => {
    describe.each(PLACES)("over $name", (place) => {
      function site(handler: RequestListener, ready: Ready = () => Promise.resolve()): Promise<Site> {
        return Site.open(place, gift, handler, ready);
      }

      test("several requests over one connection", async () => {
        await using http = await site((request, response) => {
          response.end(`${request.method ?? ""} ${request.url ?? ""}`);
        });
        const client = http.curl(["/1", "/2", "/3"], "-w", " %{num_connects}\n");
        const { status, stdout } = await client.ended;
        expect(stdout.toString()).toBe("GET /1 1\nGET /2 0\nGET /3 0\n");
        expect(status).toBe(0);
        expect(http.clients).toBe(1);
      });

      test("megabytes up, then megabytes down", async () => {
        const up = randomBytes(SIZE);
        const down = randomBytes(SIZE);
        await using http = await site((request, response) => {
          void buffer(request).then((body) => {
            response.setHeader("Content-Length", SIZE);
            response.setHeader("X-Same", String(body.equals(up)));
            response.end(down);
          });
        });
        const client = http.curl("/", "-v", "--data-binary", "@-");
        client.feed(up);
        const { status, stdout, stderr } = await client.ended;
        // It asks before it sends that much.
        expect(stderr).toMatch(/^< HTTP\/1\.1 100 Continue/m);
        expect(stderr).toMatch(/^< X-Same: true/m);
        expect(stdout.equals(down)).toBe(true);
        expect(status).toBe(0);
      });

      test("megabytes both ways at the same time, in chunks", async () => {
        const body = randomBytes(SIZE);
        await using http = await site((request, response) => void request.pipe(response));
        const client = http.curl("/", "-v", "-T", "-");
        client.feed(body);
        const { status, stdout, stderr } = await client.ended;
        expect(stderr).toMatch(/^< Transfer-Encoding: chunked/m);
        expect(stdout.equals(body)).toBe(true);
        expect(status).toBe(0);
      });

      test("a response in chunks, each when it is there", async () => {
        const parts = ["one ", "two ", "three"];
        await using http = await site((_, response) => {
          response.write(parts[0]);
          answering.resolve(response);
        });
        const answering = deferred<Parameters<RequestListener>[1]>();
        const client = http.curl("/", "-N");
        const response = await answering.promise;
        await client.says(/^one $/);
        response.write(parts[1]);
        await client.says(/^one two $/);
        response.end(parts[2]);
        const { status, stdout } = await client.ended;
        expect(stdout.toString()).toBe("one two three");
        expect(status).toBe(0);
      });

      test("a request that had arrived before", async () => {
        const arrived: number[] = [];
        await using http = await site(
          (request, response) => {
            void buffer(request).then((body) => response.end(body.toString().toUpperCase()));
          },
          async (connection) => {
            await until(() => connection.readableLength > 0);
            arrived.push(connection.readableLength);
          },
        );
        const { status, stdout } = await http.curl("/", "-d", "it was early").ended;
        expect(stdout.toString()).toBe("IT WAS EARLY");
        expect(status).toBe(0);
        expect(arrived).toHaveLength(1);
      });

      test("megabytes that had begun to arrive before", async () => {
        const body = randomBytes(SIZE);
        await using http = await site(
          (request, response) => void buffer(request).then((got) => response.end(String(got.equals(body)))),
          (connection) => until(() => connection.readableLength >= 64 * 1024),
        );
        // Without asking whether it may.
        const client = http.curl("/", "-H", "Expect:", "--data-binary", "@-");
        client.feed(body);
        const { status, stdout } = await client.ended;
        expect(stdout.toString()).toBe("true");
        expect(status).toBe(0);
      });

      test("a server that closes drops idle clients, and answers the others", async () => {
        const asked = deferred<Parameters<RequestListener>[1]>();
        await using http = await site((request, response) => {
          if (request.url === "/idle") response.end("idle");
          else asked.resolve(response);
        });
        await using idle = await http.connect();
        await idle.write("GET /idle HTTP/1.1\r\nHost: localhost\r\n\r\n");
        expect((await idle.readUntil("\r\n\r\n"))?.toString()).toMatch(/^HTTP\/1\.1 200 OK/);
        expect((await idle.readExactly(4)).toString()).toBe("idle");
        const busy = http.curl("/busy");
        const response = await asked.promise;
        await closed(http.server);
        expect(await idle.read()).toBeNull();
        response.end("busy");
        const { status, stdout } = await busy.ended;
        expect(stdout.toString()).toBe("busy");
        expect(status).toBe(0);
      });

      test("a client that sends nothing is dropped", async () => {
        await using http = await site((_, response) => response.end());
        http.server.setTimeout(50);
        await using client = await http.connect();
        expect(await client.read()).toBeNull();
      });

      test("a client that is killed in the middle of its download", async () => {
        const answering = deferred<Promise<void>>();
        await using http = await site((_, response) => {
          const answer = pipeline(Readable.from(endless()), response);
          answer.catch(() => undefined);
          answering.resolve(answer);
        });
        const client = http.curl("/", "-v", "-o", "/dev/null", "--limit-rate", "100K");
        await client.says(/^< HTTP\/1\.1 200 OK/m);
        client.kill("SIGKILL");
        await expect(answering.promise).rejects.toMatchObject({ code: "ERR_STREAM_PREMATURE_CLOSE" });
      });
    });
  });
});

function* endless(): Generator<Buffer> {
  for (;;) yield Buffer.alloc(64 * 1024);
}

function deferred<T>(): { promise: Promise<T>; resolve(value: T): void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
