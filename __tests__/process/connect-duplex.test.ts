import { closeAll, loopback } from "../support/peers.js";
import { DONE, run } from "./run.js";

afterEach(closeAll);

test.each([
  "an error without a listener",
  "an error without a listener whose connection was asked for",
  "an error with a listener, and a rejection that nobody asks for",
  "listeners that throw",
  "unref() before it has connected",
  "unref() after it has connected",
])("a Duplex of connectDuplex, and its process: %s", async (name) => {
  // It accepts no client, and says nothing.
  const { port } = await loopback();
  expect(await run("connect-duplex", { args: [name, String(port)] })).toEqual(DONE);
});
