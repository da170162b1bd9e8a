import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeIdentity } from "./certificate-files.js";
import { unusedPort } from "./unused-port.js";
import { Program } from "./program.js";
import { NGINX } from "./machine.js";

/** One process, which keeps all it writes in the directory, and says on stderr what it does. */
function configuration(directory: string, port: number, tlsPort: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((kind) => `${kind}_temp_path ${directory}/tmp-${kind};`)
    .join("\n  ");
  return `
daemon off;
master_process off;
pid ${directory}/pid;
error_log stderr info;
events { worker_connections 256; }
http {
  ${temporary}
  log_format counts '$uri $request_length $bytes_sent';
  access_log ${directory}/served counts;
  server {
    listen 127.0.0.1:${port};
    listen 127.0.0.1:${tlsPort} ssl http2;
    ssl_certificate ${directory}/certificate;
    ssl_certificate_key ${directory}/key;
    listen unix:${directory}/socket;
    listen unix:${directory}/http2 http2;
    root ${directory}/files;
    client_max_body_size 0;
    location /uploads { dav_methods PUT; }
  }
}
`;
}

/** nginx, with files that are in a directory of the test's. */
export interface Nginx {
  readonly program: Program;
  readonly port: number;
  /** Where it speaks either version of HTTP over TLS, as the client asks by ALPN. */
  readonly tlsPort: number;
  /** The paths of its Unix sockets, for either version of HTTP. */
  readonly http1: string;
  readonly http2: string;
  /** The file in which it notes each request it has answered: the path, the bytes it took, the bytes it gave. */
  readonly log: string;
}

/** Starts nginx; its files are those in `files` of the directory. */
export async function startNginx(directory: string): Promise<Nginx> {
  const [port, tlsPort] = [await unusedPort(), await unusedPort()];
  const file = join(directory, "nginx.conf");
  await mkdir(join(directory, "files", "uploads"), { recursive: true });
  await writeIdentity(directory);
  await writeFile(file, configuration(directory, port, tlsPort));
  const program = new Program(NGINX.command, ["-p", directory, "-e", "stderr", "-c", file]);
  // By then it listens.
  await program.says(/using the "\w+" event method/);
  const [http1, http2, log] = ["socket", "http2", "served"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  return { program, port, tlsPort, http1, http2, log };
}
