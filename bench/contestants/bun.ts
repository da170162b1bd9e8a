import { onStage } from "../stage.js";

/** The part of Bun's API that is used here; Bun's own types conflict with those of Node.js. */
export interface BunSocket {
  write(bytes: Uint8Array): number;
}

interface Bun {
  listen(options: {
    port: number;
    hostname: string;
    socket: { data(socket: BunSocket, bytes: Uint8Array): unknown; error(): void };
  }): { port: number };
}

/** Puts a server of Bun on stage, whose sockets have `noDelay` from the start. */
export function serveBun(data: (socket: BunSocket, bytes: Uint8Array) => unknown): void {
  const { Bun } = globalThis as unknown as { Bun: Bun };
  const listener = Bun.listen({ port: 0, hostname: "127.0.0.1", socket: { data, error: () => undefined } });
  onStage({ port: listener.port });
}
