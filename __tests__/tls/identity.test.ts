/** Which name a client asks for, and whose certificate it takes. */
import { once } from "node:events";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { connect, connectTo, type Connection } from "../../src/index.js";
import { identityOf } from "../../src/tls/identity.js";
import * as certificates from "../support/certificates.js";
import { lookupOf } from "../support/lookups.js";
import { failure, netError } from "../support/outcomes.js";
import { closeAll, keep, socketPath } from "../support/peers.js";
import { closeServers, tlsServer } from "../support/tls-servers.js";

const { AUTHORITY, LOCALHOST } = certificates;
const TRUSTING = { ca: AUTHORITY };

const warnings: Error[] = [];
const onWarning = (warning: Error): unknown => warnings.push(warning);
beforeAll(() => void process.on("warning", onWarning));
afterAll(() => void process.off("warning", onWarning));

afterEach(async () => {
  await closeAll();
  await closeServers();
  expect(warnings.splice(0)).toEqual([]);
});

/** What a server was asked for, and what the client's end says of it. */
async function asked(
  connecting: (port: number) => Promise<Connection>,
  options = LOCALHOST,
  host = "127.0.0.1",
): Promise<{ servername: unknown; connection: Connection }> {
  const server = await tlsServer(options, (socket) => setImmediate(() => socket.end()), { port: 0, host });
  const accepted = once(server.server, "secureConnection") as Promise<[TLSSocket]>;
  const connection = keep(await connecting(server.port));
  const [socket] = await accepted;
  return { servername: (socket as { servername?: unknown }).servername, connection };
}

test("the host is the server name, without a dot at its end", async () => {
  const lookup = lookupOf("127.0.0.1");
  for (const host of ["localhost", "localhost.", "LOCALHOST"]) {
    const { servername, connection } = await asked((port) => connect(host, port, { tls: TRUSTING, lookup }));
    expect(String(servername).toLowerCase()).toBe("localhost");
    expect(connection.tls?.authorized).toBe(true);
    expect(connection.tls?.servername?.toLowerCase()).toBe("localhost");
  }
});

test.each(["127.0.0.1", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"])(
  "of the literal %s there is no server name, but the certificate has to be for it",
  async (host) => {
    const at = host === "::1" ? "::1" : "127.0.0.1";
    const open = (port: number) => connect(host, port, { tls: TRUSTING });
    const { servername, connection } = await asked(open, LOCALHOST, at);
    expect(servername).toBe(false);
    expect(connection.tls).toMatchObject({ authorized: true, servername: undefined });
    const server = await tlsServer(certificates.LOCALHOST_BY_NAME, undefined, { port: 0, host: at });
    const error = await netError(open(server.port));
    expect(error.code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
    expect(error.message).toContain(`is not for "${host}"`);
    await server.empty();
  },
);

test("a servername of the options takes the place of the host in both", async () => {
  const tls = { ...TRUSTING, servername: "other.example" };
  const { servername, connection } = await asked(
    (port) => connect("127.0.0.1", port, { tls }),
    certificates.OTHER_EXAMPLE,
  );
  expect(servername).toBe("other.example");
  expect(connection.tls).toMatchObject({ authorized: true, servername: "other.example" });
});

test("a servername that is an address is not sent, but checked", async () => {
  const { servername, connection } = await asked((port) =>
    connect("localhost", port, {
      tls: { ...TRUSTING, servername: "127.0.0.1" },
      lookup: lookupOf("127.0.0.1"),
    }),
  );
  expect(servername).toBe(false);
  expect(connection.tls?.authorized).toBe(true);
});

test("an empty servername is none; the host is checked all the same", async () => {
  const tls = { ...TRUSTING, servername: "" };
  const { servername } = await asked((port) => connect("localhost", port, { tls }));
  expect(servername).toBe(false);
  const server = await tlsServer(certificates.OTHER_EXAMPLE);
  const error = await netError(connect("localhost", server.port, { tls }));
  expect(error.code).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
});

test("the host that was named is checked, whatever it resolves to", async () => {
  const server = await tlsServer(certificates.OTHER_EXAMPLE);
  const lookup = lookupOf("127.0.0.1");
  keep(await connect("other.example", server.port, { tls: TRUSTING, lookup }));
  keep(await connect("other.example.", server.port, { tls: TRUSTING, lookup }));
  const error = await netError(connect("third.example", server.port, { tls: TRUSTING, lookup }));
  expect(error.message).toContain('is not for "third.example"');
});

describe("where there is no name", () => {
  const expected = /"servername" .*since there is no host name to check/;

  test("a client has to say what to check: over a Unix socket", async () => {
    const path = socketPath();
    const server = await tlsServer(certificates.OTHER_EXAMPLE, undefined, { path });
    for (const tls of [true as const, TRUSTING, { servername: "" }]) {
      const error = await failure(connect({ path }, { tls }));
      expect(error).toBeInstanceOf(TypeError);
      expect((error as Error).message).toMatch(expected);
    }
    expect(server.clients).toBe(0);
    const named = { ...TRUSTING, servername: "other.example" };
    const connection = keep(await connect({ path }, { tls: named }));
    expect(connection.tls).toMatchObject({ authorized: true, servername: "other.example" });
    const wrong = await netError(connect({ path }, { tls: { ...TRUSTING, servername: "localhost" } }));
    expect(wrong.message).toBe(
      `tls ${path}: the certificate of the peer is not for "localhost": connect by a name that it has, or give that as tls: { servername } (ERR_TLS_CERT_ALTNAME_INVALID)`,
    );
    expect(wrong.address).toBe(path);
  });

  test("a client has to say what to check: in connectTo", async () => {
    const server = await tlsServer();
    const addresses = [{ address: "127.0.0.1", port: server.port, family: 4 as const }];
    const error = await failure(connectTo(addresses, { tls: TRUSTING }));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(expected);
    expect(server.clients).toBe(0);
    keep(await connectTo(addresses, { tls: { ...TRUSTING, servername: "127.0.0.1" } }));
  });

  test("nobody is trusted without a check, even where that does not end the connection", async () => {
    const path = socketPath();
    const server = await tlsServer(LOCALHOST, undefined, { path });
    const tls = { ...TRUSTING, rejectUnauthorized: false };
    const connection = keep(await connect({ path }, { tls }));
    expect(connection.tls).toMatchObject({
      authorized: false,
      authorizationError: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
    const again = keep(await connect({ path }, { tls }));
    expect(again.tls?.authorized).toBe(false);
    expect(server.clients).toBe(2);
  });
});

describe("the identity", () => {
  test.each<[string | undefined, ConnectionOptions, string, string]>([
    ["example.com", {}, "example.com", "example.com"],
    ["example.com.", {}, "example.com", "example.com"],
    ["bücher.example", {}, "xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["example.com", { servername: "bücher.example." }, "xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["example.com", { servername: "" }, "", "example.com"],
    ["192.0.2.1", {}, "", "192.0.2.1"],
    ["fe80::1%eth0", {}, "", "fe80::1"],
    ["good.example%evil.example", {}, "good.example%evil.example", "good.example%evil.example"],
    [undefined, { servername: "example.com" }, "example.com", "example.com"],
    [undefined, { servername: "192.0.2.1" }, "", "192.0.2.1"],
    [undefined, { rejectUnauthorized: false }, "", ""],
  ])("of %j with %j", (host, options, servername, name) => {
    expect(identityOf(host, options)).toEqual({ servername, name });
  });
});
