import { LOCALHOST } from "../../__tests__/support/certificates.js";
import { BACKLOG } from "../backlog.js";
import { over } from "../over.js";
import { onStage } from "../stage.js";

/** The part of Deno's API that is used here; Deno's own types conflict with those of Node.js. */
export interface Conn {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** Connections over TLS have none. */
  setNoDelay?(on: boolean): void;
  close(): void;
}

interface Listener extends AsyncIterable<Conn> {
  readonly addr: { readonly port: number };
}

interface Where {
  readonly port: number;
  readonly hostname: string;
  readonly tcpBacklog: number;
}

interface Deno {
  listen(options: Where): Listener;
  listenTls(options: Where & { cert: string; key: string }): Listener;
}

/** Puts a server of Deno on stage. Errors are ignored: a load that hangs up causes them. */
export async function serveDeno(take: (conn: Conn) => Promise<void>): Promise<void> {
  const { Deno } = globalThis as unknown as { Deno: Deno };
  const where = { port: 0, hostname: "127.0.0.1", tcpBacklog: BACKLOG };
  const listener = over === "tcp" ? Deno.listen(where) : Deno.listenTls({ ...where, ...LOCALHOST });
  onStage({ port: listener.addr.port });
  for await (const conn of listener) {
    conn.setNoDelay?.(true);
    take(conn)
      .catch(() => undefined)
      .finally(() => conn.close());
  }
}
