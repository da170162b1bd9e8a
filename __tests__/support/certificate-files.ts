import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AUTHORITY, LOCALHOST, OTHER_AUTHORITY } from "./certificates.js";

/** Certificates in files, for programs that take no others. */
export interface CertificateFiles extends AsyncDisposable {
  readonly authority: string;
  /** One that has not signed the certificate. */
  readonly otherAuthority: string;
  readonly cert: string;
  readonly key: string;
}

/** Writes the authority of the tests, and the identity of `localhost`, into a directory of their own. */
export async function certificateFiles(): Promise<CertificateFiles> {
  const directory = await mkdtemp(join(tmpdir(), "tcp6-certificates-"));
  const [authority, otherAuthority] = [join(directory, "authority"), join(directory, "other-authority")];
  await writeFile(authority, AUTHORITY);
  await writeFile(otherAuthority, OTHER_AUTHORITY);
  await writeIdentity(directory);
  return {
    authority,
    otherAuthority,
    cert: join(directory, "certificate"),
    key: join(directory, "key"),
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

/** Writes the identity of `localhost` into the files `certificate` and `key` of a directory. */
export async function writeIdentity(directory: string): Promise<void> {
  await writeFile(join(directory, "certificate"), LOCALHOST.cert);
  await writeFile(join(directory, "key"), LOCALHOST.key);
}
