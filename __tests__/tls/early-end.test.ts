/** What arrives between a handshake and its connection, where Node's TLS sockets are used as any Duplex is. */
import { once } from "node:events";
import { connect as netConnect } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { listen } from "../../src/index.js";
import { switchOff } from "../../src/core/transport/node-internals.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";
import { closeAll, keep } from "../support/peers.js";

beforeEach(() => switchOff("worksPastTls"));

afterEach(async () => {
  switchOff();
  await closeAll();
});

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "a client that ends in its secure event has ended (%s)",
  async (version) => {
    const listener = keep(
      await listen({ host: "127.0.0.1", port: 0 }, { tls: { ...LOCALHOST, maxVersion: version } }),
    );
    const raw = netConnect(listener.port, "127.0.0.1");
    const client = tlsConnect({ socket: raw, ca: AUTHORITY, servername: "localhost" }, () => client.end());
    client.resume();
    const server = keep(await listener.accept());
    expect(await server.read()).toBeNull();
    await server.close();
    if (!client.closed) await once(client, "close");
  },
);
