import type { CertificateFiles } from "./certificate-files.js";
import { unusedPort } from "./unused-port.js";
import { OPENSSL } from "./machine.js";
import { Program } from "./program.js";

/** OpenSSL's client, which trusts the authority of the tests only, and sends the lines that it is fed. */
export function opensslClient(port: number, files: CertificateFiles, ...args: string[]): Program {
  return new Program(OPENSSL.command, [
    ...["s_client", "-connect", `127.0.0.1:${String(port)}`, "-servername", "localhost"],
    ...["-CAfile", files.authority, "-verify_hostname", "localhost", "-verify_return_error", ...args],
  ]);
}

export interface OpensslServer {
  readonly program: Program;
  readonly port: number;
}

/** OpenSSL's server, which sends each line back reversed, and ends when its client has ended. */
export async function startReversingServer(
  files: CertificateFiles,
  ...args: string[]
): Promise<OpensslServer> {
  const port = await unusedPort();
  const program = new Program(OPENSSL.command, [
    ...["s_server", "-rev", "-accept", `127.0.0.1:${String(port)}`],
    ...["-cert", files.cert, "-key", files.key, ...args],
  ]);
  await program.says(/^ACCEPT/m);
  return { program, port };
}
