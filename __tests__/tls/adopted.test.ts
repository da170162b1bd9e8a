/** What is known of a TLS socket that the program has made itself. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { connect as connectOurs, Connection, listen } from "../../src/index.js";
import { AUTHORITY, CLIENT, LOCALHOST } from "../support/certificates.js";
import { turn } from "../support/outcomes.js";
import { closeAll, keep, netClient } from "../support/peers.js";
import { closeServers, plainServer, tlsServer } from "../support/tls-servers.js";

afterEach(async () => {
  await closeAll();
  await closeServers();
});

test("both ends of adopted TLS sockets know what was agreed on, also when they are closed", async () => {
  const options = { ...LOCALHOST, requestCert: true, ca: AUTHORITY, ALPNProtocols: ["x"] };
  const server = await tlsServer(options, () => undefined);
  const tls = { host: "127.0.0.1", servername: "localhost", ca: AUTHORITY, ALPNProtocols: ["x"] };
  const accepted = server.next();
  const socket = connect({ port: server.port, ...tls, ...CLIENT });
  const early = keep(Connection.from(socket));
  expect(early.tls).toBeUndefined();
  await once(socket, "secureConnect");
  expect(early.tls).toMatchObject({ protocol: "TLSv1.3", alpnProtocol: "x", servername: "localhost" });
  expect(early.tls).toMatchObject({ authorized: true, sessionReused: false });
  expect(early.tls?.peerCertificate?.subject).toBe("CN=localhost");

  const ofServer = keep(Connection.from(await accepted));
  expect(ofServer.tls).toMatchObject({ protocol: "TLSv1.3", servername: "localhost", authorized: true });
  expect(ofServer.tls?.peerCertificate?.subject).toBe("CN=client");
  const facts = early.tls;
  early.reset();
  await turn();
  expect(early.tls).toBe(facts);
});

test("what was agreed on is the same when the socket is handed over and adopted again", async () => {
  const listener = keep(await listen({ host: "127.0.0.1", port: 0 }, { tls: LOCALHOST }));
  const tls = { ca: AUTHORITY, servername: "localhost" };
  const [client, server] = await Promise.all([
    connectOurs("127.0.0.1", listener.port, { tls }),
    listener.accept(),
  ]);
  for (const connection of [client, server]) {
    const facts = connection.tls;
    expect(facts).toMatchObject({ protocol: "TLSv1.3", servername: "localhost" });
    const again = keep(Connection.from(connection.detach()));
    expect(again.tls).toEqual(facts);
    expect(connection.tls).toEqual(facts);
  }
});

test("a connection says of TLS its version and its names when it is printed, and shows no certificate", async () => {
  const listener = keep(
    await listen({ host: "127.0.0.1", port: 0 }, { tls: { ...LOCALHOST, ALPNProtocols: ["x"] } }),
  );
  const to = ["127.0.0.1", listener.port] as const;
  const tls = { ca: AUTHORITY, servername: "localhost", ALPNProtocols: ["x"] };
  const [named, atServer] = await Promise.all([connectOurs(...to, { tls }), listener.accept()]);
  for (const connection of [keep(named), keep(atServer)]) {
    const agreed = { protocol: "TLSv1.3", servername: "localhost", alpnProtocol: "x" };
    expect(connection.toJSON().tls).toEqual(agreed);
    expect(inspect(connection)).toContain(
      "tls: 'TLSv1.3', servername: 'localhost', alpnProtocol: 'x', bytesRead: 0",
    );
    expect(JSON.stringify(connection)).not.toContain("CERTIFICATE");
    connection.reset();
    // Also when it is over.
    expect(connection.toJSON().tls).toEqual(agreed);
  }

  const [byAddress] = await Promise.all([
    connectOurs(...to, { tls: { ca: AUTHORITY } }),
    listener.accept().then(keep),
  ]);
  expect(keep(byAddress).toJSON().tls).toEqual({ protocol: "TLSv1.3" });
  expect(inspect(byAddress)).toContain("{ state: 'open', tls: 'TLSv1.3', bytesRead: 0");

  const plain = keep(await connectOurs(...to));
  expect(Object.keys(plain.toJSON())).not.toContain("tls");
  expect(inspect(plain)).not.toContain("tls");
});

test("a socket that says it is encrypted and is no TLS socket has nothing to say", async () => {
  const server = await plainServer((socket) => socket.pipe(socket));
  const socket = Object.assign(await netClient(server.port), { encrypted: true, secureConnecting: false });
  expect(keep(Connection.from(socket as unknown as TLSSocket)).tls).toBeUndefined();
});
