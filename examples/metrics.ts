/**
 * An echo server whose connections Prometheus can watch: `curl localhost:9464/metrics`. Ctrl-C ends it.
 *
 *     npx tsx examples/metrics.ts [port] [port of the metrics]
 *
 * The diagnostics channels tell of every connection of the process, so this part knows nothing of the server below.
 */
import { subscribe } from "node:diagnostics_channel";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Counter, Gauge, Histogram, register } from "prom-client";
import { listen, NetError, serve, type Connection, type ConnectionCloseEvent, type RefusedEvent } from "tcp6";

const open = new Gauge({ name: "tcp_connections_open", help: "Connections that are open" });
const closed = new Counter({
  name: "tcp_connections_closed_total",
  help: "Connections that have ended, and how",
  labelNames: ["end", "code"],
});
const bytes = new Counter({ name: "tcp_bytes_total", help: "Bytes carried", labelNames: ["direction"] });
const duration = new Histogram({
  name: "tcp_connection_duration_seconds",
  help: "How long connections were open",
  buckets: [0.01, 0.1, 1, 10, 60, 600],
});
const refused = new Counter({
  name: "tcp_clients_refused_total",
  help: "Clients turned away before they were accepted, and why",
  labelNames: ["reason"],
});

subscribe("tcp6:connection:open", () => open.inc());
subscribe("tcp6:connection:close", (event) => {
  const { bytesRead, bytesWritten, duration: ms, end, error } = event as ConnectionCloseEvent;
  open.dec();
  closed.inc({ end, code: error?.code ?? "" });
  bytes.inc({ direction: "in" }, bytesRead);
  bytes.inc({ direction: "out" }, bytesWritten);
  duration.observe(ms / 1_000);
});
subscribe("tcp6:listener:refused", (event) => refused.inc({ reason: (event as RefusedEvent).reason }));

const [port = "4242", metricsPort = "9464"] = process.argv.slice(2);
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

const listener = await listen(port, { maxConnections: 1_000 });
console.log(`listening on port ${String(listener.port)}`);
const metrics = createServer((_request, response) => {
  response.setHeader("Content-Type", register.contentType);
  void register.metrics().then((text) => response.end(text));
}).listen(Number(metricsPort));
metrics.on("listening", () =>
  console.log(`metrics on port ${String((metrics.address() as AddressInfo).port)}`),
);

await serve(listener, echo, {
  signal: stop.signal,
  onError: (error) => error instanceof NetError || console.error(error), // The metrics have those of the network.
});
metrics.close();
console.log("closed");

async function echo(connection: Connection): Promise<void> {
  for await (const chunk of connection) await connection.write(chunk);
}
