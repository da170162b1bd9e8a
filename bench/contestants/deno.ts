import { onStage } from "../stage.js";

/** The part of Deno's API that is used here; Deno's own types conflict with those of Node.js. */
export interface Conn {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(on: boolean): void;
  close(): void;
}

interface Deno {
  listen(options: { port: number; hostname: string }): AsyncIterable<Conn> & { addr: { port: number } };
}

/** Puts a server of Deno on stage. Errors are ignored: a load that hangs up causes them. */
export async function serveDeno(take: (conn: Conn) => Promise<void>): Promise<void> {
  const { Deno } = globalThis as unknown as { Deno: Deno };
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  onStage({ port: listener.addr.port });
  for await (const conn of listener) {
    conn.setNoDelay(true);
    take(conn)
      .catch(() => undefined)
      .finally(() => conn.close());
  }
}
