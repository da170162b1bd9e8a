import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeIdentity } from "./certificate-files.js";
import type { ServerRecipe } from "./local-server.js";
import { MARIADB } from "./machine.js";

/** The only database of the server. */
export const DATABASE = "tcp6";

/**
 * A MariaDB that trusts every client, also one that asks for TLS, with tables in memory only. A database is a directory; without the tables that
 * `mariadb-install-db` makes, which takes seconds, the server misses its users, which nothing here needs.
 */
export const MARIADB_SERVER: ServerRecipe = {
  peer: MARIADB,
  async prepare(directory) {
    await mkdir(join(directory, "data", DATABASE), { recursive: true });
    await writeIdentity(directory);
  },
  args: (directory, port) => [
    "--no-defaults",
    // The server refuses to be root's unless it is told.
    ...(process.geteuid?.() === 0 ? ["--user=root"] : []),
    ...[
      `--datadir=${join(directory, "data")}`,
      `--tmpdir=${directory}`,
      `--pid-file=${join(directory, "pid")}`,
    ],
    ...["--bind-address=127.0.0.1", `--port=${String(port)}`, `--socket=${join(directory, "socket")}`],
    ...["--skip-grant-tables", "--skip-networking=0", "--skip-innodb", "--default-storage-engine=MEMORY"],
    ...["--aria-log-file-size=8M", "--aria-pagecache-buffer-size=1M", "--key-buffer-size=64K"],
    "--max-allowed-packet=64M",
    ...[`--ssl-cert=${join(directory, "certificate")}`, `--ssl-key=${join(directory, "key")}`],
  ],
  ready: /ready for connections[^]*Version/,
};
