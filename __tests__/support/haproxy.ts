import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AUTHORITY, LOCALHOST } from "./certificates.js";
import { unusedPort } from "./unused-port.js";
import { HAPROXY } from "./machine.js";
import { Program } from "./program.js";

/** The ports of the servers behind it. */
export interface Backends {
  readonly plain: number;
  readonly tls: number;
  /** Of one whose health is checked. */
  readonly checked: number;
}

/** Its listeners: each sends headers of its own kind, but for the last two, which read them. */
const NAMES = ["v1", "v2", "options", "cn", "toTls", "checked", "accept", "acceptTls"] as const;

export type Ports = Readonly<Record<(typeof NAMES)[number], number>>;

/** What it answers to each request that comes behind a header: what it has read there. */
const SEEN =
  '"%[src] %[src_port] %[dst] %[dst_port] authority=%[fc_pp_authority] id=%[fc_pp_unique_id] proxied=%[fc_rcvd_proxy]"';

function configuration(directory: string, ports: Ports, { plain, tls, checked }: Backends): string {
  const identity = `crt ${directory}/identity`;
  const both = (port: number) => `bind 127.0.0.1:${port}\n  bind [::1]:${port}`;
  const clients = `${identity} ca-file ${directory}/authority verify optional alpn h2,http/1.1`;
  return `
defaults
  mode tcp
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen v1
  ${both(ports.v1)}
  server backend 127.0.0.1:${plain} send-proxy
listen v2
  ${both(ports.v2)}
  server backend 127.0.0.1:${plain} send-proxy-v2
listen options
  bind 127.0.0.1:${ports.options} ssl ${clients}
  unique-id-format id-%ci-%cp
  server backend 127.0.0.1:${plain} send-proxy-v2 proxy-v2-options crc32c,unique-id,authority,ssl,ssl-cipher
listen cn
  bind 127.0.0.1:${ports.cn} ssl ${clients}
  server backend 127.0.0.1:${plain} send-proxy-v2-ssl-cn
listen toTls
  bind 127.0.0.1:${ports.toTls}
  server backend 127.0.0.1:${tls} send-proxy-v2 ssl verify required ca-file ${directory}/authority sni str(localhost)
listen checked
  bind 127.0.0.1:${ports.checked}
  server backend 127.0.0.1:${checked} send-proxy-v2 check inter 100ms check-send-proxy
frontend accepts
  mode http
  bind 127.0.0.1:${ports.accept} accept-proxy
  bind 127.0.0.1:${ports.acceptTls} accept-proxy ssl ${identity}
  http-request return status 200 content-type text/plain lf-string ${SEEN}
`;
}

/** HAProxy, ahead of some servers. */
export interface Haproxy extends AsyncDisposable {
  readonly ports: Ports;
}

/** Resolves when it listens. */
export async function startHaproxy(backends: Backends): Promise<Haproxy> {
  const directory = await mkdtemp(join(tmpdir(), "tcp6-haproxy-"));
  const ports = Object.fromEntries(
    await Promise.all(NAMES.map(async (name) => [name, await unusedPort()] as const)),
  ) as Ports;
  const file = join(directory, "haproxy.cfg");
  await writeFile(join(directory, "identity"), `${LOCALHOST.cert}\n${LOCALHOST.key}`);
  await writeFile(join(directory, "authority"), AUTHORITY);
  await writeFile(file, configuration(directory, ports, backends));
  const program = new Program(HAPROXY.command, ["-db", "-f", file]);
  await listening(ports.acceptTls, program);
  return {
    ports,
    [Symbol.asyncDispose]: async () => {
      program.kill("SIGKILL");
      await program.ended;
      await rm(directory, { recursive: true });
    },
  };
}

/** It says nothing when it listens: this connects until it is there. */
async function listening(port: number, program: Program): Promise<void> {
  let ended: string | undefined;
  program.ended.then(
    ({ stderr }) => (ended = stderr),
    (error: unknown) => (ended = String(error)),
  );
  for (;;) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return;
    } catch {
      if (ended !== undefined) throw new Error(`HAProxy has ended: ${ended}`);
    } finally {
      socket.destroy();
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
