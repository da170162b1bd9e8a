// A process that may not use the network, run by no-network.test.ts: every call is refused as a NetError, and nothing is
// an uncaught exception. `simulated`: a release of Node without such permissions, made to throw where the others do.
import assert from "node:assert/strict";
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import { Server, Socket } from "node:net";
import process from "node:process";
import { connect, connectTo, listen, NetError, resolve } from "../../src/index.js";

if (process.argv[2] === "simulated") {
  const deny = (): never => {
    throw Object.assign(new Error("no network"), { code: "ERR_ACCESS_DENIED" });
  };
  (Server.prototype as unknown as { _listen2: () => never })._listen2 = deny;
  Socket.prototype.connect = deny;
  dns.lookup = deny as unknown as typeof dns.lookup;
  syncBuiltinESMExports();
}

const LOCAL = { localAddress: "127.0.0.1", localPort: 0 };
const BOUNDED = { timeout: 10_000, attemptTimeout: 10_000 };

const calls: readonly (readonly [operation: string, call: () => Promise<unknown>])[] = [
  ["listen", () => listen(0)],
  ["listen", () => listen(0, { host: "127.0.0.1" })],
  ["listen", () => listen("[::1]:0")],
  ["listen", () => listen({ port: 0, host: "127.0.0.1" }, { signal: new AbortController().signal })],
  ["listen", () => listen("/no/such/folder/app.sock")],
  ["resolve", () => listen("localhost:0")],
  ["connect", () => connect("127.0.0.1", 9)],
  ["connect", () => connect("127.0.0.1", 9, BOUNDED)],
  ["connect", () => connect("127.0.0.1", 9, LOCAL)],
  ["connect", () => connect("::1", 9, { localAddress: "::1" })],
  ["connect", () => connect("/no/such/folder/app.sock")],
  [
    "connect",
    () =>
      connect("several.test", 9, {
        lookup: (_name, _options, answer) =>
          answer(
            null,
            ["127.0.0.1", "::1"].map((address) => ({ address, family: address === "::1" ? 6 : 4 })),
          ),
      }),
  ],
  ["connect", () => connectTo([{ address: "127.0.0.1", port: 9, family: 4 }])],
  ["resolve", () => connect("localhost", 9)],
  ["resolve", () => resolve("localhost", 9)],
];

for (const [operation, call] of calls) {
  const error: unknown = await call().then(
    () => assert.fail(`${String(call)} succeeded`),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  assert.equal(error.operation, operation, String(call));
  // On Deno a lookup fails with the system's own code.
  const codes = operation === "resolve" ? ["ERR_ACCESS_DENIED", "EPERM"] : ["ERR_ACCESS_DENIED"];
  assert.ok(codes.includes(error.code), `${String(call)}: ${error.message}`);
  assert.ok(error.cause instanceof Error || error.attempts !== undefined, String(call));
}
// A later throw would have come by now.
await new Promise((resolve) => setTimeout(resolve, 50));
console.log("done");
