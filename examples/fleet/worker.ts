/**
 * A worker of a fleet behind HAProxy: it answers lines over TLS, and takes leave of its clients before it ends.
 *
 *     TLS_KEY=key.pem TLS_CERT=cert.pem npx tsx examples/fleet/worker.ts [ENDPOINT [HEALTH_PORT]]
 *
 * SIGTERM ends it in this order: its health check fails, HAProxy has seen that, its clients are told "bye" between two
 * answers, they leave, it stops listening. "bye" means that no request without an answer was looked at: the client may
 * ask again elsewhere.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { listen, listenFds, serve, type Connection } from "tcp6";

// Together less than what a service manager waits before it kills the process.
const NOTICE_MS = 5_000;
const LEAVE_MS = 10_000;
const SETTLE_MS = 100;

const { TLS_KEY = "key.pem", TLS_CERT = "cert.pem" } = process.env;
const [endpoint = "127.0.0.1:4301", healthPort = 4401] = process.argv.slice(2);

const goodbye = new AbortController();
const stop = new AbortController();
let word: "ready" | "leaving" = "ready";

const listener = await listen(listenFds()[0] ?? endpoint, {
  proxyProtocol: "require",
  tls: { key: await readFile(TLS_KEY), cert: await readFile(TLS_CERT) },
});

// 404 has HAProxy send no more clients, and leave those alone that are here: `http-check disable-on-404`.
const health = createServer((request, response) => {
  const said = word;
  request.socket.once("close", () => health.emit(said)); // HAProxy has read it.
  response.writeHead(said === "ready" ? 200 : 404, { connection: "close" }).end();
}).listen(healthPort);
health.once("ready", () => process.send?.("in service"));

process.once("SIGTERM", () => void leave());
process.once("disconnect", () => void leave()); // The program that has started it is gone.
process.channel?.unref();
await serve(listener, answer, { signal: stop.signal, grace: 0 });
health.close();

async function answer(client: Connection): Promise<void> {
  try {
    for await (const request of client.lines({ signal: goodbye.signal })) {
      await client.writeLine(`${process.pid} ${client.remoteAddress} ${request}`);
    }
  } catch (error) {
    if (error !== goodbye.signal.reason) throw error;
    await client.writeLine("bye");
  }
}

async function leave(): Promise<void> {
  word = "leaving";
  await once(health, "leaving", { signal: AbortSignal.timeout(NOTICE_MS) }).catch(() => "not asked");
  goodbye.abort();
  const late = AbortSignal.timeout(LEAVE_MS);
  // Clients that HAProxy had just begun to connect come through their handshake, and are told "bye" as well.
  do await setTimeout(SETTLE_MS);
  while (listener.connections > 0 && !late.aborted);
  stop.abort();
}
