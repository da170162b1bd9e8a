/** nginx ahead of our listeners, and behind our connections, by its module for streams. */
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as netConnect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Listener } from "../../src/index.js";
import { writeIdentity } from "../support/certificate-files.js";
import { AUTHORITY } from "../support/certificates.js";
import { unusedPort } from "../support/unused-port.js";
import { describeWith, NGINX, NGINX_STREAM, NGINX_STREAM_MODULE } from "../support/machine.js";
import { closeAll, keep, loopback } from "../support/peers.js";
import { endPrograms, Program } from "../support/program.js";

interface Ports {
  /** Relays, with a header of version 1, to `backend`. */
  readonly sends: number;
  /** Read a header, and answer with what was in it. */
  readonly reads: number;
  readonly readsBeforeTls: number;
  readonly backend: number;
}

function configuration(directory: string, { sends, reads, readsBeforeTls, backend }: Ports): string {
  const seen =
    "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
  return `
load_module ${NGINX_STREAM_MODULE};
daemon off;
master_process off;
pid ${directory}/pid;
error_log stderr info;
events { worker_connections 64; }
stream {
  server {
    listen 127.0.0.1:${sends};
    listen [::1]:${sends};
    proxy_pass 127.0.0.1:${backend};
    proxy_protocol on;
  }
  server {
    listen 127.0.0.1:${reads} proxy_protocol;
    return "${seen}";
  }
  server {
    listen 127.0.0.1:${readsBeforeTls} ssl proxy_protocol;
    ssl_certificate ${directory}/certificate;
    ssl_certificate_key ${directory}/key;
    return "${seen}";
  }
}
`;
}

describeWith(NGINX_STREAM, "nginx's stream module", () => {
  let directory: string;
  let ports: Ports;
  let backend: Listener;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "tcp6-nginx-stream-"));
    await writeIdentity(directory);
    backend = await loopback({ proxyProtocol: "require" });
    const [sends, reads, readsBeforeTls] = [await unusedPort(), await unusedPort(), await unusedPort()];
    ports = { sends, reads, readsBeforeTls, backend: backend.port };
    const file = join(directory, "nginx.conf");
    await writeFile(file, configuration(directory, ports));
    const program = new Program(NGINX.command, ["-p", directory, "-e", "stderr", "-c", file]);
    await program.says(/using the "\w+" event method/);
  });

  afterAll(async () => {
    await endPrograms();
    await closeAll();
    await rm(directory, { recursive: true });
  });

  test.each(["127.0.0.1", "::1"])(
    "proxy_protocol on tells the client that has connected to %s",
    async (host) => {
      const client = keep(netConnect(ports.sends, host));
      client.write("hello\n");
      const server = keep(await backend.accept());
      expect(server).toMatchObject({ remoteAddress: host, remotePort: client.localPort });
      expect(server.proxy).toMatchObject({
        version: 1,
        command: "proxy",
        destinationAddress: host,
        destinationPort: ports.sends,
      });
      expect(await server.readLine()).toBe("hello");
      await server.writeLine("answer");
      expect(String((await once(client, "data"))[0])).toBe("answer\n");
      client.end();
      expect(await server.read()).toBeNull();
    },
  );

  const FOUR = {
    sourceAddress: "192.0.2.1",
    sourcePort: 56_324,
    destinationAddress: "198.51.100.2",
    destinationPort: 443,
  };
  const SIX = { ...FOUR, sourceAddress: "2001:db8::1", destinationAddress: "2001:db8:0:1::2" };
  const tlvs = new Map([[0xea, "\x01vpce-08d2bf15fac5001c9"]]);

  describe.each([
    ["", "reads", {}],
    [", with TLS behind it", "readsBeforeTls", { tls: { ca: AUTHORITY } }],
  ] as const)("listen … proxy_protocol reads our header%s", (_, name, options) => {
    test.each([
      ["version 1, IPv4", { version: 1, ...FOUR }],
      ["version 1, IPv6", { version: 1, ...SIX }],
      ["version 2, IPv4", { version: 2, ...FOUR }],
      ["version 2, IPv6, with a TLV", { version: 2, ...SIX, tlvs }],
    ] as const)("%s", async (_, proxyHeader) => {
      const to = { host: "localhost", port: ports[name] };
      const connection = keep(await connect(to, { family: 4, timeout: 5_000, ...options, proxyHeader }));
      const { sourceAddress, sourcePort, destinationAddress, destinationPort } = proxyHeader;
      const expected = [sourceAddress, sourcePort, destinationAddress, destinationPort].join(" ");
      expect(String(await connection.readAll())).toBe(expected);
      await connection.close();
    });
  });
});
