import assert from "node:assert/strict";
import { once } from "node:events";
import * as http from "node:http";
import { text } from "node:stream/consumers";
import { onPair, onTimedPair, type ContractCase } from "./contract-case.js";
import { until } from "./expectations.js";
import { pattern } from "./payloads.js";

/** HTTP, as Node.js speaks it over the Duplex of a connection. */
export const duplexHttp: readonly ContractCase[] = [
  onPair("duplex: serves HTTP, and is a client's socket", async ({ a, b }) => {
    const server = http.createServer((request, response) => {
      request.resume().on("end", () => response.end(`you asked for ${request.url ?? ""}`));
    });
    server.emit("connection", b.duplex);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    agent.createConnection = () => a.duplex;
    for (const path of ["/first", "/second"]) {
      const request = http.request({ agent, path, host: "localhost", method: "POST", timeout: 5_000 });
      request.setTimeout(5_000);
      request.end(pattern(100_000));
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      assert.equal(await text(response), `you asked for ${path}`);
    }
    agent.destroy();
    // An agent lets the process end while its sockets are idle.
    a.ref();
    await a.closed;
    await Promise.allSettled([b.closed]);
    server.close();
  }),

  onPair("duplex: an HTTP server closes it after `Connection: close`", async ({ a, b }) => {
    const server = http.createServer((_request, response) => response.end("answer"));
    server.emit("connection", b.duplex);
    await a.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.match(String(await a.readAll()), /answer$/u);
    await Promise.all([a.close(), b.closed]);
    server.close();
  }),

  onTimedPair(
    "duplex: an HTTP server closes it when its keepAliveTimeout has passed",
    async ({ a, b, clock }) => {
      const server = http.createServer({ keepAliveTimeout: 50 }, (_request, response) =>
        response.end("answer"),
      );
      server.emit("connection", b.duplex);
      await a.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      const all = a.readAll();
      // The server adds to it what its release of Node.js grants.
      await until(() => (b.duplex.timeout ?? 0) >= 50);
      await clock.advance(b.duplex.timeout ?? 0);
      assert.match(String(await all), /answer/u);
      await Promise.all([a.close(), b.closed]);
      server.close();
    },
  ),
];
