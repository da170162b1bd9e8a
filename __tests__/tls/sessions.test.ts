/** What connections with the same object of TLS options share. */
import { createSecureContext, connect as tlsConnect, type ConnectionOptions } from "node:tls";
import { once } from "node:events";
import { connect, type Connection } from "../../src/index.js";
import * as certificates from "../support/certificates.js";
import { lookupOf } from "../support/lookups.js";
import { netError } from "../support/outcomes.js";
import { closeAll, keep, socketPath } from "../support/peers.js";
import { closeServers, tlsServer } from "../support/tls-servers.js";

const { AUTHORITY, LOCALHOST } = certificates;

afterEach(async () => {
  await closeAll();
  await closeServers();
});

/** A connection of the options whose server's tickets have come. */
async function opened(port: number, tls: true | ConnectionOptions, host = "localhost"): Promise<Connection> {
  const connection = keep(await connect(host, port, { tls, lookup: lookupOf("127.0.0.1") }));
  await connection.writeLine("hello");
  expect(await connection.readLine()).toBe("hello");
  return connection;
}

async function isReused(port: number, tls: ConnectionOptions, host?: string): Promise<boolean | undefined> {
  return (await opened(port, tls, host)).tls?.sessionReused;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("with %s", (version) => {
  const server = () => tlsServer({ ...LOCALHOST, maxVersion: version });

  test("the second connection with the same object resumes, and has the certificate of the first", async () => {
    const { port } = await server();
    const tls = { ca: AUTHORITY };
    const first = await opened(port, tls);
    expect(first.tls?.sessionReused).toBe(false);
    for (let round = 0; round < 3; round++) {
      const next = await opened(port, tls);
      expect(next.tls).toMatchObject({ protocol: version, sessionReused: true, authorized: true });
      expect(next.tls?.peerCertificate?.fingerprint256).toBe(first.tls?.peerCertificate?.fingerprint256);
      expect(next.tls?.peerCertificate?.subject).toBe("CN=localhost");
    }
  });

  test("another object shares nothing", async () => {
    const { port } = await server();
    expect(await isReused(port, { ca: AUTHORITY })).toBe(false);
    expect(await isReused(port, { ca: AUTHORITY })).toBe(false);
  });

  test("a session is the server's: of the same name, and the same port", async () => {
    const [{ port }, { port: other }] = [await server(), await server()];
    const tls = { ca: AUTHORITY };
    expect(await isReused(port, tls)).toBe(false);
    expect(await isReused(other, tls)).toBe(false);
    expect(await isReused(port, tls, "127.0.0.1")).toBe(false);
    expect(await isReused(port, tls, "localhost.")).toBe(true);
    expect(await isReused(port, tls, "127.0.0.1")).toBe(true);
    expect(await isReused(other, tls)).toBe(true);
  });

  test("sessions end with a change of the options", async () => {
    const { port } = await server();
    const tls: ConnectionOptions = { ca: AUTHORITY };
    expect(await isReused(port, tls)).toBe(false);
    tls.ca = certificates.OTHER_AUTHORITY;
    const error = await netError(connect("localhost", port, { tls }));
    expect(error.code).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    tls.ca = AUTHORITY;
    expect(await isReused(port, tls)).toBe(false);
    expect(await isReused(port, tls)).toBe(true);
    delete tls.ca;
    expect((await netError(connect("localhost", port, { tls }))).operation).toBe("tls");
  });

  test("a server that was not accepted is not accepted by its session either", async () => {
    const { port } = await tlsServer({ ...certificates.OTHER_EXAMPLE, maxVersion: version });
    const tls = { ca: AUTHORITY, rejectUnauthorized: false };
    for (let round = 0; round < 3; round++) {
      const { tls: facts } = await opened(port, tls);
      expect(facts).toMatchObject({
        authorized: false,
        authorizationError: "ERR_TLS_CERT_ALTNAME_INVALID",
      });
    }
  });

  test("a server whose certificate was not accepted shows it on a resumed session, too", async () => {
    const { port } = await tlsServer({ ...certificates.SELF_SIGNED, maxVersion: version });
    const tls = { rejectUnauthorized: false };
    for (const sessionReused of [false, true, true]) {
      const { tls: facts } = await opened(port, tls);
      expect(facts).toMatchObject({ authorized: false, authorizationError: "DEPTH_ZERO_SELF_SIGNED_CERT" });
      expect(facts?.sessionReused).toBe(sessionReused);
      expect(facts?.peerCertificate?.issuer).toBe("CN=localhost");
    }
  });

  test("a session of the program's own is taken", async () => {
    const { port } = await server();
    const socket = tlsConnect({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ca: AUTHORITY,
      maxVersion: version,
    });
    keep(socket);
    const sessions = once(socket, "session") as Promise<[Buffer]>;
    socket.resume().write("x");
    const [session] = await sessions;
    const connection = await opened(port, { ca: AUTHORITY, session });
    expect(connection.tls).toMatchObject({ sessionReused: true, authorized: true });
  });
});

test("options that were changed while a handshake went on have no effect on it", async () => {
  const { port } = await tlsServer();
  const tls: ConnectionOptions = { ca: AUTHORITY };
  const connecting = connect("localhost", port, { tls });
  tls.ca = certificates.OTHER_AUTHORITY;
  tls.checkServerIdentity = () => new Error("never asked");
  expect(keep(await connecting).tls?.authorized).toBe(true);
});

test("a context of the program's own is used", async () => {
  const { port } = await tlsServer();
  const tls = { secureContext: createSecureContext({ ca: AUTHORITY }) };
  expect(await isReused(port, tls)).toBe(false);
  expect(await isReused(port, tls)).toBe(true);
});

test("sessions are kept of a server on a Unix socket", async () => {
  const [path, other] = [socketPath(), socketPath()];
  for (const at of [path, other]) await tlsServer(LOCALHOST, undefined, { path: at });
  const tls = { ca: AUTHORITY, servername: "localhost" };
  const reused = async (at: string): Promise<boolean | undefined> => {
    const connection = keep(await connect({ path: at }, { tls }));
    await connection.writeLine("hello");
    await connection.readLine();
    return connection.tls?.sessionReused;
  };
  expect([await reused(path), await reused(path)]).toEqual([false, true]);
  expect(await reused(other)).toBe(false);
});
