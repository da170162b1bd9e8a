import { once } from "node:events";
import { connectDuplex, connect, listen } from "../../src/index.js";
import { AUTHORITY, LOCALHOST } from "../support/certificates.js";

const TLS = { ca: AUTHORITY, ALPNProtocols: ["tcp6"] };

describe("a Duplex over TLS", () => {
  test("has what libraries ask a TLS socket for, at both ends", async () => {
    await using listener = await listen("localhost:0", {
      tls: { ...LOCALHOST, ALPNProtocols: ["tcp6"] },
    });
    const duplex = connectDuplex("localhost", listener.port, { tls: TLS });
    expect(duplex.encrypted).toBe(true);
    expect([duplex.authorized, duplex.alpnProtocol, duplex.servername]).toEqual([false, null, null]);
    expect(duplex.getPeerCertificate).toBeUndefined();
    const events: string[] = [];
    for (const name of ["connect", "ready", "secureConnect"]) duplex.on(name, () => events.push(name));
    await once(duplex, "secureConnect");
    expect(events).toEqual(["connect", "ready", "secureConnect"]);
    expect(duplex.encrypted).toBe(true);
    expect([duplex.authorized, duplex.authorizationError]).toEqual([true, null]);
    expect([duplex.alpnProtocol, duplex.servername]).toEqual(["tcp6", "localhost"]);
    expect(duplex.getProtocol?.()).toBe("TLSv1.3");
    expect(duplex.getCipher?.().version).toBe("TLSv1.3");
    expect(duplex.getPeerCertificate?.(true).subject.CN).toBe("localhost");
    expect(duplex.getPeerX509Certificate?.()?.subject).toBe("CN=localhost");
    expect(duplex.isSessionReused?.()).toBe(false);
    await using accepted = await listener.accept();
    const { encrypted, authorized, alpnProtocol, servername } = accepted.duplex;
    expect([encrypted, authorized, alpnProtocol, servername]).toEqual([true, false, "tcp6", "localhost"]);
    duplex.destroy();
  });

  test("emits no 'secureConnect' once a listener to 'connect' has destroyed it", async () => {
    await using listener = await listen("localhost:0", { tls: LOCALHOST });
    const duplex = connectDuplex("localhost", listener.port, { tls: TLS });
    const events: string[] = [];
    for (const name of ["ready", "secureConnect", "close"]) duplex.on(name, () => events.push(name));
    duplex.once("connect", () => duplex.destroy());
    await once(duplex, "close");
    expect(events).toEqual(["ready", "close"]);
  });

  test("and one without TLS has none of it", async () => {
    await using listener = await listen("127.0.0.1:0");
    const connection = await connect("127.0.0.1", listener.port);
    const { duplex } = connection;
    expect([duplex.encrypted, duplex.authorized, duplex.authorizationError]).toEqual(
      Array(3).fill(undefined),
    );
    expect([duplex.alpnProtocol, duplex.servername]).toEqual([undefined, undefined]);
    expect([duplex.getProtocol, duplex.getCipher, duplex.getPeerCertificate]).toEqual(
      Array(3).fill(undefined),
    );
    expect([duplex.getPeerX509Certificate, duplex.isSessionReused]).toEqual([undefined, undefined]);
    connection.reset();
  });
});
