/** A client of ours that starts TLS with a server that Python's asyncio runs. */
import { randomBytes } from "node:crypto";
import { connect, type Connection } from "../../src/index.js";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { AUTHORITY, OTHER_AUTHORITY } from "../support/certificates.js";
import { describeWith, PYTHON } from "../support/machine.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms, type Program } from "../support/program.js";
import { python } from "../support/python.js";
import { nothingLeft } from "../support/resources.js";

const BYTES = randomBytes(4 * 1024 * 1024);

const TRUST = { ca: AUTHORITY, servername: "localhost" };

let files: CertificateFiles;
let server: Program;
let port: number;

beforeAll(async () => {
  files = await certificateFiles();
});

afterAll(() => files[Symbol.asyncDispose]());

/** The plain connection, when the server is ready for a handshake. */
async function ready(): Promise<Connection> {
  const connection = keep(await connect("127.0.0.1", port));
  expect(await connection.readLine()).toBe("ready");
  await connection.writeLine("STARTTLS");
  expect(await connection.readLine()).toBe("go");
  return connection;
}

async function encrypted(): Promise<Connection> {
  return keep(await (await ready()).startTls(TRUST));
}

async function echo(connection: Connection, bytes: Buffer): Promise<void> {
  const [received] = await Promise.all([
    connection.readExactly(bytes.length),
    connection.write([`ECHO ${String(bytes.length)}\n`, bytes]),
  ]);
  expect(received.equals(bytes)).toBe(true);
}

describeWith(PYTHON, "asyncio's start_tls, and a client of ours", () => {
  beforeEach(async () => {
    server = python("starttls_server", files.cert, files.key);
    const [text] = await server.says(/\d+(?=\n)/);
    port = Number(text);
  });

  afterEach(async () => {
    await closeAll();
    await endPrograms();
    await nothingLeft();
  });

  test("a few bytes and megabytes, and the server's end", async () => {
    const connection = await encrypted();
    expect(connection.tls).toMatchObject({ protocol: "TLSv1.3", authorized: true });
    await echo(connection, Buffer.from("hello"));
    await echo(connection, BYTES);
    await connection.writeLine("QUIT");
    expect(await connection.readLine()).toBe("bye");
    expect(await connection.readLine()).toBeNull();
    await connection.close();
    await connection.closed;
  });

  test("commands that are sent right behind each other are answered in order", async () => {
    const connection = await encrypted();
    await connection.write("ECHO 3\noneECHO 3\ntwoQUIT\n");
    expect((await connection.readAll()).toString()).toBe("onetwobye\n");
  });

  test("the server is killed: that is no end of the stream", async () => {
    const connection = await encrypted();
    await echo(connection, Buffer.from("hello"));
    const read = netError(connection.read());
    server.kill("SIGKILL");
    expect(await read).toMatchObject({ operation: "read", code: "ERR_TLS_TRUNCATED" });
    await expect(connection.closed).rejects.toMatchObject({ code: "ERR_TLS_TRUNCATED" });
  });

  test("the server is killed in the handshake: the connection is over", async () => {
    const connection = await ready();
    server.kill("SIGSTOP");
    const started = netError(connection.startTls(TRUST));
    server.kill("SIGKILL");
    expect((await started).operation).toBe("tls");
  });

  test("a certificate that is not trusted is refused, and the server serves on", async () => {
    const connection = await ready();
    const error = await netError(connection.startTls({ ...TRUST, ca: OTHER_AUTHORITY }));
    expect(error).toMatchObject({ operation: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
    await echo(await encrypted(), Buffer.from("hello"));
  });
});
