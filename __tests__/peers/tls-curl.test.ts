/** curl, and as much of an HTTP server as it needs, over a listener of ours with TLS. */
import { randomBytes } from "node:crypto";
import { listen, type Connection, type Listener } from "../../src/index.js";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { LOCALHOST } from "../support/certificates.js";
import { curl } from "../support/curl.js";
import { CURL, describeWith } from "../support/machine.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms, type Program } from "../support/program.js";
import { nothingLeft } from "../support/resources.js";

const SIZE = 4 * 1024 * 1024;

let files: CertificateFiles;
let listener: Listener;

beforeAll(async () => {
  files = await certificateFiles();
});

afterAll(() => files[Symbol.asyncDispose]());

beforeEach(async () => {
  listener = keep(await listen("127.0.0.1:0", { tls: LOCALHOST }));
});

afterEach(async () => {
  await endPrograms();
  await closeAll();
  await nothingLeft();
});

/** curl, asking for a page of the listener, as a client that trusts it. */
function client(...args: string[]): Program {
  return trusting(files.authority, ...args);
}

function trusting(authority: string, ...args: string[]): Program {
  const url = `https://localhost:${String(listener.port)}/`;
  return curl("--http1.1", "--ipv4", "--cacert", authority, ...args, url);
}

async function accepted(): Promise<Connection> {
  return keep(await listener.accept());
}

/** Reads the head of a request: its first line, and its headers in lower case. */
async function headOf(connection: Connection): Promise<{ first: string; headers: Map<string, string> }> {
  const [first = "", ...lines] = String(await connection.readUntil("\r\n\r\n")).split("\r\n");
  const headers = lines.map((line) => line.toLowerCase().split(": ") as [string, string]);
  return { first, headers: new Map(headers) };
}

describeWith(CURL, "curl over TLS", () => {
  test("it gets megabytes, and an end", async () => {
    const body = randomBytes(SIZE);
    const program = client();
    const connection = await accepted();
    const { first, headers } = await headOf(connection);
    expect(first).toBe("GET / HTTP/1.1");
    expect(headers.get("host")).toBe(`localhost:${String(listener.port)}`);
    expect(connection.tls).toMatchObject({ servername: "localhost" });
    // The end of the connection is the end of the body.
    await connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    await connection.write(body);
    await connection.close();
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.equals(body)).toBe(true);
  });

  test("it posts megabytes, and ends", async () => {
    const body = randomBytes(SIZE);
    const program = client("--data-binary", "@-");
    program.feed(body);
    const connection = await accepted();
    const { first, headers } = await headOf(connection);
    expect(first).toBe("POST / HTTP/1.1");
    if (headers.get("expect") === "100-continue") await connection.write("HTTP/1.1 100 Continue\r\n\r\n");
    const received = await connection.readExactly(Number(headers.get("content-length")));
    expect(received.equals(body)).toBe(true);
    await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nposted");
    const { status, stdout } = await program.ended;
    expect(stdout.toString()).toBe("posted");
    expect(status).toBe(0);
    expect(await connection.read()).toBeNull();
  });

  test("it does not trust the certificate: it is counted, and the next one is served", async () => {
    expect((await trusting(files.otherAuthority).ended).status).toBe(60);
    const program = client();
    const connection = await accepted();
    await headOf(connection);
    await connection.write("HTTP/1.1 204 No Content\r\n\r\n");
    expect((await program.ended).status).toBe(0);
    expect(listener.stats.refused.handshake).toBe(1);
  });

  test("it is killed in the middle of its upload: the server does not take a part for the whole", async () => {
    const program = client("--limit-rate", "1M", "-H", "Expect:", "--data-binary", "@-");
    program.feed(randomBytes(SIZE));
    const connection = await accepted();
    await headOf(connection);
    const read = netError(connection.readAll({ limit: Infinity }).then(({ length }) => length));
    program.kill("SIGKILL");
    expect((await read).code).toMatch(/^(ERR_TLS_TRUNCATED|ECONNRESET)$/);
  });

  test("it is killed in the middle of its download: the write fails", async () => {
    const program = client("-o", "/dev/null", "--limit-rate", "100K");
    const connection = await accepted();
    await headOf(connection);
    await connection.write("HTTP/1.1 200 OK\r\n\r\n");
    const written = netError(connection.write(Buffer.alloc(8 * SIZE)));
    program.kill("SIGKILL");
    expect(await written).toMatchObject({ operation: "write" });
  });

  test("the server resets in the middle of a body that its end would end: curl fails", async () => {
    const program = client("--no-buffer");
    const connection = await accepted();
    await headOf(connection);
    await connection.write("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na part");
    await program.says(/^a part$/);
    connection.reset();
    expect((await program.ended).status).toBe(56);
  });
});
