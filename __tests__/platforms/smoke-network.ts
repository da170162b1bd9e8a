import assert from "node:assert/strict";
import { systemNetwork, useNetwork, type Network } from "../../src/core/network.js";
import { connect, listen, NetError } from "../../src/index.js";
import { unusedPort } from "../support/unused-port.js";

async function failure(promise: Promise<unknown>): Promise<NetError> {
  const error: unknown = await promise.then(
    () => assert.fail("resolved"),
    (reason: unknown) => reason,
  );
  assert(error instanceof NetError, error as Error);
  return error;
}

/** What must work on every runtime, and is shown with a network that the library alone can be given. */
export const networkCases: Readonly<Record<string, () => Promise<void>>> = {
  async "a listener on several addresses of a name"() {
    const here = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
    const lookup: Network["lookup"] = (_name, _request, callback) => callback(null, ["192.0.2.77", ...here]);
    useNetwork({ ...systemNetwork, lookup });
    const port = await unusedPort();
    const listener = await listen({ host: "several.test", port });
    assert.equal(String(listener), here.map((address) => `${address}:${String(port)}`).join(", "));
    for (const address of here) {
      const [client, server] = await Promise.all([connect(address, port), listener.accept()]);
      await client.writeLine(address);
      assert.equal(await server.readLine(), address);
      assert.equal(server.localAddress, address);
      await Promise.all([client.close(), server.close()]);
    }
    const error = await failure(listen({ host: "several.test", port }));
    assert.deepEqual([error.code, error.address, error.attempts?.length], ["EADDRINUSE", "127.0.0.1", 2]);
    listener.server.close();
    await listener.closed;
    for (const address of here) assert.equal((await failure(connect(address, port))).code, "ECONNREFUSED");
    (await listen({ host: "several.test", port })).unref();
  },
};
