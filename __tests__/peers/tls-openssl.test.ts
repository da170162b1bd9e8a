/** OpenSSL's own programs at the other end. */
import { randomBytes } from "node:crypto";
import { connect, type Connection } from "../../src/index.js";
import { certificateFiles, type CertificateFiles } from "../support/certificate-files.js";
import { AUTHORITY, LOCALHOST, OTHER_AUTHORITY } from "../support/certificates.js";
import { describeWith, OPENSSL } from "../support/machine.js";
import { opensslClient, startReversingServer, type OpensslServer } from "../support/openssl.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep, loopback } from "../support/peers.js";
import { endPrograms } from "../support/program.js";
import { nothingLeft } from "../support/resources.js";

const VERSIONS = [
  { version: "TLSv1.2", flag: "-tls1_2" },
  { version: "TLSv1.3", flag: "-tls1_3" },
] as const;

const LINES = Array.from({ length: 30_000 }, () => randomBytes(50).toString("hex"));

let files: CertificateFiles;

beforeAll(async () => {
  files = await certificateFiles();
});

afterAll(() => files[Symbol.asyncDispose]());

afterEach(async () => {
  await closeAll();
  await endPrograms();
  await nothingLeft();
});

function reversed(line: string): string {
  return Buffer.from(line, "latin1").reverse().toString("latin1");
}

describeWith(OPENSSL, "openssl s_server -rev, over", () => {
  describe.each(VERSIONS)("$version", ({ version, flag }) => {
    let server: OpensslServer;

    beforeEach(async () => {
      server = await startReversingServer(files, flag);
    });

    async function connected(ca = AUTHORITY): Promise<Connection> {
      return keep(await connect("127.0.0.1", server.port, { tls: { ca } }));
    }

    test("a line, and its answer", async () => {
      const connection = await connected();
      expect(connection.tls).toMatchObject({ protocol: version, authorized: true });
      await connection.writeLine("hello");
      expect(await connection.readLine()).toBe("olleh");
    });

    test("the writing side ends first: what the server still had to say comes, to its end", async () => {
      const connection = await connected();
      const written = connection.write(LINES.map((line) => `${line}\n`).join(""));
      const read = connection.readAll({ limit: Infinity });
      await written;
      await connection.closeWrite();
      expect((await read).toString() === LINES.map((line) => `${reversed(line)}\n`).join("")).toBe(true);
      await connection.close();
      await connection.closed;
    });

    test("the writing side ends as the first act: the server ends in turn", async () => {
      const connection = await connected();
      await connection.closeWrite();
      expect(await connection.read()).toBeNull();
      await connection.closed;
      await server.program.says(/^CONNECTION CLOSED$/m);
    });

    test("it is killed: that is no end of the stream", async () => {
      const connection = await connected();
      await connection.writeLine("hello");
      expect(await connection.readLine()).toBe("olleh");
      const read = netError(connection.read());
      server.program.kill("SIGKILL");
      expect(await read).toMatchObject({ operation: "read", code: "ERR_TLS_TRUNCATED" });
      await expect(connection.closed).rejects.toMatchObject({ code: "ERR_TLS_TRUNCATED" });
    });

    test("a certificate that is not trusted is refused, and says so", async () => {
      const error = await netError(connected(OTHER_AUTHORITY));
      expect(error).toMatchObject({ operation: "tls", code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" });
      expect(error.message).toContain(`127.0.0.1:${String(server.port)}`);
    });
  });
});

describeWith(OPENSSL, "openssl s_client, over", () => {
  describe.each(VERSIONS)("$version", ({ flag }) => {
    test("lines, and an end that is announced", async () => {
      const listener = await loopback({ tls: LOCALHOST });
      const client = opensslClient(listener.port, files, flag, "-quiet");
      client.feed("one\ntwo\n");
      const connection = keep(await listener.accept());
      expect(await connection.readLine()).toBe("one");
      expect(await connection.readLine()).toBe("two");
      await connection.write(LINES.map((line) => `${line}\n`).join(""));
      await connection.close();
      const { status, stdout, stderr } = await client.ended;
      expect(stdout.toString() === LINES.map((line) => `${line}\n`).join("")).toBe(true);
      expect(stderr).not.toMatch(/unexpected eof/);
      expect(status).toBe(0);
    });

    test("an end that is the first act is announced, too", async () => {
      const listener = await loopback({ tls: LOCALHOST });
      const client = opensslClient(listener.port, files, flag, "-msg", "-ign_eof");
      const connection = keep(await listener.accept());
      await connection.closeWrite();
      await client.says(/^<<< .*Alert.*\n\s+01 00$/m);
      client.feed("");
      const { status, stderr } = await client.ended;
      expect(stderr).not.toMatch(/unexpected eof/);
      expect(status).toBe(0);
    });

    test("the connection is reset: the client is told of no end", async () => {
      const listener = await loopback({ tls: LOCALHOST });
      const client = opensslClient(listener.port, files, flag, "-quiet", "-ign_eof");
      const connection = keep(await listener.accept());
      connection.reset();
      const { status, stdout } = await client.ended;
      expect(stdout.toString()).toBe("");
      expect(status).not.toBe(0);
    });

    test("it is killed: that is no end of the stream", async () => {
      const listener = await loopback({ tls: LOCALHOST });
      const client = opensslClient(listener.port, files, flag, "-quiet");
      const connection = keep(await listener.accept());
      const read = netError(connection.read());
      client.kill("SIGKILL");
      expect((await read).code).toMatch(/^(ERR_TLS_TRUNCATED|ECONNRESET)$/);
    });

    test("it does not trust the certificate: it is counted, and the next client is served", async () => {
      const listener = await loopback({ tls: LOCALHOST });
      const client = opensslClient(listener.port, { ...files, authority: files.otherAuthority }, flag);
      expect((await client.ended).status).not.toBe(0);
      opensslClient(listener.port, files, flag, "-quiet").feed("hello\n");
      const connection = keep(await listener.accept());
      expect(await connection.readLine()).toBe("hello");
      expect(listener.stats.refused.handshake).toBe(1);
    });
  });
});
