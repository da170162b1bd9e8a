/** A relay between TLS and plain TCP, with programs of other projects at both of its ends. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { truncate, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { dirname, join } from "node:path";
import { connect, relay, type RelayResult } from "../../src/index.js";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { curl } from "../support/curl.js";
import { unusedPort } from "../support/unused-port.js";
import { CURL, describeWith, OPENSSL } from "../support/machine.js";
import { opensslClient } from "../support/openssl.js";
import { netError } from "../support/outcomes.js";
import { closeAll, endOf, keep, loopback } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";
import { nothingLeft } from "../support/resources.js";

const FILE = randomBytes(8 * 1024 * 1024);

let files: CertificateFiles;

beforeAll(async () => {
  files = await certificateFiles();
  const directory = dirname(files.cert);
  await writeFile(join(directory, "file"), FILE);
  // More than there is room for on the way to a client that takes its time.
  await writeFile(join(directory, "large"), "");
  await truncate(join(directory, "large"), 64 * 1024 * 1024);
});

afterAll(() => files[Symbol.asyncDispose]());

afterEach(async () => {
  await endPrograms();
  await closeAll();
  await nothingLeft();
});

describeWith(
  [OPENSSL, CURL],
  "curl, a relay to TLS, and openssl s_server, which says by its end that a file is whole",
  () => {
    interface Download {
      readonly server: Program;
      readonly client: Program;
      readonly relayed: Promise<RelayResult>;
    }

    async function download(file: string, ...args: string[]): Promise<Download> {
      const port = await unusedPort();
      const serve = `cd "$(dirname "$1")" && exec ${OPENSSL.command} s_server -WWW -accept "127.0.0.1:$0" -cert "$1" -key "$2"`;
      const server = new Program("sh", ["-c", serve, String(port), files.cert, files.key]);
      await server.says(/^ACCEPT/m);
      const listener = await loopback();
      const client = curl(...args, `http://127.0.0.1:${String(listener.port)}/${file}`);
      const [from, to] = await Promise.all([
        listener.accept(),
        connect("127.0.0.1", port, { tls: { ca: AUTHORITY } }),
      ]);
      return { server, client, relayed: relay(keep(from), keep(to)) };
    }

    test("the whole file", async () => {
      const { client, relayed } = await download("file");
      const { status, stdout } = await client.ended;
      expect(stdout.equals(FILE)).toBe(true);
      expect(status).toBe(0);
      await relayed;
    });

    test("the server is killed: curl does not take a part for the whole", async () => {
      const { server, client, relayed } = await download(
        "large",
        "-v",
        "-o",
        "/dev/null",
        "--limit-rate",
        "20M",
      );
      const failed = netError(relayed);
      await client.says(/^< HTTP\/1\.0 200/m);
      server.kill("SIGKILL");
      expect((await failed).code).toBe("ERR_TLS_TRUNCATED");
      expect((await client.ended).status).toBe(56);
    });
  },
);

describeWith(OPENSSL, "openssl s_client, and a relay from TLS to a plain server", () => {
  async function served(client: (port: number) => Program): Promise<{
    readonly program: Program;
    readonly received: Socket;
    readonly relayed: Promise<RelayResult>;
  }> {
    const plain = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
    await once(plain, "listening");
    const arrival = once(plain, "connection");
    const listener = await loopback({ tls: LOCALHOST });
    const program = client(listener.port);
    const from = keep(await listener.accept());
    const to = keep(await connect("127.0.0.1", (plain.address() as AddressInfo).port));
    const [received] = (await arrival) as [Socket];
    plain.close();
    return { program, received: keep(received), relayed: relay(from, to) };
  }

  test("the client's end is passed on", async () => {
    const { program, received, relayed } = await served((port) => {
      const client = opensslClient(port, files, "-quiet", "-no_ign_eof");
      client.feed("question\n");
      return client;
    });
    let question = "";
    for await (const chunk of received) question += String(chunk);
    expect(question).toBe("question\n");
    received.end();
    await program.ended;
    await relayed;
  });

  test("the plain server resets: the client is told of no end", async () => {
    const { program, received, relayed } = await served((port) => opensslClient(port, files, "-quiet"));
    const failed = netError(relayed);
    received.resetAndDestroy();
    expect(await failed).toMatchObject({ operation: "read", code: "ECONNRESET" });
    expect((await program.ended).status).not.toBe(0);
  });

  test("the client is killed: the receiver is reset, and does not take a part for the whole", async () => {
    const { program, received, relayed } = await served((port) => opensslClient(port, files, "-quiet"));
    const failed = netError(relayed);
    const end = endOf(received);
    program.kill("SIGKILL");
    expect((await failed).code).toMatch(/^(ERR_TLS_TRUNCATED|ECONNRESET)$/);
    expect(await end).toBe("ECONNRESET");
  });
});
