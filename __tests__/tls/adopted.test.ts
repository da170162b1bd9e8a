/** What is known of a TLS socket that the program has made itself. */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { Connection } from "../../src/index.js";
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

test("a socket that says it is encrypted and is no TLS socket has nothing to say", async () => {
  const server = await plainServer((socket) => socket.pipe(socket));
  const socket = Object.assign(await netClient(server.port), { encrypted: true, secureConnecting: false });
  expect(keep(Connection.from(socket as unknown as TLSSocket)).tls).toBeUndefined();
});
