import { connect } from "../../../src/index.js";
import { turn } from "../../support/outcomes.js";
import { closeAll, keep, loopback } from "../../support/peers.js";

afterEach(closeAll);

test("a read whose byte has come does not time out, however busy each turn is", async () => {
  const listener = await loopback();
  const sender = keep(await connect("127.0.0.1", listener.port));
  const reader = keep(await listener.accept());
  const reads: Promise<unknown>[] = [];
  for (let sent = 0; sent < 10; sent++) {
    // The read's time is up before the event loop turns again, and the alarm may be about to fire for the read before.
    reads.push(reader.readExactly(1, { timeout: 5 }));
    void sender.write("x");
    for (const end = performance.now() + 15; performance.now() < end;);
    await turn();
    await reads.at(-1);
  }
  expect((await Promise.all(reads)).join("")).toBe("x".repeat(10));
});
