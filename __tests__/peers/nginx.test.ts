import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { connect, listen, relay, type Connection, type Listener, type RelayResult } from "../../src/index.js";
import { netError, until } from "../support/outcomes.js";
import { nothingLeft } from "../support/resources.js";
import { curl } from "../support/curl.js";
import { startNginx, type Nginx } from "../support/nginx.js";
import { endPrograms, type Outcome } from "../support/program.js";
import { CURL, describeWith, NGINX } from "../support/machine.js";

const SIZE = 8 * 1024 * 1024;
/** More than any test reads. The file is sparse: it takes no room on the disk. */
const HUGE = 64 * 1024 ** 3;
/** More than all buffers on the way take. */
const BUFFERS = 64 * 1024 ** 2;
const CLIENTS = 20;

/** What nginx says of a client that did not take all. Unix sockets know no reset, and it looks for an end as well. */
const CUT_OFF = /Connection reset by peer|Broken pipe|client prematurely closed connection/;

let directory: string;
let nginx: Nginx;

/** Ways to nginx. */
const KINDS: readonly { name: string; open: () => Promise<Connection> }[] = [
  { name: "TCP", open: () => connect("127.0.0.1", nginx.port) },
  { name: "a Unix socket", open: () => connect({ path: nginx.http1 }) },
];

/** Relays each of its clients to nginx. */
class Proxy implements AsyncDisposable {
  readonly clients: Connection[] = [];
  /** What became of each. */
  readonly relays: Promise<RelayResult>[] = [];
  readonly #listener: Listener;
  readonly #serving: Promise<void>;

  private constructor(listener: Listener, backend: () => Promise<Connection>) {
    this.#listener = listener;
    this.#serving = this.#serve(backend);
  }

  static async open(backend: () => Promise<Connection>): Promise<Proxy> {
    return new Proxy(await listen(0, { host: "127.0.0.1" }), backend);
  }

  url(path: string): string {
    return `http://127.0.0.1:${String(this.#listener.port)}${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await this.#serving;
    await Promise.allSettled(this.relays);
  }

  async #serve(backend: () => Promise<Connection>): Promise<void> {
    for await (const client of this.#listener) {
      const relaying = backend().then((connection) => relay(client, connection));
      relaying.catch(() => client.reset());
      this.clients.push(client);
      this.relays.push(relaying);
    }
  }
}

/** What a curl of ours says on stderr in the end. */
const COUNTS = [
  "-w",
  "%{stderr}%{num_connects} %{size_request} %{size_upload} %{size_header} %{size_download}\n",
];

/** How many connections it has made, and what a relay must have passed on for it. */
function countsOf({ stderr }: Outcome): { connections: number; passed: RelayResult } {
  let connections = 0;
  const passed: RelayResult = [0, 0];
  for (const line of stderr.trimEnd().split("\n")) {
    const [made = NaN, request = NaN, upload = NaN, header = NaN, download = NaN] = line
      .split(" ")
      .map(Number);
    connections += made;
    passed[0] += request + upload;
    passed[1] += header + download;
  }
  return { connections, passed };
}

/** The bytes that nginx took and gave for a request, once it has noted them. */
async function served(path: string): Promise<RelayResult> {
  const note = new RegExp(`^${path} (\\d+) (\\d+)$`, "m");
  const find = (): RegExpExecArray | null => note.exec(readFileSync(nginx.log, "utf8"));
  await until(() => find() !== null);
  const [, took, gave] = find() ?? [];
  return [Number(took), Number(gave)];
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "tcp6-nginx-"));
  await mkdir(join(directory, "files"));
});

afterEach(async () => {
  await endPrograms();
  await rm(directory, { recursive: true });
  await nothingLeft();
});

async function file(name: string, size = SIZE): Promise<Buffer> {
  const bytes = randomBytes(size);
  await writeFile(join(directory, "files", name), bytes);
  return bytes;
}

async function hugeFile(name: string): Promise<void> {
  await file(name, 0);
  await truncate(join(directory, "files", name), HUGE);
}

describeWith([NGINX, CURL], "nginx behind relay, curl before it", () => {
  describe.each(KINDS)("over $name", ({ open }) => {
    beforeEach(async () => {
      nginx = await startNginx(directory);
    });

    test("megabytes down", async () => {
      const bytes = await file("file");
      await using proxy = await Proxy.open(open);
      const outcome = await curl(...COUNTS, proxy.url("/file")).ended;
      expect(outcome.stdout.equals(bytes)).toBe(true);
      expect(outcome.status).toBe(0);
      const { passed } = countsOf(outcome);
      expect(await proxy.relays[0]).toEqual(passed);
      expect(await served("/file")).toEqual(passed);
    });

    test("megabytes up", async () => {
      const bytes = randomBytes(SIZE);
      await using proxy = await Proxy.open(open);
      const client = curl(...COUNTS, "-X", "PUT", "--data-binary", "@-", proxy.url("/uploads/file"));
      client.feed(bytes);
      const outcome = await client.ended;
      expect(outcome.status).toBe(0);
      expect(bytes.equals(await readFile(join(directory, "files", "uploads", "file")))).toBe(true);
      const result = await proxy.relays[0];
      expect(await served("/uploads/file")).toEqual([result?.[0], expect.any(Number)]);
      expect(result).toEqual(countsOf(outcome).passed);
    });

    test("several requests over one connection", async () => {
      const names = ["a", "b", "c", "d"];
      const files = await Promise.all(names.map((name) => file(name, 100_000)));
      await using proxy = await Proxy.open(open);
      const outcome = await curl(...COUNTS, ...names.map((name) => proxy.url(`/${name}`))).ended;
      expect(outcome.stdout.equals(Buffer.concat(files))).toBe(true);
      expect(outcome.status).toBe(0);
      const { connections, passed } = countsOf(outcome);
      expect(connections).toBe(1);
      expect(await Promise.all(proxy.relays)).toEqual([passed]);
    });

    test("many clients at the same time", async () => {
      const names = Array.from({ length: CLIENTS }, (_, i) => `file-${i}`);
      const files = await Promise.all(names.map((name, i) => file(name, 300_000 + i)));
      await using proxy = await Proxy.open(open);
      const clients = names.map((name) => curl(...COUNTS, proxy.url(`/${name}`)));
      const outcomes = await Promise.all(clients.map((client) => client.ended));
      const same = outcomes.map(({ status, stdout }, i) => status === 0 && files[i]?.equals(stdout));
      expect(same).toEqual(Array(CLIENTS).fill(true));
      const results = await Promise.all(proxy.relays);
      const expected = outcomes.map((outcome) => countsOf(outcome).passed);
      expect(results.toSorted(byBytes)).toEqual(expected.toSorted(byBytes));
    });

    test("a client that is killed with bytes unread: nginx is reset, and the relay says why", async () => {
      await hugeFile("file");
      await using proxy = await Proxy.open(open);
      const client = curl("-v", "-o", "/dev/null", "--limit-rate", "1M", proxy.url("/file"));
      await client.says(/^< HTTP\/1\.1 200 OK/m);
      client.kill("SIGSTOP");
      await until(() => Number(proxy.clients[0]?.writableLength) > 0);
      client.kill("SIGKILL");
      const error = await netError(proxy.relays[0] ?? Promise.resolve());
      expect(error.code).toMatch(/^(ECONNRESET|EPIPE)$/);
      await nginx.program.says(CUT_OFF);
      expect((await served("/file"))[1]).toBeLessThan(BUFFERS);
    });

    test("a client that is killed before its response comes: its end is passed on, and nginx gives up", async () => {
      await hugeFile("file");
      let gone!: () => void;
      const absence = new Promise<void>((resolve) => (gone = resolve));
      await using proxy = await Proxy.open(() => absence.then(open));
      const client = curl("-v", proxy.url("/file"));
      await client.says(/^> GET/m);
      await until(() => Number(proxy.clients[0]?.readableLength) > 0);
      client.kill("SIGKILL");
      await client.ended;
      gone();
      const error = await netError(proxy.relays[0] ?? Promise.resolve());
      expect(error.code).toMatch(/^(ECONNRESET|EPIPE)$/);
      await nginx.program.says(CUT_OFF);
      expect((await served("/file"))[1]).toBeLessThan(BUFFERS);
    });

    test("an nginx that is killed in the middle: curl gets what it had sent, and no more", async () => {
      await hugeFile("file");
      await using proxy = await Proxy.open(open);
      const client = curl("-v", "-o", "/dev/null", proxy.url("/file"));
      await client.says(/^< HTTP\/1\.1 200 OK/m);
      nginx.program.kill("SIGKILL");
      const { status, stderr } = await client.ended;
      expect(stderr).toMatch(/transfer closed with \d+ bytes remaining to read/);
      expect(status).toBe(18);
      const [, down] = (await proxy.relays[0]) ?? [];
      expect(down).toBeLessThan(HUGE);
    });
  });
});

describeWith(NGINX, "nginx, and Node's own clients over a connection's duplex", () => {
  beforeEach(async () => {
    nginx = await startNginx(directory);
  });

  test.each(KINDS)("http, over $name: requests one after the other over one connection", async ({ open }) => {
    const names = ["a", "b", "c"];
    const files = await Promise.all(names.map((name) => file(name)));
    await using connection = await open();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => connection.duplex;
    for (const [i, name] of names.entries()) {
      const [response] = (await once(get({ agent, path: `/${name}` }), "response")) as [IncomingMessage];
      expect(response.statusCode).toBe(200);
      const body = await buffer(response);
      expect(files[i]?.equals(body)).toBe(true);
    }
    agent.destroy();
    await connection.closed;
  });

  test("http2: requests at the same time over one connection", async () => {
    const names = Array.from({ length: CLIENTS }, (_, i) => `file-${i}`);
    const files = await Promise.all(names.map((name, i) => file(name, 300_000 + i)));
    await using connection = await connect({ path: nginx.http2 });
    const session = connectHttp2("http://localhost", { createConnection: () => connection.duplex });
    const bodies = await Promise.all(names.map((name) => buffer(session.request({ ":path": `/${name}` }))));
    expect(bodies.map((body, i) => files[i]?.equals(body))).toEqual(Array(CLIENTS).fill(true));
    session.close();
    await once(session, "close");
    await connection.closed;
  });
});

function byBytes(a: RelayResult, b: RelayResult): number {
  return a[0] - b[0] || a[1] - b[1];
}
