import { connect } from "../../src/index.js";
import { closeAll, keep } from "../support/peers.js";
import { endPrograms } from "../support/program.js";
import { example, portOf, sayingsOf } from "./example.js";

afterEach(async () => {
  await closeAll();
  await endPrograms();
});

/** The samples of a scrape, by their names and labels. */
async function scrape(port: number): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${String(port)}/metrics`, {
    headers: { connection: "close" },
  });
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** A scrape in which a sample has become this, which it does soon. */
async function scrapeUntil(port: number, name: string, value: number): Promise<Map<string, number>> {
  for (;;) {
    const samples = await scrape(port);
    if (samples.get(name) === value) return samples;
  }
}

test("the metrics tell how many connections are open, how others have ended, and what they carried", async () => {
  const server = example("metrics", 0, 0);
  const port = await portOf(server);
  const metrics = Number((await server.says(/metrics on port (\d+)/))[1]);
  const [polite, rude] = [keep(await connect("localhost", port)), keep(await connect("localhost", port))];
  await polite.write("hello");
  expect((await polite.readExactly(5)).toString()).toBe("hello");
  await scrapeUntil(metrics, "tcp_connections_open", 2);

  await polite.close();
  await scrapeUntil(metrics, 'tcp_connections_closed_total{end="closed",code=""}', 1);
  rude.reset();
  const samples = await scrapeUntil(
    metrics,
    'tcp_connections_closed_total{end="failed",code="ECONNRESET"}',
    1,
  );
  expect(samples.get("tcp_connections_open")).toBe(0);
  expect(samples.get('tcp_bytes_total{direction="in"}')).toBe(5);
  expect(samples.get('tcp_bytes_total{direction="out"}')).toBe(5);
  expect(samples.get("tcp_connection_duration_seconds_count")).toBe(2);

  server.kill("SIGINT");
  expect(await sayingsOf(server)).toContain("closed\n");
});
